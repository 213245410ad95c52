"""What is looked at again: views of a panorama, or a plain picture, with their local features."""

import math
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from placeproof.geometry import View, wrap_degrees
from placeproof.matchers.arrays import from_arrays, to_arrays
from placeproof.matchers.contract import LocalFeatures, Matcher
from placeproof.matchers.panorama_views import as_channels, view_picture
from placeproof.panoramas.feature_cache import FeatureCache

# Views stand on a raster of directions, so that what was found in one serves other photos, too.
YAW_STEP = 15.0  # degrees
USUAL_FOV = 90.0  # degrees, across and upright, where the photo's is unknown
PICTURE_FOV = 65.0  # degrees along the longer side, of a plain picture
_FOVS = (60.0, 75.0, 90.0, 105.0)
_MARGIN = 20.0  # degrees by which a view is wider than the photo: the bearing is not exact
_SMALLEST, _LARGEST, _MULTIPLE = 320, 1024, 32  # pixels

Pixels = NDArray[np.uint8]


class Views(Protocol):
    """Views of a reference, and what local features each has."""

    def towards(self, yaws: Sequence[float], photo_fov: float | None) -> list[View]:
        """The views that best show what a photo shows that looks there, in the order given.

        Args:
            yaws: Degrees right of the reference's centre.
            photo_fov: Field of view along the photo's longer side in degrees, or None.
        """
        ...

    def features(self, view: View) -> LocalFeatures:
        """Local features of one of these views."""
        ...


class PanoramaViews:
    """Level, square views of a panorama, about as fine as it is in its middle.

    Their features are computed once, as long as this lives.

    Args:
        matcher: Of local features.
        width: Of the panorama, pixels.
        pixels: Fetches the panorama, (H, W, 3) sRGB; called only where features are missing.
        cache: Where features of views are kept, or None.
        key: What the cache calls the panorama.
    """

    def __init__(
        self,
        matcher: Matcher,
        width: int,
        pixels: Callable[[], Pixels],
        cache: FeatureCache | None = None,
        key: str = "",
    ) -> None:
        self._matcher = matcher
        self._width = width
        self._pixels = pixels
        self._cache = cache
        self._key = key
        self._made: dict[View, LocalFeatures] = {}

    @cached_property
    def _panorama(self) -> Tensor:
        """The panorama, fetched once for all its views."""
        return as_channels(self._pixels())

    def towards(self, yaws: Sequence[float], photo_fov: float | None) -> list[View]:
        """See :meth:`Views.towards`."""
        fov = USUAL_FOV
        if photo_fov is not None:
            fov = next((wide for wide in _FOVS if wide >= photo_fov + _MARGIN), _FOVS[-1])
        side = 2 * math.tan(math.radians(fov) / 2) * self._width / (2 * math.pi)
        side = round(min(max(side, _SMALLEST), _LARGEST) / _MULTIPLE) * _MULTIPLE
        turned = dict.fromkeys(wrap_degrees(round(yaw / YAW_STEP) * YAW_STEP) for yaw in yaws)
        return [View(yaw, 0.0, 0.0, fov, side, side) for yaw in turned]

    def features(self, view: View) -> LocalFeatures:
        """See :meth:`Views.features`."""
        if view not in self._made:
            self._made[view] = self._cached(view)
        return self._made[view]

    def _cached(self, view: View) -> LocalFeatures:
        key = f"{self._matcher.features_key} {view}"
        kept = None if self._cache is None else self._cache.get_arrays(self._key, key)
        if kept is not None:
            return from_arrays(kept)[0]
        features = self._matcher.extract(view_picture(self._panorama, view))
        if self._cache is not None:
            self._cache.put_arrays(self._key, key, to_arrays([features]))
        return features


class PictureView:
    """A plain picture, taken for a view with the usual field of view, straight ahead.

    Args:
        matcher: Of local features.
        pixels: (H, W, 3) sRGB.
    """

    def __init__(self, matcher: Matcher, pixels: Pixels) -> None:
        self._matcher = matcher
        self._picture = pixels

    def towards(self, yaws: Sequence[float], photo_fov: float | None) -> list[View]:  # noqa: ARG002
        """The picture itself, whatever is asked for."""
        height, width = self._picture.shape[:2]
        half = math.tan(math.radians(PICTURE_FOV) / 2) * width / max(width, height)
        return [View(0.0, 0.0, 0.0, 2 * math.degrees(math.atan(half)), width, height)]

    def features(self, view: View) -> LocalFeatures:  # noqa: ARG002
        """See :meth:`Views.features`."""
        return self._matcher.extract(self._picture)


def view_pixels(panorama: Pixels, view: View) -> Pixels:
    """The picture of a view, (h, w, 3) sRGB, of a panorama (H, W, 3)."""
    return view_picture(as_channels(panorama), view)
