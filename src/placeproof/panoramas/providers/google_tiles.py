"""Panoramas of Google Street View as tiles: which size to ask for, and how to join them."""

import io
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import NetworkError
from placeproof.panoramas.providers.fields import UnusableError, delivered_size, member, number

# What the network sees. The next level, about twice as wide, has four times as many tiles, and
# each is paid for.
ENOUGH_WIDTH = 1664
_MOST_LEVEL = 5
_TILE_SIDES = range(64, 2049)  # pixels; they are 512 today
_FORMATS = ("JPEG", "PNG", "WEBP")


@dataclass(frozen=True, slots=True)
class Level:
    """A panorama at one of its sizes; each level is half as wide as the next one.

    Attributes:
        number: 0 is the smallest, which fits into one tile.
        width: Of the whole panorama in pixels.
        height: Likewise.
        tile_width: Of a tile in pixels.
        tile_height: Likewise.
    """

    number: int
    width: int
    height: int
    tile_width: int
    tile_height: int

    @property
    def columns(self) -> int:
        """How many tiles lie side by side; the last one may reach over the edge."""
        return -(-self.width // self.tile_width)

    @property
    def rows(self) -> int:
        """How many tiles lie one below the other; the last one likewise."""
        return -(-self.height // self.tile_height)


def level_of(metadata: object) -> Level:
    """The smallest level that is wide enough for the network, else the largest there is.

    Args:
        metadata: What Google says of the panorama.

    Raises:
        UnusableError: If it is no full panorama.
    """
    full = [number(member(metadata, name)) for name in ("imageWidth", "imageHeight")]
    delivered_size(*full)  # a full panorama, or an error
    tile = [number(member(metadata, name)) for name in ("tileWidth", "tileHeight")]
    width, height = (int(side or 0) for side in full)
    tile_width, tile_height = (int(side or 0) for side in tile)
    if tile_width not in _TILE_SIDES or tile_height not in _TILE_SIDES:
        raise UnusableError("the size of its tiles is not said")
    # The level at which the panorama has its full size is the one whose 2^level tiles hold it.
    largest = max(0, math.ceil(math.log2(width / tile_width)))
    if largest > _MOST_LEVEL:
        raise UnusableError(f"{width} x {height} pixels are more than its tiles hold")
    for halvings in range(largest, -1, -1):
        across = -(-width // 2**halvings)
        if across >= ENOUGH_WIDTH or halvings == 0:
            break
    return Level(largest - halvings, across, -(-height // 2**halvings), tile_width, tile_height)


def joined(level: Level, tile: Callable[[int, int], bytes]) -> NDArray[np.uint8]:
    """A panorama of its tiles, (level.height, level.width, 3) sRGB.

    Args:
        level: Its size.
        tile: Fetches the file of the tile in a column and a row.

    Raises:
        NetworkError: If a tile is missing, damaged or of another size.
    """
    panorama = np.empty((level.height, level.width, 3), np.uint8)
    for row in range(level.rows):
        for column in range(level.columns):
            left, top = column * level.tile_width, row * level.tile_height
            target = panorama[top : top + level.tile_height, left : left + level.tile_width]
            height, width = target.shape[:2]
            pixels = _decoded(tile(column, row))
            # At the right and lower edge a tile is either cut off or filled up.
            if pixels.shape[:2] not in ((level.tile_height, level.tile_width), (height, width)):
                raise NetworkError(
                    f"tile {column},{row} has {pixels.shape[1]} x {pixels.shape[0]} pixels "
                    f"instead of {level.tile_width} x {level.tile_height}"
                )
            target[:] = pixels[:height, :width]
    return panorama


def _decoded(data: bytes) -> NDArray[np.uint8]:
    try:
        with Image.open(io.BytesIO(data), formats=_FORMATS) as image:
            if max(image.size) >= _TILE_SIDES.stop:
                raise NetworkError(f"a tile has {image.width} x {image.height} pixels")
            return np.asarray(image.convert("RGB"))
    except NetworkError:
        raise
    except Exception as error:  # hostile bytes make the decoders raise nearly anything
        raise NetworkError("a tile is damaged") from error
