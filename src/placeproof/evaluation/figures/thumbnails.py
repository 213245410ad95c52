"""Small copies of the pictures, each read once."""

from pathlib import Path

from PIL import Image

from placeproof.images import read_picture
from placeproof.report.overlay import fitted_size, scaled

SIDE = 480  # pixels along the longer side


class Thumbnails:
    """Copies at most ``SIDE`` pixels wide and high, never enlarged, that are kept in memory."""

    def __init__(self) -> None:
        self._kept: dict[Path, tuple[Image.Image, tuple[int, int]]] = {}

    def get(self, path: Path) -> Image.Image:
        """The copy (RGB) of a picture.

        Raises:
            PlaceproofError: If it cannot be read.
        """
        return self._read(path)[0]

    def size(self, path: Path) -> tuple[int, int]:
        """Width and height of the picture itself.

        Raises:
            PlaceproofError: If it cannot be read.
        """
        return self._read(path)[1]

    def _read(self, path: Path) -> tuple[Image.Image, tuple[int, int]]:
        if path not in self._kept:
            pixels = read_picture(path).pixels
            height, width = pixels.shape[:2]
            small = scaled(pixels, fitted_size(pixels.shape, min(SIDE, max(width, height))))
            self._kept[path] = small, (width, height)
        return self._kept[path]
