"""Whether a photo was cut out of the very panorama that it matches: a copy is no witness.

Two cuts are tried: a perspective view, as viewers of panoramas show it, and a plain rectangle of
the equirectangular picture. Either is registered to a fraction of a pixel, from the matched
points and then by dense optical flow, and what photo and panorama show is correlated piece by
piece. A camera at another place or time sees parallax, other shadows and other passers-by.

Measured by ``tools/measure_tricks.py PAIRS.csv --pairs 40``: found were 40 of 40 views of a
panorama, under another light and JPEG; accused 1 of 39 views of a panorama 1 to 20 m away, and
none of 40 rendered photos of another day. The one is a view, 32 degrees wide, of a single flat
wall: such a view can be explained from anywhere. Nor can a photo taken within some 0.3 m of the
panorama in the same light be told from a copy, nor a copy that lost much at one edge be found.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from placeproof.matchers.camera import fit_camera
from placeproof.tricks.cuts import Cut, Floats, Perspective, Rectangle, angles

Grey = NDArray[np.float32]

SIDE = 512  # pixels, at most, of the pictures that are compared
WINDOW = 13  # pixels across, of the pieces that are correlated
LEAST_POINTS = 8  # matched; also samples of the flow
ROUNDS = 3  # of registration by flow
_STEP = 4  # pixels from one sample of the flow to the next
_FINE, _COARSE = 1.0, 4.0  # standard deviations, pixels: what is compared lies between them
_TEXTURE = 2.0  # grey levels, standard deviation in a window; less may be noise of JPEG
PERCENTILE = 10  # of correlations, is the score: a copy agrees nearly everywhere
COPIED_FROM = 0.6  # score
LEAST_TEXTURE = 0.05  # share of the photo


@dataclass(frozen=True, slots=True)
class CopyCheck:
    """What a comparison pixel by pixel says.

    Attributes:
        score: How equal photo and panorama are, in [0, 1].
        copied: Whether the photo was cut out of the panorama.
    """

    score: float
    copied: bool


def check_copy(
    photo: NDArray[np.uint8],
    panorama: NDArray[np.uint8],
    points: NDArray[np.float32],
    directions: Floats,
) -> CopyCheck:
    """Compares a photo with what the panorama shows where the photo matches it.

    Args:
        photo: (H, W, 3) sRGB.
        panorama: (h, 2 h, 3) sRGB, equirectangular.
        points: (K, 2), matched points, x and y in pixels of the photo.
        directions: (K, 3) unit vectors, where the panorama shows them.

    Returns:
        Score 0 where fewer than 8 points match.
    """
    if len(points) < LEAST_POINTS:
        return CopyCheck(0.0, False)
    height, width = photo.shape[:2]
    view = fit_camera(points, width, height, directions)
    finer = panorama.shape[1] / (2 * math.pi) / view.focal  # panorama pixels to one of the photo
    scale = min(1.0, SIDE / max(width, height), finer)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    here = _shrunk(photo, size)
    there = _shrunk(
        panorama, tuple(max(1, round(side * scale / finer)) for side in panorama.shape[1::-1])
    )
    placed = points.astype(np.float64) * (np.array(size) / (width, height))
    cuts: tuple[Cut, ...] = (
        Perspective.start(placed, directions, size),
        Rectangle.start(placed, directions),
    )
    score = max(_score(here, there, cut.fitted(placed, directions)) for cut in cuts)
    return CopyCheck(score, score >= COPIED_FROM)


def _shrunk(pixels: NDArray[np.uint8], size: tuple[int, int]) -> Grey:
    grey = cv2.cvtColor(np.ascontiguousarray(pixels), cv2.COLOR_RGB2GRAY)
    return cv2.resize(grey, size, interpolation=cv2.INTER_AREA).astype(np.float32)


def _register(here: Grey, there: Grey, cut: Cut) -> tuple[Grey, Grey]:
    """Fine contrast of the photo and of what the panorama shows there by the best cut, (H, W)."""
    height, width = here.shape
    flow_of = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    flow_of.setFinestScale(0)
    x, y = np.meshgrid(np.arange(width) + 0.5, np.arange(height) + 0.5)
    grid = np.stack((x, y), axis=-1)
    samples = np.zeros((height, width), dtype=bool)
    samples[_STEP // 2 :: _STEP, _STEP // 2 :: _STEP] = True
    ours = _contrast(here)
    samples &= _spread(ours) >= _TEXTURE
    theirs = _contrast(_shown(there, cut, grid))
    if samples.sum() < LEAST_POINTS:
        return ours, theirs
    for _ in range(ROUNDS):
        flow = flow_of.calc(
            _levelled(ours), _levelled(theirs), np.zeros((height, width, 2), np.float32)
        )
        cut = cut.fitted(
            grid[samples], cut.directions((grid + np.asarray(flow, np.float64))[samples])
        )
        theirs = _contrast(_shown(there, cut, grid))
    return ours, theirs


def _score(here: Grey, there: Grey, cut: Cut) -> float:
    """How equal both are where either has texture."""
    ours, theirs = _register(here, there, cut)
    spread = np.stack((_spread(ours), _spread(theirs)))
    common = _mean(ours * theirs) - _mean(ours) * _mean(theirs)
    textured = spread.max(axis=0) >= _TEXTURE
    if textured.mean() < LEAST_TEXTURE:
        return 0.0
    equal = common / (spread.clip(_TEXTURE / 2).prod(axis=0))
    return float(np.percentile(equal[textured], PERCENTILE).clip(0, 1))


def _shown(panorama: Grey, cut: Cut, grid: Floats) -> Grey:
    """What a panorama shows at the points (H, W, 2) of a cut."""
    height, width = panorama.shape
    yaw, pitch = angles(cut.directions(grid.reshape(-1, 2))).T
    # From here on, the centre of the first pixel is (0, 0), as OpenCV has it.
    column = ((yaw / 360.0 + 0.5) * width - 0.5).reshape(grid.shape[:2])
    row = ((0.5 - pitch / 180.0) * height - 0.5).reshape(grid.shape[:2])
    mapping = (column.astype(np.float32), row.astype(np.float32))
    wrapped = cv2.remap(panorama, *mapping, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
    return wrapped.astype(np.float32, copy=False)


def _contrast(grey: Grey) -> Grey:
    """What is neither finer than JPEG and scaling leave it nor coarser than light changes it."""
    fine, coarse = (cv2.GaussianBlur(grey, (0, 0), spread) for spread in (_FINE, _COARSE))
    return (fine - coarse).astype(np.float32, copy=False)


def _mean(values: Grey) -> Grey:
    return cv2.blur(values, (WINDOW, WINDOW)).astype(np.float32, copy=False)


def _spread(contrast: Grey) -> Grey:
    """Standard deviation around each pixel."""
    spread: Grey = np.sqrt((_mean(contrast**2) - _mean(contrast) ** 2).clip(0))
    return spread


def _levelled(contrast: Grey) -> NDArray[np.uint8]:
    """The same contrast everywhere, for optical flow, which takes equal brightness for granted."""
    level = contrast / (_spread(contrast) + _TEXTURE)
    return (128 + 40 * level).clip(0, 255).astype(np.uint8)
