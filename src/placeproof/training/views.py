"""Views of a panorama as synthetic queries show them, and cameras that take them (section 4.2).

The paper's augmentation: the size of what is shown varies by a factor of 0.5 to 2, its place by
20 % to all sides, gamma from 0.5 to 1.5, and the perspective at random. On top comes what tells
real photos from parts of a panorama: white balance, saturation, contrast, noise, blur and JPEG.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from placeproof.geometry import (
    View,
    angles_from_direction,
    cut_view,
    pixel_from_angles,
    view_mask,
)

VIEWS_VERSION = 1  # raise it when the same seed gives other pixels
SCALE = 2.0  # at most so many times as large or as small as the window; paper
SHIFT = 0.2  # of the window's width and height; paper
GAMMA = (0.5, 1.5)  # paper
FIELDS_OF_VIEW = (30.0, 100.0)  # degrees along the longer side, as of telephones
PITCHES = (-30.0, 45.0)  # degrees; whatever the window, photos look ahead rather than up or down
ASPECTS = (9 / 16, 3 / 4, 1.0, 4 / 3)  # height / width
SKEW = 0.15  # of a rectangle's sides that each of its corners moves inwards
_PLANAR_SIDES = (20.0, 120.0)  # degrees
_PLANAR_TOP = 80.0  # degrees of pitch
_FINENESS = 1.5  # rays to a pixel of the panorama; the fewer, the more must be blurred before
_SAMPLES = 4  # along each side of a patch, for its area coverage


@dataclass(frozen=True, slots=True)
class Window:
    """A rectangle of a panorama's image plane that a view is placed on.

    Attributes:
        yaw: Of its centre, degrees.
        pitch: Of its centre, degrees.
        width: Degrees of yaw.
        height: Degrees of pitch.
    """

    yaw: float
    pitch: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Quadrilateral:
    """A convex part of a panorama's image plane that is seen as a rectangle (paper).

    Attributes:
        corners: Yaw and pitch of the rectangle's top left, top right, bottom right and bottom
            left corner, degrees; where it runs across the seam, yaws go on beyond 180.
    """

    corners: tuple[tuple[float, float], ...]

    def shape(self, side: int) -> tuple[int, int]:
        """Width and height of a picture of its shape, whose longer side has ``side`` pixels."""
        corners = np.array(self.corners)
        sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
        width, height = sides[0] + sides[2], sides[1] + sides[3]
        longer = max(width, height)
        return round(side * width / longer), round(side * height / longer)


Camera = View | Quadrilateral


def draw_view(window: Window, side: int, random: np.random.Generator) -> View:
    """A perspective camera that looks at a window, in the picture's shapes of real cameras.

    What it shows has 0.5 to 2 times the window's width and height in the geometric mean, as far
    as ``FIELDS_OF_VIEW`` allow.

    Args:
        window: What the view is placed on.
        side: The picture's longer side in pixels.
        random: Draws it.
    """
    placed = _placed(window, random)
    aspect = float(random.choice(ASPECTS))
    longer = math.sqrt(placed.width * placed.height * max(aspect, 1 / aspect))
    half = math.tan(math.radians(min(max(longer, FIELDS_OF_VIEW[0]), FIELDS_OF_VIEW[1])) / 2)
    return View(
        yaw=placed.yaw,
        pitch=min(max(placed.pitch, PITCHES[0]), PITCHES[1]),
        roll=float(random.normal(0.0, 2.0)),
        fov=2 * math.degrees(math.atan(half / max(aspect, 1.0))),
        width=round(side / max(aspect, 1.0)),
        height=round(side * min(aspect, 1.0)),
    )


def draw_quadrilateral(window: Window, random: np.random.Generator) -> Quadrilateral:
    """The paper's view: a rectangle of the image plane around a window, in random perspective.

    It never reaches the poles. Its corners lie inside the rectangle that has 0.5 to 2 times the
    window's width and height, as far as that is at all as large as a photo shows.
    """
    placed = _placed(window, random)
    width, height = (
        min(max(extent, _PLANAR_SIDES[0]), _PLANAR_SIDES[1])
        for extent in (placed.width, placed.height)
    )
    highest = _PLANAR_TOP - height / 2
    pitch = min(max(placed.pitch, -highest), highest)
    inwards = 0.5 - random.uniform(0.0, SKEW, (4, 2))
    signs = ((-1, 1), (1, 1), (1, -1), (-1, -1))
    return Quadrilateral(
        tuple(
            (placed.yaw + right * x * width, pitch + up * y * height)
            for (right, up), (x, y) in zip(signs, inwards.tolist(), strict=True)
        )
    )


def _placed(window: Window, random: np.random.Generator) -> Window:
    """The window scaled and shifted as in the paper."""
    scale = SCALE ** random.uniform(-1.0, 1.0)
    right, up = random.uniform(-SHIFT, SHIFT, 2).tolist()
    return Window(
        yaw=window.yaw + right * window.width,
        pitch=window.pitch + up * window.height,
        width=window.width * scale,
        height=window.height * scale,
    )


def cut(panorama: NDArray[np.uint8], camera: Camera, size: tuple[int, int]) -> NDArray[np.uint8]:
    """The picture that a camera takes in a panorama.

    It is taken at least as finely as the panorama is, and then scaled to its size.

    Args:
        panorama: (H, W, 3) sRGB, W = 2 H.
        camera: A true perspective view or a part of the image plane.
        size: Width and height of the picture in pixels, whatever the camera's own shape.

    Returns:
        (height, width, 3).
    """
    if isinstance(camera, View):
        return _cut_view(panorama, camera, size)
    return _cut_quadrilateral(panorama, camera, size)


def _cut_view(panorama: NDArray[np.uint8], view: View, size: tuple[int, int]) -> NDArray[np.uint8]:
    focal = _FINENESS * panorama.shape[1] / (2 * math.pi)
    width = 2 * focal * math.tan(math.radians(view.fov) / 2)
    height = width * view.height / view.width
    columns, rows = math.ceil(width), math.ceil(height)
    fov = 2 * math.degrees(math.atan(columns / 2 / focal))
    whole = View(view.yaw, view.pitch, view.roll, fov, columns, rows)
    scene = torch.from_numpy(panorama.transpose(2, 0, 1).astype(np.float32))
    picture = cut_view(scene, whole).permute(1, 2, 0).round().clamp(0, 255).byte()
    left, top = (columns - width) / 2, (rows - height) / 2  # of a pixel that is too much
    box = (left, top, columns - left, rows - top)
    image = Image.fromarray(picture.numpy())
    return np.array(image.resize(size, Image.Resampling.LANCZOS, box=box))


def _cut_quadrilateral(
    panorama: NDArray[np.uint8], part: Quadrilateral, size: tuple[int, int]
) -> NDArray[np.uint8]:
    height, width = panorama.shape[:2]
    degrees = np.array(part.corners)
    corners = np.stack(
        ((degrees[:, 0] / 360 + 0.5) * width, (0.5 - degrees[:, 1] / 180) * height), axis=-1
    )
    margin = 2  # pixels that bicubic sampling looks at beyond the edge
    first = np.floor(corners.min(axis=0)).astype(int) - margin
    last = np.ceil(corners.max(axis=0)).astype(int) + margin
    rows = np.arange(first[1], last[1]).clip(0, height - 1)
    columns = np.arange(first[0], last[0]) % width
    around = Image.fromarray(panorama[rows[:, None], columns])
    sides = np.linalg.norm(np.roll(corners, -1, axis=0) - corners, axis=1)
    fine = math.ceil(max(sides[0], sides[2])), math.ceil(max(sides[1], sides[3]))
    picture = around.transform(
        fine,
        Image.Transform.PERSPECTIVE,
        _homography(fine, corners - first),
        Image.Resampling.BICUBIC,
    )
    return np.array(picture.resize(size, Image.Resampling.LANCZOS))


def _homography(size: tuple[int, int], corners: NDArray[np.float64]) -> list[float]:
    """Coefficients a to h, as Pillow has them, that take a picture's corners to ``corners``.

    A point (x, y) goes to ((ax + by + c) / (gx + hy + 1), (dx + ey + f) / (gx + hy + 1)).
    """
    width, height = size
    equations = []
    for (x, y), (u, v) in zip(
        ((0, 0), (width, 0), (width, height), (0, height)), corners.tolist(), strict=True
    ):
        equations.append((x, y, 1, 0, 0, 0, -u * x, -u * y))
        equations.append((0, 0, 0, x, y, 1, -v * x, -v * y))
    solution: list[float] = np.linalg.solve(np.array(equations), corners.ravel()).tolist()
    return solution


def coverage(camera: Camera, columns: int, rows: int) -> NDArray[np.float32]:
    """How much of each patch of a panorama a camera shows: M_R as it should be.

    Args:
        camera: A true perspective view or a part of the image plane.
        columns: Patches of the panorama's whole width.
        rows: Patches of its whole height.

    Returns:
        (rows, columns), the share of each patch's area in the image plane, to within the 16
        points of a patch that are looked at.
    """
    fine = columns * _SAMPLES, rows * _SAMPLES
    if isinstance(camera, View):
        inside = view_mask(camera, *fine).numpy()
    else:
        inside = _inside(camera, *fine)
    shares: NDArray[np.float32] = inside.reshape(rows, _SAMPLES, columns, _SAMPLES).mean(
        axis=(1, 3), dtype=np.float32
    )
    return shares


def shown_patches(
    camera: Camera, query: tuple[float, float], columns: int, rows: int
) -> NDArray[np.int64]:
    """The panorama patch that each patch of a query shows at its centre.

    Args:
        camera: What took the query.
        query: Patches of the query's width and height; not whole where the last ones are cut off.
        columns: Patches of the panorama's whole width.
        rows: Patches of its whole height.

    Returns:
        (h, w), row * columns + column.
    """
    width, height = query
    across = np.minimum((np.arange(math.ceil(width)) + 0.5) / width, 1.0)
    down = np.minimum((np.arange(math.ceil(height)) + 0.5) / height, 1.0)
    if isinstance(camera, View):
        x, y = np.meshgrid(across * camera.width, down * camera.height)
        directions = camera.directions(torch.from_numpy(x), torch.from_numpy(y))
        yaw, pitch = angles_from_direction(directions)
    else:
        a, b, c, d, e, f, g, h = _homography((1, 1), np.array(camera.corners))
        x, y = np.meshgrid(across, down)
        yaw, pitch = (
            torch.from_numpy(value / (g * x + h * y + 1))
            for value in (a * x + b * y + c, d * x + e * y + f)
        )
    column, row = pixel_from_angles(yaw, pitch, columns, rows)
    patches = row.long().clamp(0, rows - 1) * columns + column.long().clamp(0, columns - 1)
    return patches.numpy()


def _inside(part: Quadrilateral, columns: int, rows: int) -> NDArray[np.bool_]:
    """Which pixels' centres of a panorama lie in a part of its image plane, (rows, columns)."""
    yaw = ((np.arange(columns) + 0.5) / columns - 0.5) * 360
    pitch = (0.5 - (np.arange(rows) + 0.5) / rows) * 180
    middle = sum(corner[0] for corner in part.corners) / 4
    yaw += np.rint((middle - yaw) / 360) * 360  # the turn of the circle on which it lies
    inside = np.ones((rows, columns), dtype=bool)
    for (x0, y0), (x1, y1) in zip(part.corners, part.corners[1:] + part.corners[:1], strict=True):
        inside &= (x1 - x0) * (pitch[:, None] - y0) <= (y1 - y0) * (yaw - x0)  # clockwise
    return inside


