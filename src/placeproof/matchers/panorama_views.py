"""Perspective views that together show a panorama, for matchers that know photos only."""

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.geometry import View, cut_view

COUNT = 8  # half a view apart, so that most photos lie within one of them
FIELD_OF_VIEW = 90.0  # degrees, across and upright
# Pixels. In its middle, a view is then as fine as a panorama of 1600 pixels. Of 27 development
# pairs, views of 640 pixels told no more apart than these.
SIDE = 512


def panorama_views() -> tuple[View, ...]:
    """Eight level, square views of 90 degrees, 45 degrees apart; the first looks to the centre.

    All panoramas have views of one size, so that numbers of matches can be compared.
    """
    return tuple(
        View(
            yaw=(180 + turn * 360 / COUNT) % 360 - 180,
            pitch=0.0,
            roll=0.0,
            fov=FIELD_OF_VIEW,
            width=SIDE,
            height=SIDE,
        )
        for turn in range(COUNT)
    )


def cut_panorama(pixels: NDArray[np.uint8]) -> list[tuple[View, NDArray[np.uint8]]]:
    """The views of a panorama, with their pixels.

    Args:
        pixels: (H, W, 3) sRGB, equirectangular.

    Returns:
        Each view with its (SIDE, SIDE, 3) sRGB pixels, in the order of :func:`panorama_views`.
    """
    panorama = torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float()
    cut = []
    for view in panorama_views():
        picture = cut_view(panorama, view).round().clamp(0, 255)
        cut.append((view, picture.permute(1, 2, 0).to(torch.uint8).contiguous().numpy()))
    return cut
