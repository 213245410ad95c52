from pathlib import Path

import numpy as np
import pytest
import torch

from fit_stand_ins import COMPONENTS, main, principal_components, vocabulary
from placeproof.evaluation.methods import imagenet
from placeproof.sealed import read_weights


def test_the_second_cluster_gets_a_hundredth() -> None:
    random = np.random.default_rng(0)
    patches = random.normal(size=(500, 12))
    patches /= np.linalg.norm(patches, axis=1, keepdims=True)
    centres, sharpness = vocabulary(patches)
    assert centres.shape == (64, 12)
    directions = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    best = np.sort(patches @ directions.T, axis=1)[:, -2:]
    assert np.exp(-sharpness * (best[:, 1] - best[:, 0]).mean()) == pytest.approx(0.01)
    assert np.array_equal(vocabulary(patches)[0], centres)


def test_components_are_the_strongest_first() -> None:
    spread = np.linspace(3.0, 0.1, 60)
    patches = np.random.default_rng(1).normal(size=(4000, 60)) * spread + 5
    mean, components = principal_components(patches)
    assert np.allclose(mean, 5, atol=0.3)
    assert components.shape == (COMPONENTS, 60)
    assert np.allclose(components @ components.T, np.eye(COMPONENTS), atol=1e-9)
    variances = ((patches - mean) @ components.T).var(axis=0)
    assert (np.diff(variances) < 0).all()


def test_what_ships_fits_the_extractor() -> None:
    (content, tensors), _ = read_weights(imagenet.FILE, imagenet.FORMAT, "file of stand-ins")
    assert content["extractor"] == imagenet.extractor_key()
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    assert shapes == {"centres": (64, 472), "mean": (120,), "components": (40, 120)}
    fitted = imagenet.stand_ins()
    assert 1 < fitted.sharpness < 1000
    assert torch.allclose(fitted.components @ fitted.components.T, torch.eye(40), atol=1e-2)


def test_it_writes_a_file_that_loads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "stand_ins.safetensors"

    def drawn(number: int, _width: int) -> tuple[torch.Tensor, torch.Tensor]:
        torch.manual_seed(number)
        return torch.rand(200, 472), torch.rand(200, 120)

    monkeypatch.setattr("fit_stand_ins.street_patches", drawn)  # rendering takes long
    monkeypatch.setattr("sys.argv", ["fit", "--output", str(path), "--streets", "2"])
    main()
    (content, tensors), _ = read_weights(path, imagenet.FORMAT, "file of stand-ins")
    assert content["extractor"] == imagenet.extractor_key()
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    assert shapes == {"centres": (64, 472), "mean": (120,), "components": (40, 120)}
