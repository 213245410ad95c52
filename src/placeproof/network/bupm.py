"""The whole network (paper, Fig. 2): features -> matching -> masks -> verification."""

from typing import NamedTuple

from torch import Tensor, nn

from placeproof.network.features import FeatureExtractor
from placeproof.network.masks import MaskDetector
from placeproof.network.matching import Matches, match
from placeproof.network.verification import Verification


class Output(NamedTuple):
    """What the network says of a batch of pairs.

    Attributes:
        logit: (B,) logit of "query and reference show the same place".
        reference_mask: M_R, (B, H, W) logits on the reference's patches.
        query_mask: M_Q, (B, h, w) logits on the query's patches.
        matches: B_R, B_Q and the index of each patch's best match.
    """

    logit: Tensor
    reference_mask: Tensor
    query_mask: Tensor
    matches: Matches


class Bupm(nn.Module):
    """Bottom-up pattern matching network.

    Args:
        extractor: Name of a feature extractor (:mod:`placeproof.network.features`).
        projection: Channels of a linear map behind the extractor, or None for the paper's
            network, which has none. Trained weights put PCA whitening there: ImageNet
            features share a few strong directions that make all patches look alike.

    Attributes:
        extractor: Pictures to features.
        projection: 1 x 1 convolution, or identity.
        detector: Best-match scores to masks.
        verification: Masks to a decision.
    """

    def __init__(self, extractor: str, projection: int | None = None) -> None:
        super().__init__()
        self.extractor = FeatureExtractor(extractor)
        self.projection = (
            nn.Conv2d(self.extractor.channels, projection, 1) if projection else nn.Identity()
        )
        self.detector = MaskDetector()
        self.verification = Verification()

    def features(self, images: Tensor, *, wraps: bool) -> Tensor:
        """F_R of panoramas (``wraps``) or F_Q of photos.

        Args:
            images: (B, 3, H, W) sRGB in [0, 1].
            wraps: Whether left and right edges touch.

        Returns:
            (B, C, ceil(H / stride), ceil(W / stride)).
        """
        features: Tensor = self.projection(self.extractor(images, wraps=wraps))
        return features

    def compare(self, reference: Tensor, query: Tensor, *, wraps: bool = True) -> Output:
        """Matches features that :meth:`features` made, and decides.

        Args:
            reference: F_R, (B, C, H, W), or (C, H, W) to be compared with every query.
            query: F_Q, (B, C, h, w), or (C, h, w) to be compared with every reference.
            wraps: Whether the reference is a panorama.
        """
        if reference.dim() == query.dim() == 3:
            reference = reference[None]
        matches = match(reference, query)
        reference_mask = self.detector(matches.reference, wraps=wraps)
        query_mask = self.detector(matches.query, wraps=False)
        logit = self.verification(reference_mask.sigmoid(), query_mask.sigmoid())
        return Output(logit, reference_mask, query_mask, matches)

    def forward(self, reference: Tensor, query: Tensor, *, wraps: bool = True) -> Output:
        """Compares pictures: (B, 3, H, W) references with (B, 3, h, w) queries in [0, 1]."""
        return self.compare(
            self.features(reference, wraps=wraps), self.features(query, wraps=False), wraps=wraps
        )
