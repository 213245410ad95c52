"""Whether only a picture within the photo matches: a screen, a print, a part of a collage.

Such a picture ends at four straight, sharp sides. Nothing beyond them matches, although there is
something to match. The sides of a collage's parts may be the photo's own, and the others are
then exactly upright or level.

Measured by ``tools/measure_tricks.py PAIRS.csv --pairs 40``: none of 119 true photos had a frame;
found were 10 of 11 screens with a dark rim, 7 of 11 prints without one, and 7 of 11 collages.
"""

import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from placeproof.tricks.straight_edges import EdgeLine, find_lines, steps_along

Floats = NDArray[np.float64]

SIDE = 640  # pixels, at most, of the picture in which edges are sought
LEAST_COVERED = 0.65  # share of steps on each of four sides within the photo
LEAST_COVERED_COLLAGE = 0.75  # the same, where some sides are the photo's own
LEAST_INSIDE = 0.97  # share of the matched points
LEAST_AREA, MOST_AREA = 0.04, 0.9  # of the photo
LEAST_OUTSIDE = 0.15  # share of the keypoints
LEAST_EXPECTED = 6.0  # matched points outside, if as many keypoints matched there as inside
_A_SIDE = 10  # lines, at most, that are tried for a side
_SAME_TURN = np.cos(np.radians(1.0))  # of lines that are tried once
_UPRIGHT = np.sin(np.radians(0.05))  # that a side of a collage's part may be turned
# Outward normals of the sides, in order around the picture: right, bottom, left, top.
_OUTWARD = np.array([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0], [0.0, -1.0]])


def find_inset(
    photo: NDArray[np.uint8], inliers: NDArray[np.float32], keypoints: NDArray[np.float32]
) -> Floats | None:
    """The frame of the picture within a photo that alone matches.

    Args:
        photo: (H, W, 3) sRGB.
        inliers: (K, 2), matched points, x and y in pixels of the photo.
        keypoints: (N, 2), all its keypoints.

    Returns:
        (4, 2), the corners in pixels of the photo, clockwise from the lower right, or None.
    """
    height, width = photo.shape[:2]
    scale = min(1.0, SIDE / max(width, height))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    scaled = cv2.resize(np.ascontiguousarray(photo), size, interpolation=cv2.INTER_AREA)
    picture = scaled.astype(np.uint8, copy=False)
    to_small = np.array(size) / (width, height)
    points, others = inliers.astype(np.float64) * to_small, keypoints.astype(np.float64) * to_small
    if len(points) < 4:
        return None
    found = _sides(picture, points)
    upright = [[line for line in side if abs(line.normal).min() <= _UPRIGHT] for side in found]
    best = _best_frame(found, LEAST_COVERED, points, others, size)
    for borders in itertools.product((False, True), repeat=4):
        if best is None and any(borders) and not all(borders):
            sides = [
                [_border(number, size)] if border else upright[number]
                for number, border in enumerate(borders)
            ]
            best = _best_frame(sides, LEAST_COVERED_COLLAGE, points, others, size)
    return None if best is None else best[0] / to_small


def _border(side: int, size: tuple[int, int]) -> EdgeLine:
    """A side of the photo itself: an edge all along."""
    normal = _OUTWARD[side]
    long = 2 * sum(size)
    return EdgeLine(normal, float(normal.clip(0) @ size), -long, np.arange(2 * long + 1))


def _sides(picture: NDArray[np.uint8], points: Floats) -> list[list[EdgeLine]]:
    """Lines that may be the right, lower, left and upper side, those with most steps first."""
    levels, middle = picture.astype(np.float32), points.mean(axis=0)
    lines = [
        steps_along(levels, sign * normal, sign * offset)
        for normal, offset in find_lines(picture)
        for sign in (1.0, -1.0)
        if (sign * (points @ normal - offset) <= 1.0).mean() >= LEAST_INSIDE
    ]
    sides: list[list[EdgeLine]] = [[], [], [], []]
    for line in sorted(lines, key=lambda each: -int(each.before[-1])):
        side = sides[int(np.argmax(_OUTWARD @ line.normal))]
        known = any(
            line.normal @ other.normal > _SAME_TURN
            and abs((other.normal - line.normal) @ middle - other.offset + line.offset) < 2.0
            for other in side
        )
        if len(side) < _A_SIDE and not known:
            side.append(line)
    return sides


