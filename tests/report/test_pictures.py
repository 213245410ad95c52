from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import StorageError
from placeproof.location import Location
from placeproof.panoramas.source import PanoramaRecord
from placeproof.report.pictures import Panoramas, write_overlays, write_picture
from placeproof.results import Verification

RED, BLUE = (200, 0, 0), (0, 0, 200)


def plain(colour: tuple[int, int, int], width: int, height: int) -> NDArray[np.uint8]:
    return np.full((height, width, 3), colour, np.uint8)


def reddest_share(path: Path, channel: int) -> float:
    """The share of a picture in which one channel stands out."""
    pixels = np.asarray(Image.open(path)).astype(int)
    others = pixels.sum(axis=2) - pixels[..., channel]
    return float((pixels[..., channel] > others + 50).mean())


def test_each_panorama_has_its_own_sheet(consistent: Verification, tmp_path: Path) -> None:
    photo = plain((0, 0, 0), 80, 60)
    panoramas = [plain(RED, 400, 200), plain(BLUE, 400, 200)]
    paths = write_overlays(consistent, photo, panoramas, tmp_path)
    assert [path.name for path in paths] == [
        "street-01-111111111111.jpg",
        "street-01-111111111111-points.jpg",
        "street-02-222222222222.jpg",
    ]
    del paths[1]
    red = [reddest_share(path, 0) for path in paths]
    blue = [reddest_share(path, 2) for path in paths]
    assert red[0] > 0.15 > 0.01 > red[1]
    assert blue[1] > 0.15 > 0.01 > blue[0]


def test_an_id_cannot_lead_out_of_the_folder(consistent: Verification, tmp_path: Path) -> None:
    evidence = consistent.evidence[0]
    evil = replace(evidence, record=replace(evidence.record, id="../../x y"))
    pictures = [plain(RED, 400, 200)]
    path, points = write_overlays(
        replace(consistent, evidence=(evil,)), plain(BLUE, 80, 60), pictures, tmp_path
    )
    assert path == tmp_path / "street-01-______x_y.jpg"
    assert path.is_file()
    assert points.parent == tmp_path


def test_of_pictures_that_may_not_be_kept_only_the_mask_is_drawn(
    consistent: Verification, tmp_path: Path
) -> None:
    evidence = consistent.evidence[0]
    secret = replace(evidence, record=replace(evidence.record, may_keep=False))

    class Forbidden(list[NDArray[np.uint8]]):
        def __getitem__(self, index: object) -> NoReturn:
            raise AssertionError("the picture was asked for")

    some = replace(consistent, evidence=(secret,))
    (path,) = write_overlays(some, plain(BLUE, 80, 60), Forbidden(), tmp_path)
    assert list(tmp_path.iterdir()) == [path]
    sheet = np.asarray(Image.open(path)).astype(int)
    blue = sheet[..., 2] > sheet[..., 0] + 50
    third = sheet.shape[0] // 3
    assert blue[:third].any()
    assert blue[-third:].any()
    right = sheet[:, sheet.shape[1] // 2 :]
    assert (right[:third] > 200).all(axis=2).mean() > 0.9  # where the panorama would be
    assert (right[-third:] > 200).all(axis=2).all()
    assert (right[third:-third] < 50).all(axis=2).any()  # its mask


def test_without_panoramas_nothing_is_written(no_coverage: Verification, tmp_path: Path) -> None:
    assert write_overlays(no_coverage, plain(BLUE, 80, 60), [], tmp_path) == []
    assert list(tmp_path.iterdir()) == []


def test_panoramas_are_fetched_when_asked_for(consistent: Verification) -> None:
    asked: list[str] = []

    class Source:
        def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
            raise NotImplementedError

        def fetch(self, record: PanoramaRecord) -> NDArray[np.uint8]:
            asked.append(record.id[0])
            return plain(RED, 4, 2)

    panoramas = Panoramas(Source(), [evidence.record for evidence in consistent.evidence])
    assert len(panoramas) == 2
    assert asked == []
    assert panoramas[1].shape == (2, 4, 3)
    assert asked == ["2"]


def test_a_picture_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        write_picture(Image.new("RGB", (8, 8)), tmp_path / "missing" / "picture.png")
