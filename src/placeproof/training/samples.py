"""A picture of what the network finds in some pairs: a look at how the training goes."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from placeproof.patches import Mask, PatchGrid
from placeproof.report.overlay import (
    YELLOW,
    draw_outline,
    mask_picture,
    query_overlay,
    reference_overlay,
    scaled,
    sheet,
    side_by_side,
)
from placeproof.report.pictures import write_picture
from placeproof.results import Comparison
from placeproof.verdict import probability_text


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """A pair as the network sees it, and what it says of it.

    Attributes:
        query: (h, w, 3) uint8 sRGB, as the extractor gets it.
        panorama: (H, W, 3) uint8 sRGB, as the extractor gets it.
        query_mask: M_Q, float32 in [0, 1] on the query's patches.
        panorama_mask: M_R, float32 in [0, 1] on the panorama's patches.
        true_mask: M_R as it should be, of the same shape, or None where that is not known.
        same: Whether they show the same place.
        probability: What the network says of that, in [0, 1].
    """

    query: NDArray[np.uint8]
    panorama: NDArray[np.uint8]
    query_mask: NDArray[np.float32]
    panorama_mask: NDArray[np.float32]
    true_mask: NDArray[np.float32] | None
    same: bool
    probability: float


def draw_samples(samples: Sequence[Sample], stride: int) -> Image.Image:
    """One row a pair: the query, the panorama, and M_R in shades of grey.

    Where a mask reaches 0.5 the picture is tinted; where the true mask does, the panorama has a
    yellow outline.

    Args:
        samples: At least one pair.
        stride: Pixels a patch.

    Returns:
        RGB, 1600 pixels wide or a little less.

    Raises:
        ValueError: If there are no pairs.
    """
    if not samples:
        raise ValueError("there are no samples to draw")
    return sheet(
        [
            (_caption(number, sample), _row(sample, stride))
            for number, sample in enumerate(samples, start=1)
        ]
    )


def write_samples(samples: Sequence[Sample], stride: int, path: Path) -> None:
    """Writes :func:`draw_samples` as PNG if the name says so and else as JPEG, atomically.

    Raises:
        StorageError: If the file cannot be written.
        ValueError: If there are no pairs.
    """
    write_picture(draw_samples(samples, stride), path)


def _caption(number: int, sample: Sample) -> str:
    place = "the same place" if sample.same else "different places"
    truth = "" if sample.true_mask is None else "; yellow: true mask"
    return f"{number}: {place}, said with probability {probability_text(sample.probability)}{truth}"


def _row(sample: Sample, stride: int) -> list[Image.Image]:
    """The pictures of a pair, all of one height."""
    comparison = Comparison(
        logit=float(torch.tensor(sample.probability).logit(eps=1e-6)),
        probability=sample.probability,
        query_mask=_mask(sample.query_mask, sample.query, stride, wraps=False),
        reference_mask=_mask(sample.panorama_mask, sample.panorama, stride, wraps=True),
        box=None,
        yaw=None,
        yaws=(),
        matches=(),
    )
    query_size, size, _ = side_by_side(
        sample.query.shape, sample.panorama.shape, sample.panorama.shape
    )
    query = query_overlay(comparison, scaled(sample.query, query_size))
    panorama = reference_overlay(comparison, scaled(sample.panorama, size))
    grey = mask_picture(comparison.reference_mask.pixels(), size).convert("RGB")
    if sample.true_mask is not None:
        true = _mask(sample.true_mask, sample.panorama, stride, wraps=True).pixels()
        for picture in (panorama, grey):
            draw_outline(picture, true, YELLOW)
    return [query, panorama, grey]


def _mask(
    patches: NDArray[np.float32], pixels: NDArray[np.uint8], stride: int, *, wraps: bool
) -> Mask:
    size = (pixels.shape[1], pixels.shape[0])
    return Mask(torch.from_numpy(patches), PatchGrid(stride, size, size, wraps=wraps))
