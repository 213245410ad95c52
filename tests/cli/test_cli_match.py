import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pytest
from PIL import Image

import placeproof
from placeproof import errors

Run = Any  # exit code, stdout, stderr; see conftest.py


@pytest.fixture
def match(cli: Callable[..., Run], checkpoint_path: Path) -> Callable[..., Run]:
    def run(*arguments: object) -> Run:
        return cli("match", *arguments, "--weights", checkpoint_path)

    return run


@pytest.fixture
def panorama_path(photo_path: Path, tmp_path: Path) -> Path:
    """A panorama that shows the photo from column 256, row 128 on."""
    pixels = np.random.default_rng(0).integers(0, 256, (512, 1024, 3), dtype=np.uint8)
    with Image.open(photo_path) as photo:
        pixels[128:384, 256:576] = np.asarray(photo)
    path = tmp_path / "panorama.png"
    Image.fromarray(pixels).save(path)
    return path


def document(run: Run) -> dict[str, Any]:
    assert run.code == 0, run.err
    loaded: dict[str, Any] = json.loads(run.out)
    path = Path(placeproof.__file__).parent / "report" / "schema.json"
    jsonschema.validate(loaded, json.loads(path.read_text()))
    return loaded


def test_a_picture_that_is_no_panorama_is_not_taken_for_one(
    match: Callable[..., Run], photo_path: Path
) -> None:
    run = match(photo_path, photo_path, "--panorama")
    assert run.code == errors.NotEquirectangularError.exit_code
    assert "not twice as wide as high" in run.err


def test_a_part_of_a_panorama(
    match: Callable[..., Run], photo_path: Path, panorama_path: Path
) -> None:
    run = match(photo_path, panorama_path)
    assert run.code == 0
    assert run.err == ""
    assert run.out.startswith("Match probability")
    assert "panorama.png (1024 x 512) as a panorama" in run.out
    answer = document(match(photo_path, panorama_path, "--json"))
    assert answer["reference"]["panorama"] is True
    comparison = answer["comparison"]
    assert comparison["probability"] > 0.9
    assert comparison["box"]["left"] == pytest.approx(256, abs=32)
    assert comparison["yaw"] == pytest.approx((416 / 1024 - 0.5) * 360, abs=12)


@pytest.mark.parametrize(
    ("flags", "panorama"), [((), True), (("--panorama",), True), (("--no-panorama",), False)]
)
def test_whether_the_reference_is_a_panorama(
    match: Callable[..., Run],
    photo_path: Path,
    panorama_path: Path,
    flags: tuple[str, ...],
    panorama: bool,
) -> None:
    answer = document(match(photo_path, panorama_path, "--json", *flags))
    assert answer["reference"]["panorama"] is panorama
    if not panorama:
        assert answer["comparison"]["yaw"] is None


def test_two_photos(match: Callable[..., Run], photo_path: Path, elsewhere_path: Path) -> None:
    same = document(match(photo_path, photo_path, "--json"))
    other = document(match(photo_path, elsewhere_path, "--json"))
    assert same["reference"]["panorama"] is other["reference"]["panorama"] is False
    assert same["comparison"]["probability"] > 0.9 > 0.1 > other["comparison"]["probability"]


def test_json_is_the_same_twice(
    match: Callable[..., Run], photo_path: Path, panorama_path: Path
) -> None:
    first, second = (document(match(photo_path, panorama_path, "--json")) for _ in range(2))
    del first["run"], second["run"]
    assert json.dumps(first) == json.dumps(second)


@pytest.mark.parametrize(("name", "form"), [("sheet.png", "PNG"), ("sheet.JPG", "JPEG")])
def test_overlay(
    match: Callable[..., Run], photo_path: Path, tmp_path: Path, name: str, form: str
) -> None:
    run = match(photo_path, photo_path, "--overlay", tmp_path / name)
    assert run.code == 0
    assert run.err == f"overlay written to {tmp_path / name}\n"
    with Image.open(tmp_path / name) as sheet:
        assert sheet.format == form
        assert sheet.width > 1000


def test_overlays_that_are_not_written(
    match: Callable[..., Run], photo_path: Path, elsewhere_path: Path, tmp_path: Path
) -> None:
    before = [path.read_bytes() for path in (photo_path, elsewhere_path)]
    for path in (photo_path, elsewhere_path, tmp_path / "missing" / "sheet.png"):
        run = match(photo_path, elsewhere_path, "--overlay", path)
        assert run.code == errors.StorageError.exit_code
        assert run.err.count("\n") == 1
    assert [path.read_bytes() for path in (photo_path, elsewhere_path)] == before
    run = match(photo_path, elsewhere_path, "--overlay", tmp_path / "sheet.gif")
    assert run.code == 2
    assert ".png" in run.err


@pytest.mark.parametrize("position", [0, 1])
def test_bad_pictures(
    match: Callable[..., Run], photo_path: Path, tmp_path: Path, position: int
) -> None:
    (tmp_path / "empty.jpg").write_bytes(b"")
    (tmp_path / "text.jpg").write_text("no picture")
    for name, kind in (
        ("empty.jpg", errors.TruncatedImageError),
        ("text.jpg", errors.NotAnImageError),
        ("missing.jpg", errors.NotAnImageError),
    ):
        pictures = [photo_path, photo_path]
        pictures[position] = tmp_path / name
        run = match(*pictures)
        assert run.code == kind.exit_code
        assert run.out == ""
        assert run.err.startswith("placeproof: error: ")
        assert name in run.err
        assert run.err.count("\n") == 1


def test_missing_weights(cli: Callable[..., Run], photo_path: Path, tmp_path: Path) -> None:
    run = cli("match", photo_path, photo_path, "--weights", tmp_path / "missing.safetensors")
    assert run.code == errors.WeightsError.exit_code
    assert run.err.count("\n") == 1
