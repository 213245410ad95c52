"""Equirectangular panoramas: directions, pixels, perspective views, wrapped boxes.

Conventions, the same everywhere in placeproof:

* Camera and panorama axes: x to the right, y down, z forward. A direction is a unit vector.
* ``yaw`` is 0 at the panorama's centre column and grows to the right, in [-180, 180);
  ``pitch`` is 0 at the horizon and grows upwards, in [-90, 90]; ``roll`` turns the camera
  clockwise about its optical axis. All in degrees, as are fields of view.
* Pixel coordinates are continuous: pixel ``(column i, row j)`` covers ``[i, i+1) x [j, j+1)``
  and its centre lies at ``(i + 0.5, j + 0.5)``. The panorama's left and right edges touch.
"""

import itertools
import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from torch import Tensor
from torch.nn import functional as F


def wrap_degrees(angle: float) -> float:
    """The same angle in [-180, 180)."""
    # A tiny negative number's remainder rounds to 360 itself; hence, here and below, a second.
    return (angle + 180.0) % 360.0 % 360.0 - 180.0


def direction_from_angles(yaw: Tensor, pitch: Tensor) -> Tensor:
    """Unit vectors, shape (..., 3), of yaws and pitches in degrees, shape (...)."""
    yaw, pitch = torch.deg2rad(yaw), torch.deg2rad(pitch)
    return torch.stack(
        (yaw.sin() * pitch.cos(), -pitch.sin(), yaw.cos() * pitch.cos()),
        dim=-1,
    )


def angles_from_direction(direction: Tensor) -> tuple[Tensor, Tensor]:
    """Yaw in [-180, 180] and pitch in [-90, 90], shape (...), of vectors (..., 3) of any length."""
    x, y, z = direction.unbind(-1)
    return torch.rad2deg(torch.atan2(x, z)), torch.rad2deg(torch.atan2(-y, torch.hypot(x, z)))


