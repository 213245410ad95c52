import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import timm
import tiny
import torch
from PIL import Image
from safetensors.torch import load_file, save_file

import placeproof.training.trainer
from placeproof.network.checkpoint import load_checkpoint
from placeproof.training.journal import METRICS_FILE
from placeproof.training.manifest import Row, write_manifest
from placeproof.training.recipe import Recipe
from placeproof.training.run import FEATURES_FOLDER, Settings, train
from placeproof.training.trainer import STATE_FILE

RECIPE = replace(
    tiny.RECIPE,
    data=replace(tiny.RECIPE.data, cut="spherical", query_sizes=(64,)),
    phase=(
        replace(tiny.FEATURES, epochs=3, measure_every=2),
        replace(tiny.PHASES[0], train=("detector",), epochs=1, empty_masks=1),
        replace(tiny.PHASES[1], epochs=2),
    ),
)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    torch.manual_seed(0)
    save_file(timm.create_model(tiny.EXTRACTOR).state_dict(), tmp_path / "model.safetensors")
    (tmp_path / "run").mkdir()
    return Settings(
        output=tmp_path / "run",
        init=tmp_path / "model.safetensors",
        allow_download=False,
        device=torch.device("cpu"),
        features=None,
        memory=2**24,
        workers=2,
        tensorboard=False,
        about_data=None,
    )


@pytest.fixture
def manifest(tmp_path: Path) -> Path:
    rows = []
    for place in range(6):
        pixels = tiny.panorama_pixels(place)
        panorama, photo = tmp_path / f"panorama{place}.png", tmp_path / f"photo{place}.png"
        Image.fromarray(pixels).save(panorama)
        Image.fromarray(np.roll(pixels, 16 * place, axis=1)[32:96, :96]).save(photo)
        split = "train" if place < 4 else "development"
        rows.append(Row(photo, None, panorama, None, str(place), split, None))  # type: ignore[arg-type]
    write_manifest(tmp_path / "pairs.csv", rows)
    return tmp_path / "pairs.csv"


def test_from_correspondences_to_a_checkpoint(
    manifest: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placeproof.training.trainer, "write_samples", lambda *_: None)  # slow
    path, card = train(RECIPE, manifest, settings)
    found = load_checkpoint(path)
    assert found.card == card
    assert (card.projection, card.hidden, card.background) == (8, 4, 16)
    state = load_file(settings.output / STATE_FILE)
    for name, tensor in found.network.state_dict().items():
        if not name.startswith("verification"):  # which the calibration shifts
            assert torch.equal(tensor, state[f"network.{name}"].half().float()), name
    lines = [json.loads(line) for line in (settings.output / METRICS_FILE).read_text().splitlines()]
    measured = [line for line in lines if "loss" not in line]
    places = [(line["phase"], line["epoch"]) for line in measured]
    assert places == [
        *(("features", epoch) for epoch in (0, 2, 3)),
        *(("masks", epoch) for epoch in range(2)),
        *(("decision", epoch) for epoch in range(3)),
    ]
    decided = [line["phase"] for line in measured if "development AUC" in line]
    assert decided == ["decision"] * 3
    assert [*(settings.output / FEATURES_FOLDER).rglob("*.safetensors")]


def test_the_same_recipe_makes_the_same_weights(
    manifest: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(placeproof.training.trainer, "write_samples", lambda *_: None)
    short: Recipe = replace(
        RECIPE, phase=tuple(replace(p, epochs=1, measure_every=1) for p in RECIPE.phase)
    )
    (tmp_path / "other").mkdir()
    weights = []
    # What is cached, how much is kept and who prepares it changes nothing.
    for changes in ({}, {"output": tmp_path / "other", "memory": 0, "workers": 1}):
        path, _ = train(short, manifest, replace(settings, **changes))  # type: ignore[arg-type]
        weights.append(load_file(path))
    assert weights[0].keys() == weights[1].keys()
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
