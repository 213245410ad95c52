import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import StorageError
from placeproof.report.overlay import sheet
from placeproof.training.samples import Sample, draw_samples, write_samples

STRIDE = 16
GREY, YELLOW, TINT = (90, 90, 90), (255, 255, 0), (236, 0, 140)
MARGIN, LINE = 16, 32  # of the sheet, and from a caption to its pictures
QUERY, PANORAMA = (96, 128), (208, 416)  # heights and widths


def plain(shape: tuple[int, int]) -> NDArray[np.uint8]:
    return np.full((*shape, 3), GREY, np.uint8)


def patches(shape: tuple[int, int], value: float = 0.0) -> NDArray[np.float32]:
    return np.full((-(-shape[0] // STRIDE), -(-shape[1] // STRIDE)), value, np.float32)


def sample(
    query: tuple[int, int] = QUERY,
    panorama: tuple[int, int] = PANORAMA,
    found: NDArray[np.float32] | None = None,
    true: NDArray[np.float32] | None = None,
    query_value: float = 0.0,
) -> Sample:
    return Sample(
        query=plain(query),
        panorama=plain(panorama),
        query_mask=patches(query, query_value),
        panorama_mask=patches(panorama) if found is None else found,
        true_mask=true,
        same=True,
        probability=0.875,
    )


def pictures(sheet: Image.Image) -> list[NDArray[np.uint8]]:
    """The three pictures of a sheet of one pair of the usual sizes."""
    unit = (1600 - 4 * MARGIN) / (128 / 96 + 2 + 2)
    sizes = [int(unit * 128 / 96), int(unit * 2), int(unit * 2)]
    pixels, left, parts = np.asarray(sheet), MARGIN, []
    for width in sizes:
        parts.append(pixels[MARGIN + LINE : MARGIN + LINE + int(unit), left : left + width])
        left += width + MARGIN
    return parts


def where(picture: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = (picture == colour).all(axis=2)
    return found


def test_nothing_found_leaves_the_pictures_as_they_are() -> None:
    query, panorama, mask = pictures(draw_samples([sample()], STRIDE))
    assert where(query, GREY).all()
    assert where(panorama, GREY).all()
    assert where(mask, (0, 0, 0)).all()


def test_what_was_found_is_tinted_and_what_is_true_outlined() -> None:
    found, true = patches(PANORAMA), patches(PANORAMA)
    found[4:8, 4:10] = 0.8
    true[3:9, 14:24] = 1.0
    query, panorama, mask = pictures(
        draw_samples([sample(found=found, true=true, query_value=1.0)], STRIDE)
    )
    assert not where(query, GREY).any()
    height, width = panorama.shape[:2]
    # Inside the found region, but not on its line; in the middle of the true one; outside both.
    centres = {"found": (6 / 13, 7 / 26), "true": (6 / 13, 19 / 26), "neither": (0.1, 0.5)}
    pixel = {
        name: (int(row * height), int(column * width)) for name, (row, column) in centres.items()
    }
    assert tuple(panorama[pixel["found"]]) not in (GREY, TINT)
    assert tuple(panorama[pixel["true"]]) == tuple(panorama[pixel["neither"]]) == GREY
    assert tuple(mask[pixel["found"]]) == (204, 204, 204)  # .8 of 255
    assert tuple(mask[pixel["true"]]) == (0, 0, 0)
    for picture in (panorama, mask):
        rows, columns = np.nonzero(where(picture, YELLOW))
        assert rows.min() == pytest.approx(3 / 13 * height, abs=2)
        assert rows.max() == pytest.approx(9 / 13 * height, abs=2)
        assert columns.min() == pytest.approx(14 / 26 * width, abs=2)
        assert columns.max() == pytest.approx(24 / 26 * width, abs=2)
    assert not where(mask, TINT).any()


def test_a_region_across_the_seam_has_no_line_there() -> None:
    true = patches(PANORAMA)
    true[3:9, :3] = true[3:9, -3:] = 1.0
    _, panorama, _ = pictures(draw_samples([sample(true=true)], STRIDE))
    middle = panorama[len(panorama) * 6 // 13]
    assert not where(middle[None], YELLOW)[0, [0, -1]].any()
    assert where(middle[None], YELLOW).sum() > 2


def test_a_mask_goes_on_across_the_seam() -> None:
    true = patches(PANORAMA)
    true[3:9, 0], true[3:9, -1] = 0.4, 1.0
    _, panorama, _ = pictures(draw_samples([sample(true=true)], STRIDE))
    assert where(panorama[:, :2], YELLOW).any(), "half-way between both columns it is 0.7"


@pytest.mark.parametrize(
    ("same", "probability", "true", "caption"),
    [
        (True, 0.874, None, "1: the same place, said with probability 0.87"),
        (False, 0.001, None, "1: different places, said with probability below 0.01"),
        (
            True,
            0.5,
            patches(PANORAMA),
            "1: the same place, said with probability 0.50; yellow: true mask",
        ),
    ],
)
def test_the_caption_tells_label_and_probability(
    same: bool, probability: float, true: NDArray[np.float32] | None, caption: str
) -> None:
    drawn = draw_samples([replace(sample(true=true), same=same, probability=probability)], STRIDE)
    expected = sheet([(caption, [Image.new("RGB", (drawn.width - 2 * MARGIN, 9))])])
    strips = [np.asarray(picture)[: MARGIN + LINE] for picture in (drawn, expected)]
    assert np.array_equal(*strips)


@pytest.mark.parametrize("count", range(1, 9))
def test_each_pair_has_a_row(count: int) -> None:
    """Queries of many shapes, whose last patches are cut off or which are a patch wide."""
    shapes = [(96, 128), (250, 384), (384, 250), (16, 384), (384, 16), (192, 192), (20, 31), (1, 1)]
    samples = [sample(query, true=patches(PANORAMA, 1.0)) for query in shapes[:count]]
    sheet = draw_samples(samples, STRIDE)
    assert 1400 <= sheet.width <= 1600
    heights = [draw_samples([one], STRIDE).height - MARGIN for one in samples]
    assert sheet.height == sum(heights) + MARGIN


def test_no_pair_is_no_picture() -> None:
    with pytest.raises(ValueError, match="no samples"):
        draw_samples([], STRIDE)


@pytest.mark.parametrize(("name", "format_"), [("epoch-1.jpg", "JPEG"), ("epoch-1.png", "PNG")])
def test_a_sheet_is_a_file(tmp_path: Path, name: str, format_: str) -> None:
    write_samples([sample()], STRIDE, tmp_path / name)
    data = (tmp_path / name).read_bytes()
    with Image.open(io.BytesIO(data)) as picture:
        assert picture.format == format_
        assert picture.size == draw_samples([sample()], STRIDE).size
    assert [path.name for path in tmp_path.iterdir()] == [name]
    with pytest.raises(StorageError):
        write_samples([sample()], STRIDE, tmp_path / "missing" / name)