def _best_frame(
    sides: list[list[EdgeLine]],
    least_covered: float,
    points: Floats,
    others: Floats,
    size: tuple[int, int],
) -> tuple[Floats, float] | None:
    """Of all frames with a line of each side, the one whose least sharp side is sharpest."""
    if not all(sides):
        return None
    corners = [_crossings(sides[n], sides[(n + 1) % 4]) for n in range(4)]
    # How much of each side is edge depends on its own line and on both lines that it meets.
    first, second, third, fourth = (
        np.stack(
            [
                line.covered(corners[n - 1][:, i, None], corners[n][None, i])
                for i, line in enumerate(sides[n])
            ],
            axis=1,
        )
        for n in range(4)
    )  # (before, line, after)
    covered = np.minimum(
        np.minimum(
            first.transpose(1, 2, 0)[:, :, None, :],  # right, bottom, left, top
            second[:, :, :, None],
        ),
        np.minimum(third[None], fourth.transpose(2, 0, 1)[:, None]),
    )
    for flat in np.argsort(-covered, axis=None, kind="stable"):
        chosen = np.unravel_index(flat, covered.shape)
        if covered[chosen] < least_covered:
            return None
        frame = np.stack([corners[n][chosen[n], chosen[(n + 1) % 4]] for n in range(4)])
        lines = [side[i] for side, i in zip(sides, chosen, strict=True)]
        if _is_frame(frame, size) and _alone_inside(lines, points, others):
            return frame, float(covered[chosen])
    return None


def _crossings(some: list[EdgeLine], others: list[EdgeLine]) -> Floats:
    """Where each of S lines crosses each of T, (S, T, 2); far away where they are parallel."""
    a = np.array([line.normal for line in some])[:, None]
    b = np.array([line.normal for line in others])[None]
    c = np.array([line.offset for line in some])[:, None]
    d = np.array([line.offset for line in others])[None]
    cross = a[..., 0] * b[..., 1] - a[..., 1] * b[..., 0]
    cross = np.where(np.abs(cross) < 0.1, 1e-6, cross)
    x = (c * b[..., 1] - d * a[..., 1]) / cross
    y = (d * a[..., 0] - c * b[..., 0]) / cross
    return np.stack((x, y), axis=-1)


def _is_frame(frame: Floats, size: tuple[int, int]) -> bool:
    """Whether four corners make a convex quadrilateral in the photo, neither tiny nor all of it."""
    if (frame < -2).any() or (frame > np.array(size) + 2).any():
        return False
    way = np.roll(frame, -1, axis=0) - frame
    after = np.roll(way, -1, axis=0)
    if (way[:, 0] * after[:, 1] - way[:, 1] * after[:, 0] <= 0).any():
        return False
    x, y = frame.T
    area = abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2
    return LEAST_AREA <= area / (size[0] * size[1]) <= MOST_AREA


def _alone_inside(lines: list[EdgeLine], points: Floats, others: Floats) -> bool:
    """Whether what matches lies inside, and what does not match lies outside, too."""

    def inside(some: Floats) -> NDArray[np.bool_]:
        beyond = np.stack([some @ line.normal - line.offset for line in lines])
        enclosed: NDArray[np.bool_] = np.logical_and.reduce(beyond <= 1.0, axis=0)
        return enclosed

    within = inside(others)
    outside = int((~within).sum())
    expected = len(points) * outside / max(1, int(within.sum()))
    return (
        float(inside(points).mean()) >= LEAST_INSIDE
        and outside >= LEAST_OUTSIDE * len(others)
        and expected >= LEAST_EXPECTED
    )
