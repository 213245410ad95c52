"""Textures: seeded noise, and an atlas that is sampled at the right sharpness."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.scene.model import Floats

MAX_LEVELS = 10


def noise(
    rng: np.random.Generator,
    shape: tuple[int, int],
    scale: tuple[float, float],
    octaves: int = 4,
) -> Floats:
    """Multi-octave value noise.

    Args:
        rng: Where the values come from.
        shape: (H, W) of the result.
        scale: Pixels down and across between values of the coarsest octave.
        octaves: Each is twice as fine and carries 0.6 times as much as the one before.

    Returns:
        (H, W), mean about 0, standard deviation about 1.
    """
    total = np.zeros(shape, dtype=np.float32)
    for octave in range(octaves):
        rows = max(2, int(shape[0] / scale[0] * 2**octave) + 2)
        columns = max(2, int(shape[1] / scale[1] * 2**octave) + 2)
        if rows > shape[0] and columns > shape[1]:
            break
        grid = rng.standard_normal((rows, columns), dtype=np.float32)
        resized = Image.fromarray(grid).resize((shape[1], shape[0]), Image.Resampling.BICUBIC)
        total += 0.6**octave * np.asarray(resized)
    deviation = float(total.std())
    return total / deviation if deviation else total


def tileable_noise(rng: np.random.Generator, side: int, cells: int, octaves: int) -> Floats:
    """As :func:`noise`, (side, side), whose opposite edges fit; ``cells`` divides ``side``."""
    total = np.zeros((side, side), dtype=np.float32)
    for octave in range(octaves):
        count = cells * 2**octave
        grid = np.pad(rng.standard_normal((count, count), dtype=np.float32), 2, mode="wrap")
        step = side // count
        enlarged = Image.fromarray(grid).resize(((count + 4) * step,) * 2, Image.Resampling.BICUBIC)
        inner = slice(2 * step, 2 * step + side)
        total += 0.6**octave * np.asarray(enlarged)[inner, inner]
    return total / float(total.std())


class Atlas:
    """All textures of a street in one array, each with ever coarser copies of itself.

    A texture is (H, W, 4) uint8: sRGB and a fourth channel that is 0 in holes, and from 255,
    matt, to 128, glass, elsewhere.
    """

    def __init__(self) -> None:
        self._parts: list[NDArray[np.uint32]] = []
        self._length = 0
        self._tables: list[list[tuple[int, int, int]]] = []

    def add(self, texture: NDArray[np.uint8]) -> int:
        """Stores a texture and returns its number."""
        levels = []
        for _ in range(MAX_LEVELS):
            height, width = texture.shape[:2]
            self._parts.append(np.ascontiguousarray(texture).view(np.uint32).ravel())
            levels.append((self._length, width, height))
            self._length += width * height
            if max(height, width) > 1:
                size = (max(1, width // 2), max(1, height // 2))
                # Not as "RGBA", in which PIL would weight colours with the fourth channel.
                channels = [
                    Image.fromarray(texture[:, :, c]).resize(size, Image.Resampling.BOX)
                    for c in range(4)
                ]
                texture = np.stack([np.asarray(channel) for channel in channels], axis=-1)
        self._tables.append(levels)
        return len(self._tables) - 1

    def close(self) -> None:
        """Makes the atlas ready for sampling; nothing is added after this."""
        self._texels = np.concatenate(self._parts)
        self._levels = np.array(self._tables, dtype=np.int32)  # texture, level, (start, w, h)
        self._parts.clear()

    def width(self, texture: NDArray[np.int32]) -> NDArray[np.int32]:
        """Columns of each texture at full size."""
        columns: NDArray[np.int32] = self._levels[texture, 0, 1]
        return columns

    def opaque(self, texture: int, u: Floats, v: Floats) -> NDArray[np.bool_]:
        """Whether points of one texture, (N,) in [0, 1], are no holes; the nearest texel says."""
        start, width, height = self._levels[texture, 0]
        x = np.clip((u * width).astype(np.int32), 0, width - 1)
        y = np.clip(((1 - v) * height).astype(np.int32), 0, height - 1)
        fourth = self._texels[start + y * width + x] >> 24
        return np.asarray(fourth >= 64, dtype=np.bool_)

    def sample(self, texture: NDArray[np.int32], u: Floats, v: Floats, level: Floats) -> Floats:
        """Bilinear samples.

        Args:
            texture: (N,) numbers of textures.
            u: (N,) 0 to 1 from left to right; beyond, the texture repeats.
            v: (N,) 0 to 1 from bottom to top; likewise.
            level: (N,) how many times the texture is halved before; rounded.

        Returns:
            (4, N) in [0, 1].
        """
        chosen = np.clip(np.rint(level), 0, MAX_LEVELS - 1).astype(np.int32)
        start, width, height = self._levels[texture, chosen].T
        x, y = u * width - 0.5, -v * height - 0.5
        left, top = np.floor(x), np.floor(y)
        fx, fy = x - left, y - top
        x0, y0 = left.astype(np.int32) % width, top.astype(np.int32) % height
        x1, y1 = x0 + 1, y0 + 1
        x1[x1 == width] = 0
        y1[y1 == height] = 0
        row0, row1 = start + y0 * width, start + y1 * width
        total = np.zeros((4, len(u)), dtype=np.float32)
        for index, weight in (
            (row0 + x0, (1 - fx) * (1 - fy)),
            (row0 + x1, fx * (1 - fy)),
            (row1 + x0, (1 - fx) * fy),
            (row1 + x1, fx * fy),
        ):
            texels = self._texels[index].view(np.uint8).reshape(-1, 4)
            total += texels.T * (weight * (1 / 255)).astype(np.float32)
        return total
