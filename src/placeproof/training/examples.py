"""What training draws: pictures, pairs of them, and batches of pairs."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Input:
    """A picture as the network sees it; its pixels are made when they are needed.

    Attributes:
        key: Tells pictures apart, in one run and between runs: the same key means the same
            pixels. Lower-case hex, 64 characters.
        size: Width and height in pixels.
        wraps: Whether it is a panorama, whose left and right edges touch.
        load: Makes the pixels, (H, W, 3) uint8 sRGB; can be pickled.
    """

    key: str
    size: tuple[int, int]
    wraps: bool
    load: Callable[[], NDArray[np.uint8]]


@dataclass(frozen=True, slots=True)
class Pair:
    """A query and a reference of a batch that are compared.

    Attributes:
        query: Index into the batch's queries.
        reference: Index into the batch's references.
        same: Whether they show the same place.
        mask: Makes M_R as it should be, (H, W) float32 in [0, 1] on the reference's patches;
            None where it is not known. Can be pickled.
        matches: Makes what each query patch shows, (h, w) int64: the reference patch with the
            same point, row * W + column, or -1 where that has none; None where it is not known.
            Can be pickled.
    """

    query: int
    reference: int
    same: bool
    mask: Callable[[], NDArray[np.float32]] | None = None
    matches: Callable[[], NDArray[np.int64]] | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Pictures, and which of them are compared; a picture in many pairs is seen once."""

    queries: tuple[Input, ...]
    references: tuple[Input, ...]
    pairs: tuple[Pair, ...]


class BatchSource(Protocol):
    """Where a phase takes its batches from."""

    @property
    def batches(self) -> int:
        """How many batches an epoch has."""
        ...

    def draw(self, epoch: int, number: int) -> Batch:
        """Batch ``number`` of an epoch: a pure function of the source's seed and the arguments.

        So a run that was interrupted goes on with exactly the batches that were left.
        """
        ...