def pixel_from_angles(yaw: Tensor, pitch: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Panorama coordinates x in [0, width) and y in [0, height] of angles in degrees."""
    x = torch.remainder((yaw / 360.0 + 0.5) * width, width)
    return x, (0.5 - pitch / 180.0) * height


def angles_from_pixel(x: Tensor, y: Tensor, width: int, height: int) -> tuple[Tensor, Tensor]:
    """Yaw in [-180, 180) and pitch in degrees of panorama coordinates; x may lie beyond an edge."""
    yaw = (x / width).remainder(1.0).remainder(1.0) * 360.0 - 180.0
    return yaw, 90.0 - y / height * 180.0


def bearing_of_yaw(yaw: float, heading: float) -> float:
    """Compass bearing in [0, 360) of a yaw in a panorama whose centre faces ``heading``."""
    return (heading + yaw) % 360.0 % 360.0


def bearing_of_column(x: float, width: int, heading: float) -> float:
    """Compass bearing in [0, 360) of column ``x`` of a panorama whose centre faces ``heading``."""
    return bearing_of_yaw((x / width - 0.5) * 360.0, heading)


@dataclass(frozen=True, slots=True)
class View:
    """A pinhole camera at the centre of a panorama.

    Attributes:
        yaw: Where the optical axis points, degrees to the right of the panorama's centre.
        pitch: Degrees above the horizon, in [-90, 90].
        roll: Clockwise turn of the camera about its axis, degrees.
        fov: Horizontal field of view, degrees in (0, 180).
        width: Width of the picture in pixels.
        height: Height of the picture in pixels.

    Raises:
        ValueError: If an angle is out of its range or not finite, or a side is below 1.
    """

    yaw: float
    pitch: float
    roll: float
    fov: float
    width: int
    height: int

    def __post_init__(self) -> None:
        if not 0.0 < self.fov < 180.0:
            raise ValueError(f"field of view {self.fov:g} is not between 0 and 180 degrees")
        if not -90.0 <= self.pitch <= 90.0:
            raise ValueError(f"pitch {self.pitch:g} is not between -90 and 90 degrees")
        if not (math.isfinite(self.yaw) and math.isfinite(self.roll)):
            raise ValueError(f"yaw {self.yaw:g} or roll {self.roll:g} is not finite")
        if self.width < 1 or self.height < 1:
            raise ValueError(f"a view of {self.width} x {self.height} pixels is empty")

    @property
    def focal(self) -> float:
        """Focal length in pixels."""
        return self.width / 2 / math.tan(math.radians(self.fov) / 2)

    def rotation(self) -> Tensor:
        """Matrix (3, 3), float64, that takes camera directions to panorama directions."""
        yaw, pitch, roll = (math.radians(a) for a in (self.yaw, self.pitch, self.roll))
        cy, sy, cp, sp = math.cos(yaw), math.sin(yaw), math.cos(pitch), math.sin(pitch)
        cr, sr = math.cos(roll), math.sin(roll)
        about_y = torch.tensor([[cy, 0, sy], [0, 1, 0], [-sy, 0, cy]], dtype=torch.float64)
        about_x = torch.tensor([[1, 0, 0], [0, cp, -sp], [0, sp, cp]], dtype=torch.float64)
        about_z = torch.tensor([[cr, -sr, 0], [sr, cr, 0], [0, 0, 1]], dtype=torch.float64)
        return about_y @ about_x @ about_z

    def directions(self, x: Tensor, y: Tensor) -> Tensor:
        """Panorama directions (..., 3), unit length, seen at picture coordinates x and y (...)."""
        x, y = x.double(), y.double()
        rays = torch.stack(
            (x - self.width / 2, y - self.height / 2, torch.full_like(x, self.focal)), dim=-1
        )
        return F.normalize(rays @ self.rotation().T, dim=-1)

    def project(self, direction: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Picture coordinates of panorama directions (..., 3).

        Returns:
            x and y, shape (...), meaningless behind the camera, and a bool tensor (...) that
            is True where the direction falls inside the picture.
        """
        cx, cy, cz = (direction.double() @ self.rotation()).unbind(-1)
        depth = cz.clamp_min(1e-12)
        x = cx / depth * self.focal + self.width / 2
        y = cy / depth * self.focal + self.height / 2
        inside = (cz > 0) & (x >= 0) & (x < self.width) & (y >= 0) & (y < self.height)
        return x, y, inside


def cut_view(panorama: Tensor, view: View) -> Tensor:
    """The perspective picture that a camera inside the panorama takes.

    Where the picture is coarser than the panorama, each of its pixels is the mean of several
    rays, so many that no pixel of the panorama is skipped. Far coarser, and the panorama is
    first averaged in blocks of at most half a pixel of the picture: few rays, hardly a blur.

    Args:
        panorama: (C, H, W) float, equirectangular, W = 2 H.
        view: The camera.

    Returns:
        (C, view.height, view.width), the panorama's dtype, bilinear.
    """
    height, width = panorama.shape[1:]
    shrink = width / math.pi * math.atan(0.5 / view.focal)  # panorama pixels to the middle pixel
    # Blocks that fill the panorama exactly: others would shift its content, or break its seam.
    block = max(n for n in range(1, max(1, int(shrink / 2)) + 1) if height % n == 0)
    rays = max(1, math.ceil(shrink / block))  # along each side of a pixel of the picture
    source = panorama[None] if block == 1 else F.avg_pool2d(panorama[None], block)
    height, width = source.shape[2:]
    source = _lowpass_polar_rows(source, view, shrink / block / rays)

    # One more pixel on every side, so that bilinear sampling crosses the seam and the poles:
    # beyond a pole lies the same row, half a turn away.
    over_poles = source[:, :, [0, -1]].roll(width // 2, dims=3)
    source = torch.cat((over_poles[:, :, :1], source, over_poles[:, :, 1:]), dim=2)
    source = F.pad(source, (1, 1, 0, 0), mode="circular")

    picture = panorama.new_zeros(panorama.shape[0], view.height, view.width)
    offsets = [(ray + 0.5) / rays for ray in range(rays)]
    for down, right in itertools.product(offsets, offsets):
        rows, columns = torch.meshgrid(
            torch.arange(view.height) + down, torch.arange(view.width) + right, indexing="ij"
        )
        yaw, pitch = angles_from_direction(view.directions(columns, rows))
        x, y = pixel_from_angles(yaw, pitch, width, height)
        grid = torch.stack(((x + 1) / (width + 2), (y + 1) / (height + 2)), dim=-1) * 2 - 1
        picture = picture + F.grid_sample(source, grid[None].to(panorama), align_corners=False)[0]
    return picture / rays**2


def _lowpass_polar_rows(panorama: Tensor, view: View, spacing: float) -> Tensor:
    """Blurs the rows of (1, C, H, W) that rays ``spacing`` rows apart would alias.

    Towards the poles, rays so far apart are ever more columns apart, up to whole rows.
    """
    height, width = panorama.shape[2:]
    pitch = 90.0 - (torch.arange(height, dtype=torch.float64) + 0.5) / height * 180.0
    reach = math.degrees(math.atan(math.hypot(view.width, view.height) / 2 / view.focal))
    stretch = spacing / torch.cos(torch.deg2rad(pitch))  # columns from ray to ray
    excess = (stretch.square() - 1) / 12  # variance of a box so wide, less a column's own
    chosen = (excess > 0) & ((pitch - view.pitch).abs() <= reach + 180.0 / height)
    if not chosen.any():
        return panorama
    frequency = torch.fft.rfftfreq(width, dtype=torch.float64)
    gain = torch.exp(-2 * excess[chosen, None] * (math.pi * frequency).square()).to(panorama)
    rows = torch.fft.irfft(torch.fft.rfft(panorama[:, :, chosen]) * gain, n=width)
    blurred = panorama.clone()
    blurred[:, :, chosen] = rows
    return blurred


def view_mask(view: View, width: int, height: int) -> Tensor:
    """Which pixels of a panorama a view shows: (height, width), bool."""
    rows, columns = torch.meshgrid(
        torch.arange(height, dtype=torch.float64) + 0.5,
        torch.arange(width, dtype=torch.float64) + 0.5,
        indexing="ij",
    )
    yaw, pitch = angles_from_pixel(columns, rows, width, height)
    return view.project(direction_from_angles(yaw, pitch))[2]


@dataclass(frozen=True, slots=True)
class WrappedBox:
    """A rectangle of whole pixels in a panorama, or in a picture whose edges do not touch.

    Attributes:
        left: First column, in [0, picture width).
        top: First row.
        width: Columns covered; ``left + width`` exceeds the picture's width where the box
            runs across the seam.
        height: Rows covered.
    """

    left: int
    top: int
    width: int
    height: int

    def spans(self, picture_width: int) -> list[tuple[int, int]]:
        """The box's column ranges ``[start, stop)`` within the picture: one, or two at the seam."""
        right = self.left + self.width
        if right <= picture_width:
            return [(self.left, right)]
        return [(self.left, picture_width), (0, right - picture_width)]


def largest_component(mask: NDArray[np.bool_], *, wraps: bool) -> NDArray[np.bool_]:
    """The largest 8-connected component of a mask (H, W); all False where the mask is empty.

    Args:
        mask: (H, W), bool.
        wraps: Whether the left and right edges touch, as in a panorama.
    """
    labels, count = ndimage.label(mask, structure=np.ones((3, 3), dtype=int))
    if count == 0:
        return np.zeros_like(mask, dtype=bool)
    whole = _joined_across_seam(labels, count) if wraps else np.arange(count + 1)
    # Row by row, as NumPy turns labels into indices of 64 bits: 1.6 GB for 20000 x 10000 pixels.
    pixels = np.zeros(count + 1, dtype=int)
    for row in labels:
        pixels += np.bincount(row, minlength=count + 1)
    pixels[0] = 0  # outside the mask
    largest = whole == np.bincount(whole, weights=pixels).argmax()
    return np.stack([largest[row] for row in labels])


def _joined_across_seam(labels: NDArray[np.int32], count: int) -> NDArray[np.int32]:
    """New labels (count + 1,), the same for components (H, W) that touch across the seam."""
    first, last = labels[:, 0], labels[:, -1]
    ends = np.concatenate((last, last[1:], last[:-1]))
    starts = np.concatenate((first, first[:-1], first[1:]))
    touching = (ends > 0) & (starts > 0)
    graph = coo_array(
        (touching[touching], (ends[touching], starts[touching])), shape=(count + 1, count + 1)
    )
    joined: NDArray[np.int32] = connected_components(graph, directed=False)[1]
    return joined


def mask_box(mask: NDArray[np.bool_], *, wraps: bool) -> WrappedBox | None:
    """The smallest box around the largest component of a mask (paper, section 5.3).

    Args:
        mask: (H, W), bool.
        wraps: Whether the left and right edges touch; the box may then run across the seam.

    Returns:
        The box, or None where the mask is empty.
    """
    component = largest_component(mask, wraps=wraps)
    if not component.any():
        return None
    rows = np.flatnonzero(component.any(axis=1))
    columns = np.flatnonzero(component.any(axis=0))
    picture_width = mask.shape[1]
    left, right = int(columns[0]), int(columns[-1]) + 1
    if wraps:
        # The box is what remains of the circle when its widest empty stretch is cut out.
        gaps = np.diff(columns, append=columns[0] + picture_width) - 1
        widest = int(gaps.argmax())
        if gaps[widest] == 0:
            left, right = 0, picture_width
        else:
            left = int(columns[(widest + 1) % len(columns)])
            right = left + picture_width - int(gaps[widest])
    return WrappedBox(left, int(rows[0]), right - left, int(rows[-1]) + 1 - int(rows[0]))
