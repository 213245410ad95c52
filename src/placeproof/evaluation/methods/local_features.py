"""Local features with a geometric check: what most users would try today.

A panorama is matched as eight perspective views. The score is the number of matches that pass
the check, in the view that has most of them.
"""

import numpy as np
from numpy.typing import NDArray

from placeproof.evaluation.method import Answer, Features, Method
from placeproof.geometry import mask_box
from placeproof.matchers.arrays import from_arrays, to_arrays
from placeproof.matchers.geometric_check import match_and_check
from placeproof.matchers.match_masks import panorama_mask, photo_mask
from placeproof.matchers.panorama_search import extract_views, find_in_panorama
from placeproof.matchers.panorama_views import SIDE
from placeproof.matchers.registry import make_matcher

TITLES = {
    "aliked-lightglue": "ALIKED + LightGlue",
    "disk-lightglue": "DISK + LightGlue",
    "xfeat": "XFeat",
    "xfeat-lighterglue": "XFeat + LighterGlue",
}


class LocalFeatureMethod(Method):
    """A matcher of local features as a method.

    Args:
        matcher: Its name, which is the method's, too.
        allow_download: Whether the user has asked for downloads; only vismatch's need any.

    Raises:
        WeightsError: If there is no such matcher, or its package is not installed.
        DownloadNotAllowedError: If weights would have to be downloaded and the user has not asked.
        DownloadError: If a download fails.
    """

    def __init__(self, matcher: str, *, allow_download: bool = False) -> None:
        self._matcher = make_matcher(matcher, allow_download=allow_download)
        self.name = matcher
        self.title = TITLES.get(matcher, matcher)
        self.source = self._matcher.source
        self.weights = "as the authors published them"
        self.features_key = f"{self._matcher.features_key}, views of {SIDE}"

    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """See :meth:`placeproof.evaluation.method.Method.features`."""
        if panorama:
            return to_arrays(extract_views(self._matcher, pixels))
        return to_arrays([self._matcher.extract(pixels)])

    def compare(self, query: Features, reference: Features, *, panorama: bool) -> Answer:
        """See :meth:`placeproof.evaluation.method.Method.compare`."""
        (photo,) = from_arrays(query)
        yaw = None
        if panorama:
            found = find_in_panorama(self._matcher, photo, from_arrays(reference))
            score, points = found.score, found.points
            reference_mask = panorama_mask(found.directions)
            yaw = found.camera.yaw if found.camera else None
        else:
            (other,) = from_arrays(reference)
            match = match_and_check(self._matcher, photo, other)
            score, points = match.score, match.first
            reference_mask = photo_mask(match.second, other.width, other.height)
        return Answer(
            score=score,
            query_mask=photo_mask(points, photo.width, photo.height),
            reference_mask=reference_mask,
            box=mask_box(reference_mask >= 0.5, wraps=panorama),
            yaw=yaw,
        )
