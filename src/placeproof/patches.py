"""The network's patches and a picture's own pixels: from the ones to the others."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor


def scaled_size(size: tuple[int, int], longer: int, stride: int) -> tuple[int, int]:
    """Width and height of a picture scaled so that its longer side has ``longer`` pixels.

    No side becomes shorter than a patch of ``stride`` pixels.
    """
    scale = longer / max(size)
    return max(stride, round(size[0] * scale)), max(stride, round(size[1] * scale))


def as_batch(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Tensor:
    """A picture (H, W, 3) scaled to a width and height: (1, 3, height, width) in [0, 1]."""
    picture = Image.fromarray(pixels).resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float() / 255


class PatchGrid:
    """Where patches lie in the picture as it was given.

    Args:
        stride: Pixels a patch of the extractor's input.
        input_size: Width and height of that input.
        picture_size: Width and height of the picture before it was scaled to the input.
        wraps: Whether left and right edges touch.
    """

    def __init__(
        self,
        stride: int,
        input_size: tuple[int, int],
        picture_size: tuple[int, int],
        *,
        wraps: bool,
    ) -> None:
        self.picture_size = picture_size
        self.wraps = wraps
        self.columns = input_size[0] / stride  # not whole where the last patch is cut off
        self.rows = input_size[1] / stride

    def centre(self, column: int, row: int) -> tuple[float, float]:
        """Centre of a patch in pixels of the picture; for a cut-off patch, at most its edge."""
        width, height = self.picture_size
        x = min((column + 0.5) / self.columns, 1.0) * width
        return x, min((row + 0.5) / self.rows, 1.0) * height


@dataclass(frozen=True, slots=True, eq=False)
class Mask:
    """A part of a picture, kept on patches: at full size, those of many panoramas fill the memory.

    Attributes:
        patches: (h, w) float in [0, 1].
        grid: Where the patches lie.
    """

    patches: Tensor
    grid: PatchGrid

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in pixels."""
        return self.grid.picture_size

    def pixels(self) -> NDArray[np.float32]:
        """The mask on the picture's pixels: (H, W) in [0, 1], bilinear, made anew by each call."""
        values = self.patches.float().numpy()
        margin = 1 if self.grid.wraps else 0
        if self.grid.wraps:
            values = np.concatenate((values[:, -1:], values, values[:, :1]), axis=1)
        box = (margin, 0.0, margin + self.grid.columns, self.grid.rows)
        image = Image.fromarray(np.ascontiguousarray(values, dtype=np.float32))
        return np.array(image.resize(self.size, Image.Resampling.BILINEAR, box=box))
