"""A library of the place in ``made_place.py``, photos of it, and weights that recognise it."""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import settings
from PIL import Image

from made_model import made_model
from made_place import (
    EXTRACTOR,
    HEADING,
    PHOTO_SIZE,
    PHOTO_YAW,
    PLACE,
    WIDTH,
    blocks,
    crop,
    hand_set_network,
)
from placeproof.fusion import model_document
from placeproof.network.checkpoint import ModelCard, Operation, load_checkpoint, save_checkpoint
from placeproof.panoramas.library import Library, Outcome

settings.register_profile("placeproof", deadline=None)  # no test fails because a machine is slow
settings.load_profile("placeproof")


@pytest.fixture(scope="session")
def checkpoint_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights that say 'the same place' of a picture and a part of it, and of little else."""
    card = ModelCard(
        name="hand-set",
        extractor=EXTRACTOR,
        projection=96,
        hidden=None,
        background=None,
        operation=Operation(
            panorama_width=WIDTH,
            photo_side=PHOTO_SIZE[0],
            temperature=1.0,
            consistent_from=0.8,
            inconsistent_to=0.2,
            least_variety=0.0,
            false_rate=0.05,
            miss_rate=0.05,
        ),
        training_data="none",
        metrics={},
        attribution="none",
        created="2026-01-01",
        seed=0,
    )
    path = tmp_path_factory.mktemp("weights") / "hand-set.safetensors"
    save_checkpoint(hand_set_network(), card, path)
    return path


@pytest.fixture(scope="session")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that takes the network at its word where it is sure, and else looks again."""
    model = made_model(matcher="xfeat")
    path = tmp_path_factory.mktemp("model") / "verdict.json"
    path.write_text(json.dumps(model_document(model)))
    return path


@pytest.fixture(scope="session")
def _stored_library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("stored")
    for seed in (1, 2):
        Image.fromarray(blocks(seed)).save(folder / f"{seed}.png")
    rows = [
        f"{seed}.png,{PLACE.latitude + offset},{PLACE.longitude},{HEADING},2024-05-0{seed}"
        for seed, offset in ((1, 0.0001), (2, -0.0002))  # 11 m and 22 m away
    ]
    (folder / "places.csv").write_text("\n".join(["file,lat,lon,heading,captured", *rows]))
    library = Library.create_or_open(folder / "library")
    assert {result.outcome for result in library.add([folder])} == {Outcome.ADDED}
    return library.folder


@pytest.fixture
def library_folder(_stored_library: Path, tmp_path: Path) -> Path:
    """A library of two panoramas 11 m and 22 m from ``PLACE``; nothing cached yet."""
    return shutil.copytree(_stored_library, tmp_path / "library")


@pytest.fixture
def photo_path(tmp_path: Path) -> Path:
    """A photo that the nearer panorama shows at ``PHOTO_YAW``; it carries no position."""
    path = tmp_path / "photo.png"
    Image.fromarray(crop(blocks(1), PHOTO_YAW)).save(path)
    return path


@pytest.fixture
def elsewhere_path(tmp_path: Path) -> Path:
    """A photo that no panorama of the library shows."""
    path = tmp_path / "elsewhere.png"
    Image.fromarray(crop(blocks(7), 0.0)).save(path)
    return path


@pytest.fixture
def with_exif(tmp_path: Path, photo_path: Path) -> Callable[..., Path]:
    """Makes the photo again, with EXIF.

    ``gps`` has the directory's values by tag; ``changes`` are replaced in the block's bytes
    (big-endian), for what Pillow refuses to write.
    """

    def make(
        gps: dict[int, object] | None = None,
        *,
        orientation: int = 1,
        changes: Sequence[tuple[bytes, bytes]] = (),
    ) -> Path:
        exif = Image.Exif()
        exif[0x0112] = orientation
        if gps is not None:
            exif[0x8825] = gps
        data = exif.tobytes()
        for old, new in changes:
            assert data.count(old) == 1
            data = data.replace(old, new)
        path = tmp_path / "exif.png"
        with Image.open(photo_path) as photo:
            photo.save(path, exif=data)
        return path

    return make


@pytest.fixture
def other_extractor_path(checkpoint_path: Path, tmp_path: Path) -> Path:
    """A sound file whose card names another extractor than its tensors are of."""
    sound = load_checkpoint(checkpoint_path)
    path = tmp_path / "other-extractor.safetensors"
    save_checkpoint(sound.network, replace(sound.card, extractor="resnet18"), path)
    return path
