"""Tricks made of honest pictures, to measure on whether they are noticed."""

import cv2
import numpy as np
from numpy.typing import NDArray

from placeproof.matchers.contract import LocalFeatures

Pixels = NDArray[np.uint8]
Points = NDArray[np.float32]

_WIDTH = 1000  # pixels, of photos in front of which a screen stands
_RIM = 21  # pixels of two rims together
_HALF = 512  # pixels, both sides of a collage's parts


def in_a_frame(
    shown: tuple[Pixels, LocalFeatures, Points],
    around: tuple[Pixels, LocalFeatures],
    random: np.random.Generator,
    *,
    rim: bool,
) -> tuple[Pixels, Points, Points]:
    """A photo of a screen with a dark rim, or of a print without one, aslant.

    Args:
        shown: The picture in the frame, its local features, and what of it matches (K, 2).
        around: The picture around it, and its local features.
        random: Where from and how it is seen.
        rim: Whether there is a dark rim.

    Returns:
        The photo, its matched points, and all its keypoints.
    """
    pixels, features, inliers = shown
    scale = _WIDTH / around[0].shape[1]
    photo = cv2.resize(around[0], None, fx=scale, fy=scale)
    (height, width), (h, w) = photo.shape[:2], pixels.shape[:2]
    corners = np.array([[w, h], [0, h], [0, 0], [w, 0]], dtype=np.float64)
    turn = random.uniform(-0.15, 0.15)
    turned = np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    size = 0.63 * min(width / w, height / h)
    frame = (corners - [w / 2, h / 2] + random.uniform(-0.06, 0.06, (4, 2)) * w) * size
    frame = frame @ turned + [width / 2, height / 2]
    way = cv2.getPerspectiveTransform(corners.astype(np.float32), frame.astype(np.float32))
    mask = cv2.warpPerspective(np.full((h, w), 255, np.uint8), way, (width, height)) > 0
    wider = cv2.dilate(mask.astype(np.uint8), np.ones((_RIM, _RIM))) > 0
    if rim:
        photo[wider] = 20
    photo[mask] = cv2.warpPerspective(pixels, way, (width, height), flags=cv2.INTER_AREA)[mask]
    others = around[1].keypoints * np.float32(scale)
    column, row = others.astype(int).T
    others = others[~wider[row.clip(0, height - 1), column.clip(0, width - 1)]]
    matched, inside = (
        cv2.perspectiveTransform(points[None], way)[0] for points in (inliers, features.keypoints)
    )
    return cv2.GaussianBlur(photo, (0, 0), 0.8), matched, np.concatenate((inside, others))


def side_by_side(
    matching: tuple[Pixels, LocalFeatures, Points], other: tuple[Pixels, LocalFeatures], first: bool
) -> tuple[Pixels, Points, Points]:
    """A collage of two pictures, of which one matches; see :func:`in_a_frame`.

    Args:
        matching: The picture that matches, its local features, and what of it matches.
        other: The picture beside it, and its local features.
        first: Whether the matching one is on the left.
    """
    halves = [cv2.resize(pixels, (_HALF, _HALF)) for pixels in (matching[0], other[0])]
    left = [0, _HALF] if first else [_HALF, 0]
    placed = []
    for points, features, start in (
        (matching[2], matching[1], left[0]),
        (matching[1].keypoints, matching[1], left[0]),
        (other[1].keypoints, other[1], left[1]),
    ):
        scaled = points * (_HALF / np.array([features.width, features.height])) + (start, 0)
        placed.append(scaled.astype(np.float32))
    photo = np.concatenate(halves if first else halves[::-1], axis=1)
    return photo, placed[0], np.concatenate(placed[1:])


def sign(random: np.random.Generator) -> Pixels:
    """A shop sign (120, 420, 3)."""
    colours = random.integers(0, 256, (11, 3)).tolist()
    board = np.full((120, 420, 3), colours[0], dtype=np.uint8)
    for number in range(9):
        letter, place = chr(65 + int(random.integers(26))), (20 + number * 44, 85)
        cv2.putText(board, letter, place, cv2.FONT_HERSHEY_DUPLEX, 2.2, colours[number + 1], 6)
    return cv2.rectangle(board, (6, 6), (413, 113), colours[10], 5)


def with_sign(pixels: Pixels, board: Pixels, left: int, top: int, width: int) -> Pixels:
    """A picture with a sign of so many pixels on it."""
    height = width * board.shape[0] // board.shape[1]
    changed = pixels.copy()
    changed[top : top + height, left : left + width] = cv2.resize(
        board, (width, height), interpolation=cv2.INTER_AREA
    )
    return changed
