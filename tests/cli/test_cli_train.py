"""``placeproof train`` from a manifest to weights that verify, and what it says of bad input."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

import placeproof.training.trainer
from placeproof.errors import (
    DownloadNotAllowedError,
    ManifestError,
    RecipeError,
    StateError,
    TrainingError,
    WeightsError,
    WeightsMismatchError,
)
from placeproof.network.checkpoint import load_checkpoint

Cli = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr

RECIPE = """
name = "small"
seed = 1
extractor = "test_resnet"
projection = 8
attribution = "made by code"
[data]
panorama_width = 256
query_sizes = [64, 96]
square = false
cut = "spherical"
pool = 2
[operation]
photo_side = 96
least_variety = 0.0
false_rate = 0.1
miss_rate = 0.1
[[phase]]
name = "masks"
data = "synthetic"
loss = "mask"
optimiser = "sgd"
learning_rate = 0.01
batch = 2
empty_masks = 1
train = ["detector"]
epochs = 1
[[phase]]
name = "decision"
data = "pairs"
loss = "decision"
optimiser = "adam"
learning_rate = 0.001
batch = 4
negatives = ["disordered", "look-alike"]
train = ["verification"]
epochs = 1
patience = 1
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A recipe, a manifest of six places with their pictures, and a timm model's weights."""
    random = np.random.default_rng(0)
    lines = ["query,query_lat,query_lon,panorama,panorama_lat,panorama_lon,place,split,mask"]
    for place in range(6):
        blocks = random.integers(0, 256, (8, 16, 3), dtype=np.uint8)
        panorama = Image.fromarray(blocks).resize((512, 256), Image.Resampling.NEAREST)
        panorama.save(tmp_path / f"panorama{place}.png")
        panorama.crop((place * 40, 64, place * 40 + 192, 192)).save(tmp_path / f"photo{place}.png")
        split = "train" if place < 3 else "development"
        lines.append(f"photo{place}.png,,,panorama{place}.png,,,place {place},{split},")
    (tmp_path / "pairs.csv").write_text("\n".join(lines))
    (tmp_path / "recipe.toml").write_text(RECIPE)
    import timm

    torch.manual_seed(0)
    save_file(timm.create_model("test_resnet").state_dict(), tmp_path / "model.safetensors")
    return tmp_path


@pytest.fixture
def train(cli: Cli, folder: Path) -> Cli:
    """Runs ``placeproof train`` with the folder's files, and more or other options."""

    def run(*options: object) -> tuple[int, str, str]:
        files = {
            "--manifest": folder / "pairs.csv",
            "--output": folder / "run",
            "--init": folder / "model.safetensors",
        }
        given = dict(zip(options[::2], options[1::2], strict=True))
        recipe = given.pop("recipe", folder / "recipe.toml")
        merged = {k: v for k, v in {**files, **given}.items() if v is not None}
        return cli("train", recipe, *(part for option in merged.items() for part in option))

    return run


