"""How well a method localizes, pair by pair (paper, section 5.3, where it is judged by eye)."""

import functools
import math

from placeproof.evaluation.regions import TrueRegion, box_overlap, mask_overlap, true_region
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.geometry import wrap_degrees
from placeproof.images import read_picture


class Truth:
    """The true regions of a suite's pairs, each read once.

    Args:
        suite: The pairs.

    Raises:
        PlaceproofError: If a mask cannot be read.
    """

    def __init__(self, suite: Suite) -> None:
        regions = {number: true_region(pair) for number, pair in enumerate(suite.pairs)}
        self.regions: dict[int, TrueRegion] = {
            number: region for number, region in regions.items() if region is not None
        }
        self._references = [pair.reference for pair in suite.pairs]

    @functools.cache  # noqa: B019  # it lives as long as the suite is measured
    def reference_size(self, pair: int) -> tuple[int, int]:
        """Width and height of a pair's reference in pixels."""
        height, width = read_picture(self._references[pair]).pixels.shape[:2]
        return width, height


def mask_overlaps(result: MethodResult, truth: Truth) -> dict[int, float] | None:
    """Intersection over union of masks, by pair; None for a method without masks.

    Where a method that gives masks gave none, the overlap is 0.
    """
    if not result.has_masks():
        return None
    overlaps = {}
    for pair, region in truth.regions.items():
        masks = result.masks(pair)
        overlaps[pair] = 0.0 if masks is None else mask_overlap(masks[1], region)
    return overlaps


def box_overlaps(result: MethodResult, truth: Truth) -> dict[int, float] | None:
    """Intersection over union of boxes, by pair; None for a method without boxes."""
    if not result.has_boxes():
        return None
    overlaps = {}
    for pair, region in truth.regions.items():
        box = result.answers[pair].box
        if box is None:
            overlaps[pair] = 0.0
        else:
            grid = box_grid(result, pair) or truth.reference_size(pair)
            overlaps[pair] = box_overlap(box, grid, region)
    return overlaps


def box_grid(result: MethodResult, pair: int) -> tuple[int, int] | None:
    """Width and height of the grid that a pair's box counts in; None: the reference's pixels."""
    masks = result.masks(pair)
    return None if masks is None else (masks[1].shape[1], masks[1].shape[0])


def bearing_errors(suite: Suite, result: MethodResult) -> dict[int, float] | None:
    """By how many degrees the camera's direction is wrong, by pair of the same place.

    Returns:
        In [0, 180], infinite where the method gave no direction; None if it never does.
    """
    if all(answer.yaw is None for answer in result.answers):
        return None
    return {
        number: math.inf if answer.yaw is None else abs(wrap_degrees(answer.yaw - pair.bearing))
        for number, (pair, answer) in enumerate(zip(suite.pairs, result.answers, strict=True))
        if pair.same and pair.bearing is not None
    }
