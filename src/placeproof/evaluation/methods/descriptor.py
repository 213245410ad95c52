"""What all methods share that describe a picture by one vector and compare vectors by cosine."""

from abc import abstractmethod

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from placeproof.errors import EvaluationError
from placeproof.evaluation.method import Answer, Features, Method
from placeproof.geometry import View, cut_view
from placeproof.patches import as_batch, scaled_size

# Those of the network that ships, so that dense methods see the pixels that it sees: a degree of
# a usual photo then has as many as a degree of the panorama.
PHOTO_SIDE = 384  # pixels along the longer side
PANORAMA_SIZE = (1664, 832)

VIEW_FOV = 90.0  # degrees
VIEW_YAWS = tuple(float(yaw) for yaw in range(-180, 180, 45))  # neighbours share half a view
_IMAGENET_MEAN = (0.485, 0.456, 0.406)
_IMAGENET_STD = (0.229, 0.224, 0.225)


class DescriptorMethod(Method):
    """A method whose score is the cosine of two vectors, in [-1, 1].

    A panorama is either described whole, as the paper does with its baselines (section 5.2: "we
    simply treat them as feature extractors"), or as eight overlapping perspective views, of
    which the most similar counts. The best view then also says where the camera looked, to the
    nearest 45 degrees.

    Attributes:
        view_side: Width and height of the views in pixels; None: panoramas are described whole.
    """

    view_side: int | None = None

    @abstractmethod
    def describe(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Tensor:
        """The vector (D,) of a picture, of any length.

        Args:
            pixels: (H, W, 3) sRGB of any size.
            panorama: Whether it is a whole panorama; never where there are views.
        """

    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """``descriptors`` (V, D) float32 of unit length: of the whole picture, or of each view.

        Raises:
            EvaluationError: If a descriptor has a number that is none.
        """
        side = self.view_side if panorama else None
        pictures = [pixels] if side is None else cut_views(pixels, side)
        whole = panorama and side is None
        with torch.inference_mode():
            described = [self.describe(picture, panorama=whole).float() for picture in pictures]
            descriptors = torch.nn.functional.normalize(torch.stack(described), dim=1)
        if not descriptors.isfinite().all():
            raise EvaluationError(f"{self.name} describes a picture by what are no numbers")
        return {"descriptors": descriptors.numpy()}

    def compare(self, query: Features, reference: Features, *, panorama: bool) -> Answer:
        """The best cosine, and the direction of the best view."""
        cosines = reference["descriptors"] @ query["descriptors"][0]
        best = int(cosines.argmax())
        views = panorama and self.view_side is not None
        return Answer(float(cosines[best]), yaw=VIEW_YAWS[best] if views else None)


def cut_views(pixels: NDArray[np.uint8], side: int) -> list[NDArray[np.uint8]]:
    """The perspective views (side, side, 3) of a panorama (H, W, 3), in the order of VIEW_YAWS."""
    width = min(pixels.shape[1], 8 * side)  # what more there is, no view could show
    panorama = as_batch(pixels, (width - width % 2, width // 2))[0]
    views = [View(yaw, 0.0, 0.0, VIEW_FOV, side, side) for yaw in VIEW_YAWS]
    cut = [cut_view(panorama, view).mul(255).round().clamp(0, 255) for view in views]
    return [view.permute(1, 2, 0).byte().numpy() for view in cut]


def dense_size(pixels: NDArray[np.uint8], *, panorama: bool) -> tuple[int, int]:
    """Width and height at which dense methods see a picture (H, W, 3); neither below 16."""
    height, width = pixels.shape[:2]
    return PANORAMA_SIZE if panorama else scaled_size((width, height), PHOTO_SIDE, 16)


def imagenet_normalised(batch: Tensor) -> Tensor:
    """Pictures (B, 3, H, W) in [0, 1] as torchvision's and most other models want them."""
    mean, std = batch.new_tensor(_IMAGENET_MEAN), batch.new_tensor(_IMAGENET_STD)
    return (batch - mean[:, None, None]) / std[:, None, None]
