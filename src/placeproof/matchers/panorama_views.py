"""Perspective views that together show a panorama, for matchers that know photos only."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

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
    channels = as_channels(pixels)
    return [(view, view_picture(channels, view)) for view in panorama_views()]


def as_channels(pixels: NDArray[np.uint8]) -> Tensor:
    """A picture (H, W, 3) as a tensor (3, H, W), float32 in [0, 255]."""
    return torch.from_numpy(np.array(pixels)).permute(2, 0, 1).float()


def view_picture(panorama: Tensor, view: View) -> NDArray[np.uint8]:
    """The picture of a view, (h, w, 3) sRGB, of a panorama that :func:`as_channels` made."""
    picture = cut_view(panorama, view).round().clamp(0, 255).to(torch.uint8)
    return picture.permute(1, 2, 0).contiguous().numpy()
