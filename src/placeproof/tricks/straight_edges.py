"""Straight lines through a picture, and where along them its colour steps."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

_LEAST_LENGTH = 0.03  # of the picture's longer side; shorter edges are texture
_BESIDE = 1.5  # pixels that an edge may lie beside a line of which it is a part
_ASLANT = np.sin(np.radians(3.0))  # that it may be turned against it
_STEP = 8.0  # levels of some colour
_STEEPER = 1.5  # times as high as any step beside it
_NEAR, _FAR = 1.5, 4.0  # pixels from a line: the step lies between both of its near sides
_LEAST_STEPS = 0.3  # of the picture's width or height, for a level or upright line


@dataclass(frozen=True, slots=True, eq=False)
class EdgeLine:
    """A straight line through a picture.

    Attributes:
        normal: (2,) unit vector across it.
        offset: ``normal @ point`` of its points, pixels.
        start: Position along it of the first entry of ``before``, pixels.
        before: (P + 1,) how many pixels of the line are steps of colour before each position.
    """

    normal: Floats
    offset: float
    start: int
    before: NDArray[np.int64]

    def covered(self, first: Floats, second: Floats) -> Floats:
        """Share (...), in [0, 1], of steps between two points (..., 2) of the line."""
        direction = np.array([-self.normal[1], self.normal[0]])
        ends = np.stack(np.broadcast_arrays(first @ direction, second @ direction))
        low, high = np.sort(ends, axis=0) - self.start
        last = len(self.before) - 1
        counts = [self.before[np.rint(end).clip(0, last).astype(int)] for end in (low, high)]
        share: Floats = (counts[1] - counts[0]) / np.maximum(high - low, 1.0)
        return share.clip(0, 1)


def find_lines(picture: NDArray[np.uint8]) -> list[tuple[Floats, float]]:
    """Normals and offsets of lines that straight edges of a picture (H, W, 3) lie on.

    Edges are found by the line segment detector of von Gioi et al., LSD: A Fast Line Segment
    Detector with a False Detection Control, PAMI 2010 (OpenCV's). Level and upright lines are
    also found by steps alone, which two textures have in common where they meet.
    """
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)
    found = cv2.createLineSegmentDetector().detect(grey)[0]
    edges = np.empty((0, 4)) if found is None else found.reshape(-1, 4).astype(np.float64) + 0.5
    length = np.hypot(edges[:, 2] - edges[:, 0], edges[:, 3] - edges[:, 1])
    edges = edges[length >= _LEAST_LENGTH * max(grey.shape)]
    lines = [_line_through(edges, number) for number in range(len(edges))]
    levels = picture.astype(np.float32)
    lines += [(np.array([1.0, 0.0]), float(x)) for x in _upright(levels)]
    lines += [(np.array([0.0, 1.0]), float(y)) for y in _upright(levels.transpose(1, 0, 2))]
    return lines


def steps_along(picture: NDArray[np.float32], normal: Floats, offset: float) -> EdgeLine:
    """Where the colours of a picture (H, W, 3) step across a line.

    A step is at least 8 levels of some colour, and half as high again as what comes just before
    and just behind: texture has few of them in a row.

    Args:
        picture: (H, W, 3), levels in [0, 255].
        normal: (2,) unit vector across the line.
        offset: ``normal @ point`` of its points.
    """
    height, width = picture.shape[:2]
    direction = np.array([-normal[1], normal[0]])
    corners = np.array([[0, 0], [width, 0], [0, height], [width, height]]) @ direction
    start, stop = int(np.floor(corners.min())), int(np.ceil(corners.max()))
    along = np.arange(start, stop)[None, :, None] + 0.5
    across = np.array([-_FAR, -_NEAR, _NEAR, _FAR])[:, None, None]
    place = (along * direction + (offset + across) * normal - 0.5).astype(np.float32)
    inside = (place >= 0).all(axis=(0, 2)) & (place <= (width - 1, height - 1)).all(axis=(0, 2))
    colours = cv2.remap(picture, place[..., 0], place[..., 1], cv2.INTER_LINEAR)
    before, step, behind = np.abs(np.diff(colours, axis=0)).max(axis=2)
    steps = inside & (step >= _STEP) & (step >= _STEEPER * np.maximum(before, behind))
    return EdgeLine(normal, offset, start, np.concatenate(([0], np.cumsum(steps))))


def _upright(picture: NDArray[np.float32]) -> NDArray[np.int64]:
    """Columns x whose left edge is one of steps over much of a picture (H, W, 3)."""
    pairs = np.abs(np.diff(picture, axis=1)).max(axis=2)
    beside = np.maximum(pairs[:, :-2], pairs[:, 2:])
    share = ((pairs[:, 1:-1] >= _STEP) & (pairs[:, 1:-1] >= _STEEPER * beside)).mean(axis=0)
    columns: NDArray[np.int64] = np.flatnonzero(share >= _LEAST_STEPS) + 2
    return columns


def _line_through(edges: Floats, number: int) -> tuple[Floats, float]:
    """The line that edge ``number`` of (S, 4) lies on, fitted to all edges that lie on it."""
    first, second = edges[:, :2], edges[:, 2:]
    way = second - first
    on_it = np.arange(len(edges)) == number
    normal, offset = _fitted(first[on_it], second[on_it])
    for _ in range(2):
        beside = np.abs(np.stack((first @ normal, second @ normal)) - offset).max(axis=0)
        aslant = np.abs(way @ normal) / np.hypot(*way.T)
        on_it = (beside <= _BESIDE) & (aslant <= _ASLANT)
        on_it[number] = True
        normal, offset = _fitted(first[on_it], second[on_it])
    return normal, offset


def _fitted(first: Floats, second: Floats) -> tuple[Floats, float]:
    """Normal and offset of the line that edges lie on, each weighted by its length."""
    weight = np.hypot(*(second - first).T)
    ends = np.concatenate((first, second))
    weight = np.concatenate((weight, weight))
    middle = np.average(ends, axis=0, weights=weight)
    apart = ends - middle
    normal: Floats = np.linalg.eigh((apart * weight[:, None]).T @ apart)[1][:, 0]
    return normal, float(normal @ middle)
