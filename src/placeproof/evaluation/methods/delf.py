"""DELF: dense local features, those kept that attention finds, and a geometric check."""

import importlib
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.spatial import KDTree
from torch import Tensor
from torch.nn import functional as F

from placeproof.errors import EvaluationError
from placeproof.evaluation.method import Answer, Features, Method
from placeproof.evaluation.methods import imagenet
from placeproof.evaluation.methods.delf_network import STRIDE, load_delf
from placeproof.evaluation.methods.descriptor import dense_size
from placeproof.evaluation.methods.published import file_key
from placeproof.geometry import WrappedBox, wrap_degrees
from placeproof.patches import as_batch

# As the authors publish them, but for the size of pictures.
SCALES = (0.25, 0.3536, 0.5, 0.7071, 1.0, 1.4142, 2.0)
STAND_IN_SCALES = SCALES[:5]  # the other two take three quarters of the time
MOST_FEATURES = 1000
LEAST_ATTENTION = 100.0
MOST_DISTANCE = 0.8  # between descriptors that match
RESIDUAL = 20.0  # pixels, of an inlier
TRIALS = 1000
FEWEST_INLIERS = 6  # that say where the query is: three fit any affine map


class LocalDescriptors(NamedTuple):
    """What one scale yields: (N, 2) x and y in the scaled picture, (N, D), (N,) attention."""

    points: Tensor
    descriptors: Tensor
    attention: Tensor


class Delf(Method):
    """DELF of whole pictures, panoramas included; the score is the number of inliers.

    Args:
        weights: The published tensors as safetensors (:func:`load_delf`). None: the finest
            feature map of the ImageNet extractor that ships, with the length of a feature for
            its attention; not the published model.

    Raises:
        EvaluationError: If OpenCV is not installed.
        WeightsError: If the file is missing, damaged, or lacks a tensor.
        WeightsMismatchError: If it holds another network.
    """

    source = (
        "Noh, Araujo, Sim, Weyand, Han: Large-Scale Image Retrieval with Attentive Deep Local "
        "Features, ICCV 2017"
    )

    def __init__(self, weights: Path | None = None) -> None:
        self._cv2 = _opencv()
        self._network = None if weights is None else load_delf(weights)
        if weights is None:
            self.name, self.title = "delf-imagenet", "DELF pipeline (ImageNet, no attention head)"
            self.weights = (
                f"{imagenet.ABOUT}, at stride 16; attention is a feature's length, and the "
                "principal components are those of rendered streets"
            )
            self._fitted = imagenet.stand_ins()
            self.features_key = f"delf-imagenet/1 {imagenet.extractor_key()}"
        else:
            self.name, self.title = "delf", "DELF"
            self.weights = f"The authors' ResNet50 from {weights.name}"
            self.features_key = f"delf/1 {file_key(weights)}"

    @torch.inference_mode()
    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """The features that attention finds best, over all scales.

        Returns:
            ``points`` (N, 2) x and y, ``descriptors`` (N, 40) float32, ``scaled`` and
            ``original`` (2,) width and height of the picture that the points lie in and of the
            one that was given. N is 1000 or less.
        """
        width, height = dense_size(pixels, panorama=panorama)
        found = []
        for scale in STAND_IN_SCALES if self._network is None else SCALES:
            size = self._input_size(width * scale), self._input_size(height * scale)
            local = self._extract(as_batch(pixels, size))
            shrink = torch.tensor([width / size[0], height / size[1]])
            found.append(local._replace(points=local.points * shrink))
        points, descriptors, attention = (torch.cat(parts) for parts in zip(*found, strict=True))
        best = attention.argsort(descending=True, stable=True)[:MOST_FEATURES]
        return {
            "points": points[best].numpy().astype(np.float32),
            "descriptors": descriptors[best].numpy().astype(np.float32),
            "scaled": np.array([width, height]),
            "original": np.array(pixels.shape[1::-1]),
        }

    def compare(self, query: Features, reference: Features, *, panorama: bool) -> Answer:
        """Nearest descriptors, an affine map through RANSAC, and where its inliers lie."""
        if not (len(query["points"]) and len(reference["points"])):
            return Answer(0.0)
        distances, nearest = KDTree(reference["descriptors"]).query(
            query["descriptors"], distance_upper_bound=MOST_DISTANCE
        )
        matched = np.isfinite(distances)
        if matched.sum() < 3:
            return Answer(0.0)
        here = query["points"][matched].astype(np.float64)
        there = reference["points"][nearest[matched]].astype(np.float64)
        affine, mask = self._cv2.estimateAffine2D(
            here, there, method=self._cv2.RANSAC, ransacReprojThreshold=RESIDUAL, maxIters=TRIALS
        )
        if affine is None:
            return Answer(0.0)
        inliers = there[mask[:, 0].astype(bool)]
        if len(inliers) < FEWEST_INLIERS:
            return Answer(float(len(inliers)))
        scaled, original = (reference[name].astype(np.float64) for name in ("scaled", "original"))
        box = _around(inliers * (original / scaled), original)
        yaw = None
        if panorama:
            centre = query["scaled"].astype(np.float64) / 2
            column = float((affine @ np.append(centre, 1.0))[0])
            yaw = wrap_degrees((column / float(scaled[0]) - 0.5) * 360.0)
        return Answer(float(len(inliers)), box=box, yaw=yaw)

    def _input_size(self, length: float) -> int:
        """A side's length that the network takes: any from 32 on, or a multiple of 32."""
        if self._network is not None:
            return max(STRIDE, round(length))
        return max(1, round(length / 32)) * 32

    def _extract(self, batch: Tensor) -> LocalDescriptors:
        """The features of one scale, of (1, 3, H, W), whose attention is high enough."""
        if self._network is not None:
            maps, attention = self._network(batch)
            stride, offset, least = STRIDE, 0.5, LEAST_ATTENTION
        else:
            maps = imagenet.raw_maps(batch)[0]
            attention = maps.norm(dim=1)
            stride, offset, least = 16, 8.0, 0.0
        rows, columns = (attention[0] > least).nonzero().unbind(1)
        kept = maps[0, :, rows, columns].T
        if self._network is not None:
            described = self._network.reduce(kept)
        else:
            centred = F.normalize(kept, dim=1) - self._fitted.mean
            described = F.normalize(centred @ self._fitted.components.T, dim=1)
        points = torch.stack((columns, rows), dim=1) * stride + offset
        return LocalDescriptors(points, described, attention[0, rows, columns])


def _around(points: NDArray[np.float64], size: NDArray[np.float64]) -> WrappedBox:
    """The smallest box of whole pixels, within a picture's width and height, around points."""
    low = np.clip(np.floor(points.min(axis=0)), 0, size - 1).astype(int)
    high = np.clip(np.floor(points.max(axis=0)) + 1, low + 1, size).astype(int)
    (left, top), (right, bottom) = low.tolist(), high.tolist()
    return WrappedBox(left, top, right - left, bottom - top)


def _opencv() -> Any:
    try:
        return importlib.import_module("cv2")
    except ImportError as error:
        raise EvaluationError(
            "DELF's geometric check needs OpenCV; run: pip install 'placeproof[local-features]'"
        ) from error
