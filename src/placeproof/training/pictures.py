"""Picture files as training sees them: read, scaled, and told apart by their content."""

import functools
import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import ManifestError
from placeproof.images import read_picture
from placeproof.patches import scaled_size
from placeproof.training.examples import Input

SCALING_VERSION = 1  # raise it when the same file and size give other pixels
_KEPT = 24  # scaled panoramas kept in memory, 4 MB each at 1664 x 832: those of a batch


@dataclass(frozen=True, slots=True)
class PictureFile:
    """A file and what is known of it without its pixels.

    Attributes:
        path: Where it is.
        sha256: SHA-256 of its bytes, lower-case hex.
        size: Width and height of the upright picture in pixels.
    """

    path: Path
    sha256: str
    size: tuple[int, int]


class PictureFiles:
    """Makes inputs of files; each file is looked at once, when it is first asked for."""

    def __init__(self) -> None:
        self._known: dict[Path, PictureFile] = {}

    def file(self, path: Path) -> PictureFile:
        """What is known of a file.

        Raises:
            PlaceproofError: If it cannot be read as a picture; see ``read_picture``.
        """
        if path not in self._known:
            picture = read_picture(path)
            height, width = picture.pixels.shape[:2]
            self._known[path] = PictureFile(path, picture.sha256, (width, height))
        return self._known[path]

    def panorama(self, path: Path, size: tuple[int, int]) -> Input:
        """A panorama, scaled to ``size``: width and height in pixels."""
        return self._input(path, size, wraps=True)

    def photo(self, path: Path, size: int, stride: int, *, square: bool) -> Input:
        """A photo, scaled to ``size`` pixels.

        Args:
            path: The file.
            size: Of both sides if ``square``, as in the paper; else of the longer side.
            stride: Pixels a patch; no side becomes shorter.
            square: Whether the photo's shape is given up.
        """
        shape = (1, 1) if square else self.file(path).size
        return self._input(path, scaled_size(shape, size, stride), wraps=False)

    def _input(self, path: Path, size: tuple[int, int], *, wraps: bool) -> Input:
        file = self.file(path)
        key = input_key("file", SCALING_VERSION, file.sha256, size)
        read = read_panorama if wraps else read_photo
        return Input(key, size, wraps, functools.partial(read, file, size))


def input_key(*parts: object) -> str:
    """SHA-256 of all that an input's pixels depend on; each part by its ``repr``."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()


def read_photo(file: PictureFile, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The pixels (H, W, 3) of a file scaled to ``size``.

    Raises:
        ManifestError: If the file is no longer what it was when the run began.
        PlaceproofError: If it cannot be read as a picture.
    """
    picture = read_picture(file.path)
    if picture.sha256 != file.sha256:
        raise ManifestError(f"{str(file.path)!r} was changed while it was trained on; start again")
    image = Image.fromarray(picture.pixels)
    return np.array(image.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0))


def read_panorama(file: PictureFile, size: tuple[int, int]) -> NDArray[np.uint8]:
    """As :func:`read_photo`, for panoramas, which are asked for again and again in a batch."""
    return _kept_panorama(file, size).copy()


@functools.lru_cache(maxsize=_KEPT)
def _kept_panorama(file: PictureFile, size: tuple[int, int]) -> NDArray[np.uint8]:
    return read_photo(file, size)


def read_mask(path: Path, grid: tuple[int, int]) -> NDArray[np.float32]:
    """A mask of any size as the mean over each patch: (H, W) float32 in [0, 1].

    Args:
        path: A picture, white where the mask is.
        grid: Columns and rows of patches.

    Raises:
        PlaceproofError: If it cannot be read as a picture.
    """
    grey = Image.fromarray(read_picture(path).pixels).convert("L").convert("F")
    means: NDArray[np.float32] = np.array(grey.resize(grid, Image.Resampling.BOX))
    return means / np.float32(255)


def empty_mask(grid: tuple[int, int]) -> NDArray[np.float32]:
    """The mask of a pair that shares nothing: zeros (H, W) on ``grid``, columns and rows."""
    return np.zeros((grid[1], grid[0]), dtype=np.float32)
