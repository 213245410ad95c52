"""Building detectors: the contract, and what follows from what they say (paper, section 4.2)."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from placeproof.geometry import WrappedBox, largest_component, mask_box

LEAST_SHARE = 0.002  # of a picture, that a region covers; in a panorama, about 15 x 9 degrees


class BuildingDetector(Protocol):
    """Says where in a picture buildings are."""

    @property
    def name(self) -> str:
        """What the detector is called; another name where other weights answer."""
        ...

    def __call__(self, pixels: NDArray[np.uint8], *, wraps: bool = False) -> NDArray[np.float32]:
        """How likely each part of a picture shows a building.

        Args:
            pixels: (H, W, 3) sRGB.
            wraps: Whether left and right edges touch, as a panorama's do.

        Returns:
            (h, w) in [0, 1], on a grid of any resolution that covers the picture exactly.
        """
        ...


@dataclass(frozen=True, slots=True)
class Region:
    """Connected pixels that show buildings.

    Attributes:
        box: The smallest box around them, in cells of the probability's grid; in a panorama it
            may run across the seam.
        share: What they cover of the picture, in (0, 1]; the box covers more.
    """

    box: WrappedBox
    share: float


def building_share(probability: NDArray[np.float32]) -> float:
    """The share of a picture, in [0, 1], that shows buildings rather than not.

    Args:
        probability: (h, w) in [0, 1], from a detector.
    """
    return float((probability >= 0.5).mean())


def building_regions(
    probability: NDArray[np.float32], *, wraps: bool = True, least_share: float = LEAST_SHARE
) -> list[Region]:
    """The 8-connected regions that show buildings, the largest first.

    Args:
        probability: (h, w) in [0, 1], from a detector.
        wraps: Whether left and right edges touch; a region, and its box, may then run across
            the seam.
        least_share: What a region covers of the picture at least.
    """
    left = probability >= 0.5
    regions: list[Region] = []
    while True:
        largest = largest_component(left, wraps=wraps)
        box = mask_box(largest, wraps=wraps)
        share = float(largest.mean())
        if box is None or share < least_share:
            return regions
        regions.append(Region(box, share))
        left &= ~largest
