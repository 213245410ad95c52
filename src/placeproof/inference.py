"""Runs the network on two pictures and brings what it says back to their own pixels."""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from placeproof.geometry import mask_box
from placeproof.localization import best_matches, strongest_yaws, yaw_votes
from placeproof.network.checkpoint import Checkpoint
from placeproof.patches import Mask, PatchGrid, as_batch, scaled_size
from placeproof.results import Comparison

YAWS = 3  # directions that a comparison names at most


class Inference:
    """A loaded network, fed as it was trained.

    Args:
        checkpoint: The network and its card.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.network = checkpoint.network
        self.operation = checkpoint.card.operation
        self.stride = checkpoint.network.extractor.stride

    @property
    def panorama_size(self) -> tuple[int, int]:
        """Width and height at which the extractor sees every panorama."""
        return self.operation.panorama_width, self.operation.panorama_width // 2

    def photo_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height at which the extractor sees a photo of the given size."""
        return scaled_size((width, height), self.operation.photo_side, self.stride)

    def features(self, pixels: NDArray[np.uint8], size: tuple[int, int], *, wraps: bool) -> Tensor:
        """Features (C, h, w) of a picture (H, W, 3) scaled to ``size``."""
        return self.projected(self.extracted(pixels, size, wraps=wraps))

    @torch.inference_mode()
    def extracted(self, pixels: NDArray[np.uint8], size: tuple[int, int], *, wraps: bool) -> Tensor:
        """What the extractor alone makes of a picture, (D, h, w)."""
        features: Tensor = self.network.extractor(as_batch(pixels, size), wraps=wraps)[0]
        return features

    @torch.inference_mode()
    def projected(self, extracted: Tensor) -> Tensor:
        """The features (C, h, w) that :meth:`features` makes of what the extractor made."""
        features: Tensor = self.network.projection(extracted[None])[0]
        return features

    @torch.inference_mode()
    def to_beat(self, query_features: Tensor) -> Tensor:
        """What a match of each patch of a photo (C, h, w) has to beat, (h, w)."""
        return self.network.to_beat(query_features.float())

    @staticmethod
    @torch.inference_mode()
    def variety(features: Tensor) -> float:
        """How much the patches of a picture (C, h, w) differ: 0 all the same, 1 all unlike.

        One less the length of the mean of all patches at unit length.
        """
        return 1.0 - float(F.normalize(features.float().flatten(1), dim=0).mean(dim=1).norm())

    @torch.inference_mode()
    def compare(
        self,
        query_features: Tensor,
        query_size: tuple[int, int],
        reference_features: Tensor,
        reference_size: tuple[int, int],
        *,
        panorama: bool,
        to_beat: Tensor | None = None,
    ) -> Comparison:
        """Compares features that :meth:`features` made.

        Args:
            query_features: (C, h, w) of the photo.
            query_size: Width and height of the photo in its own pixels.
            reference_features: (C, H, W) of the panorama or other reference.
            reference_size: Width and height of the reference in its own pixels.
            panorama: Whether the reference is a panorama, whose edges touch.
            to_beat: What :meth:`to_beat` answers of the photo; the same for every reference.
        """
        output = self.network.compare(
            reference_features.float(), query_features.float(), to_beat=to_beat, wraps=panorama
        )
        reference_input = self.panorama_size if panorama else self.photo_size(*reference_size)
        query_grid = PatchGrid(self.stride, self.photo_size(*query_size), query_size, wraps=False)
        reference_grid = PatchGrid(self.stride, reference_input, reference_size, wraps=panorama)
        query_mask = output.query_mask[0].sigmoid()
        reference_mask = output.reference_mask[0].sigmoid()
        found = Mask(reference_mask, reference_grid)
        box = mask_box(found.pixels() >= 0.5, wraps=panorama)
        yaws: tuple[float, ...] = ()
        if panorama:
            focal = self.operation.panorama_width / (2 * math.pi) / self.stride
            votes = yaw_votes(
                output.matches.query_index[0], query_mask, reference_mask.shape[1], focal
            )
            yaws = strongest_yaws(votes, YAWS)
        logit = output.logit[0] / self.operation.temperature
        return Comparison(
            logit=float(logit),
            probability=float(logit.sigmoid()),
            query_mask=Mask(query_mask, query_grid),
            reference_mask=found,
            box=box,
            yaw=yaws[0] if yaws and box is not None else None,
            yaws=yaws,
            matches=best_matches(
                output.matches, query_mask, reference_mask, query_grid, reference_grid
            ),
        )