def test_from_a_manifest_to_weights_that_verify(
    train: Cli, cli: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, out, err = train("--about-data", "Blocks, CC0.")
    assert code == 0, err
    weights = folder / "run" / "small.safetensors"
    assert out.splitlines()[-1] == f"the weights are in {weights}"
    card = load_checkpoint(weights).card
    assert card.training_data.startswith("pairs.csv; train: 3 pairs and 3 panoramas of 3 places;")
    assert card.training_data.endswith("Blocks, CC0.")
    assert (card.projection, card.seed, card.attribution) == (8, 1, "made by code")
    for name in (
        "all: AUC",
        "look-alikes: ECE",
        "queries of 64 pixels: AUC",
        "synthetic: mask IoU",
    ):
        assert f"development, {name}" in card.metrics
    lines = [json.loads(line) for line in (folder / "run" / "metrics.jsonl").open()]
    assert {line["phase"] for line in lines} == {"masks", "decision"}
    assert [*(folder / "run" / "features").rglob("*.safetensors")]
    photo, panorama = folder / "photo4.png", folder / "panorama4.png"
    code, _, err = cli("match", photo, panorama, "--weights", weights)
    assert code == 0, err
    assert [*(folder / "run" / "samples").iterdir()]
    monkeypatch.setattr(placeproof.training.trainer, "write_samples", lambda *_: None)  # slow
    # The same command is harmless; another recipe in the same folder is refused, and the
    # trained weights can be trained on.
    before = weights.read_bytes()
    assert train("--about-data", "Blocks, CC0.", "--init", None)[0] == 0
    assert weights.read_bytes() == before
    (folder / "recipe.toml").write_text(RECIPE.replace("epochs = 1", "epochs = 2"))
    code, _, err = train()
    assert code == StateError.exit_code
    assert err.count("\n") == 1
    assert train("--init", weights, "--output", folder / "more")[0] == 0
    (folder / "recipe.toml").write_text(RECIPE.replace("projection = 8", "projection = 9"))
    code, _, err = train("--init", weights, "--output", folder / "other")
    assert code == WeightsMismatchError.exit_code
    assert "projection 8" in err


def test_an_interrupted_run_says_how_to_go_on(
    train: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    step = placeproof.training.trainer.Trainer._step

    def interrupted(trainer: object, *arguments: object) -> object:
        import os
        import signal

        os.kill(os.getpid(), signal.SIGINT)
        return step(trainer, *arguments)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(placeproof.training.trainer.Trainer, "_step", interrupted)
        code, out, err = train()
    assert code == 130
    assert out == ""
    assert f"placeproof: the same command goes on from the state in {folder / 'run'}\n" in err
    assert "Traceback" not in err
    code, out, err = train()
    assert code == 0, err


def one_line(code: int, err: str, kind: type, *named: str) -> None:
    assert code == kind.exit_code, err  # type: ignore[attr-defined]
    assert err.startswith("placeproof: error: ")
    assert err.count("\n") == 1
    for name in named:
        assert name in err


def test_what_cannot_be_trained_on_is_one_line(train: Cli, folder: Path) -> None:
    code, _, err = train("recipe", folder / "no.toml")
    one_line(code, err, RecipeError, "no.toml")
    code, _, err = train("--manifest", folder / "no.csv")
    one_line(code, err, ManifestError, "no.csv")
    pairs = (folder / "pairs.csv").read_text()
    (folder / "train.csv").write_text(pairs.replace("development", "train"))
    code, _, err = train("--manifest", folder / "train.csv")
    one_line(code, err, TrainingError, "development")
    (folder / "development.csv").write_text(pairs.replace("train", "development"))
    code, _, err = train("--manifest", folder / "development.csv")
    one_line(code, err, TrainingError, "phase 'masks'", "split 'train'")
    (folder / "empty.csv").write_text(pairs.splitlines()[0])
    code, _, err = train("--manifest", folder / "empty.csv")
    one_line(code, err, ManifestError)
    code, _, err = train("--init", folder / "no.safetensors")
    one_line(code, err, WeightsError, "no.safetensors")
    code, _, err = train("--init", folder / "pairs.csv")
    one_line(code, err, WeightsError, "pairs.csv")
    (folder / "wide.toml").write_text(RECIPE.replace("= 256", "= 352"))
    code, _, err = train("recipe", folder / "wide.toml")
    one_line(code, err, RecipeError, "'panorama_width'", "64")


def test_nothing_is_downloaded_unasked(
    train: Cli, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    code, _, err = train("--init", None)
    one_line(code, err, DownloadNotAllowedError, "placeproof weights fetch test_resnet")


def test_an_unreadable_picture_is_one_line(train: Cli, folder: Path) -> None:
    (folder / "photo1.png").write_bytes((folder / "photo1.png").read_bytes()[:100])
    code, _, err = train()
    assert 10 <= code < 20, err
    last = err.splitlines()[-1]
    assert last.startswith("placeproof: error: ")
    assert "photo1.png" in last
    assert "Traceback" not in err


def test_a_device_that_is_not_here(train: Cli) -> None:
    code, _, err = train("--device", "nonsense")
    assert code == 2
    assert "nonsense" in err
