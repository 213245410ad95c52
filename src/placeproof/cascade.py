"""One photo and one reference: the first look, and the second one where it is asked for.

The first look compares all patches; it costs milliseconds where features are kept. The second
one matches local features in the views that the first proposes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from placeproof.inference import Inference
from placeproof.matchers.contract import Matcher
from placeproof.photo import Photo
from placeproof.results import Comparison, SecondLook
from placeproof.second_look.look import Look, look_again
from placeproof.second_look.spread import covered_share
from placeproof.second_look.views import Views
from placeproof.tricks.ambiguity import Bearing, equal_bearings


class Cascade:
    """Compares photos with references.

    Args:
        inference: The network of the first look.
        matcher: Local features of the second look.
    """

    def __init__(self, inference: Inference, matcher: Matcher) -> None:
        self.inference = inference
        self.matcher = matcher

    def photo(
        self, pixels: NDArray[np.uint8], fov: float | None = None, dense: Tensor | None = None
    ) -> Photo:
        """A photo (H, W, 3).

        Args:
            pixels: sRGB.
            fov: Field of view along the longer side in degrees, or None where it is unknown.
            dense: Its features (C, h, w) of the first look, if they are there already.
        """
        return Photo(pixels, fov, self.inference, self.matcher, dense)

    def first_look(
        self, photo: Photo, reference: Tensor, size: tuple[int, int], *, panorama: bool = True
    ) -> Comparison:
        """What the network says.

        Args:
            photo: The photo.
            reference: Features (C, H, W) of the panorama, or of another reference.
            size: The reference's width and height, pixels.
            panorama: Whether it is a panorama.
        """
        return self.inference.compare(
            photo.dense, photo.size, reference, size, panorama=panorama, to_beat=photo.to_beat
        )

    def second_look(self, photo: Photo, views: Views, yaws: Sequence[float]) -> SecondLook:
        """What local features say.

        Args:
            photo: The photo.
            views: Of the reference.
            yaws: Where the first look proposes to look.
        """
        looks = look_again(self.matcher, photo.local, photo.fov, views, yaws)
        best = looks[0] if looks else None
        pose = None if best is None else best.pose
        points, directions = np.empty((0, 2), np.float32), np.empty((0, 3))
        if best is not None and pose is not None:
            points, directions = best.points[pose.inliers], best.directions[pose.inliers]
        return SecondLook(
            matcher=self.matcher.name,
            views=tuple(look.view for look in looks),
            points=points,
            directions=directions,
            surprise=0.0 if pose is None else pose.surprise,
            spread=covered_share(points, photo.local.keypoints, photo.size),
            camera=None if pose is None else pose.camera,
            kind=None if pose is None else pose.kind,
            towards=None if pose is None else pose.towards,
            other_yaws=_other_yaws(looks),
        )


def _other_yaws(looks: Sequence[Look]) -> tuple[float, ...]:
    """Directions of the camera that are about as good as the best, as in a symmetric street."""
    bearings = [
        Bearing(look.pose.camera.yaw, look.inliers) for look in looks if look.pose is not None
    ]
    return tuple(bearing.yaw for bearing in equal_bearings(bearings)[1:])
