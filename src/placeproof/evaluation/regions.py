"""Where the query lies in the reference: found masks and boxes against the true ones.

Masks are compared on a grid of at most ``GRID`` columns and rows, in a panorama 0.7° each: finer
than any method's answer, and the true masks of a thousand pairs fit into memory.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.evaluation.suite import EvaluationPair
from placeproof.geometry import WrappedBox, mask_box
from placeproof.images import read_picture
from placeproof.metrics import intersection_over_union

GRID = 512
THRESHOLD = 0.5  # of masks (paper, section 5.3)

Rectangle = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(frozen=True, slots=True, eq=False)
class TrueRegion:
    """What of a reference shows what the query shows.

    Attributes:
        mask: (h, w) bool, a grid that covers the reference.
        box: Around its largest component, in cells of the mask.
        wraps: Whether the reference's left and right edges touch.
    """

    mask: NDArray[np.bool_]
    box: WrappedBox
    wraps: bool


def true_region(pair: EvaluationPair) -> TrueRegion | None:
    """Reads the true region of a pair of the same place.

    Returns:
        None where the pair has none: no mask is known, it is all black, or the pair shows
        different places.

    Raises:
        PlaceproofError: If the mask cannot be read as a picture.
    """
    if pair.mask is None or not pair.same:
        return None
    white = read_picture(pair.mask).pixels.mean(axis=2, dtype=np.float32) / 255
    height, width = white.shape
    shrink = max(1.0, max(width, height) / GRID)
    size = max(1, round(width / shrink)), max(1, round(height / shrink))
    mask = resized(white, size, wraps=pair.panorama) >= THRESHOLD
    box = mask_box(mask, wraps=pair.panorama)
    return None if box is None else TrueRegion(mask, box, pair.panorama)


def resized(
    mask: NDArray[np.float32], size: tuple[int, int], *, wraps: bool
) -> NDArray[np.float32]:
    """A mask (h, w) on another grid: (size[1], size[0]) float32, bilinear, across the seam too."""
    margin = int(wraps)
    padded = np.pad(mask, ((0, 0), (margin, margin)), mode="wrap")
    box = (margin, 0, margin + mask.shape[1], mask.shape[0])
    image = Image.fromarray(np.ascontiguousarray(padded, dtype=np.float32))
    return np.array(image.resize(size, Image.Resampling.BILINEAR, box=box))


def mask_overlap(found: NDArray[np.float32], true: TrueRegion) -> float:
    """Intersection over union, in [0, 1], of a found M_R (h, w) with the true region."""
    height, width = true.mask.shape
    grown = resized(found, (width, height), wraps=true.wraps)
    return intersection_over_union(grown >= THRESHOLD, true.mask)


def box_overlap(found: WrappedBox, size: tuple[int, int], true: TrueRegion) -> float:
    """Intersection over union, in [0, 1], of a found box with the true region's box.

    Args:
        found: In cells of a grid that covers the reference.
        size: Width and height of that grid.
        true: What was to be found.
    """
    height, width = true.mask.shape
    first = parts(found, size)
    second = parts(true.box, (width, height))
    common = sum(_common_area(a, b) for a in first for b in second)
    return common / (sum(map(_area, first)) + sum(map(_area, second)) - common)


def parts(box: WrappedBox, size: tuple[int, int]) -> list[Rectangle]:
    """A box as rectangles in shares of the reference's width and height: one, or two at the seam.

    Args:
        box: In cells of a grid that covers the reference.
        size: Width and height of that grid.
    """
    width, height = size
    top, bottom = box.top / height, (box.top + box.height) / height
    return [(start / width, top, stop / width, bottom) for start, stop in box.spans(width)]


def _area(rectangle: Rectangle) -> float:
    left, top, right, bottom = rectangle
    return (right - left) * (bottom - top)


def _common_area(first: Rectangle, second: Rectangle) -> float:
    width = min(first[2], second[2]) - max(first[0], second[0])
    height = min(first[3], second[3]) - max(first[1], second[1])
    return max(0.0, width) * max(0.0, height)