def develop(pixels: NDArray[np.uint8], seed: int | tuple[int, ...]) -> NDArray[np.uint8]:
    """Another camera's and another day's rendering of a picture (H, W, 3), sRGB.

    Gamma, white balance, contrast, brightness, saturation, noise, sharpness and JPEG quality are
    drawn by ``seed``. A pure function of its arguments.
    """
    random = np.random.default_rng(seed)
    gamma = random.uniform(*GAMMA)
    balance = random.uniform(0.85, 1.15, 3)
    contrast, brightness = random.uniform(0.7, 1.3), random.uniform(-0.1, 0.1)
    saturation = np.float32(random.uniform(0.3, 1.3))
    noise = np.float32(random.uniform(0.0, 0.03))

    curve = np.linspace(0.0, 1.0, 256)[:, None] ** gamma * balance  # of each channel
    middle = float(pixels.mean() / 255) ** gamma
    curve = (middle + (curve - middle) * contrast + brightness).astype(np.float32)
    light = curve[pixels, np.arange(3)]
    grey = light.mean(axis=2, keepdims=True)
    light = grey + (light - grey) * saturation
    light += noise * random.standard_normal(light.shape, dtype=np.float32)
    picture = Image.fromarray((light.clip(0.0, 1.0) * 255 + 0.5).astype(np.uint8))

    if random.uniform() < 0.3:
        picture = picture.filter(ImageFilter.GaussianBlur(random.uniform(0.3, 1.5)))
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(random.integers(40, 96)))
    return np.array(Image.open(file))
