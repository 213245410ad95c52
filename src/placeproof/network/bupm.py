"""The whole network (paper, Fig. 2): features -> matching -> masks -> verification."""

from typing import NamedTuple

from torch import Tensor, nn

from placeproof.network.background import Background
from placeproof.network.features import FeatureExtractor
from placeproof.network.masks import MaskDetector
from placeproof.network.matching import Matches, match
from placeproof.network.projection import Projection
from placeproof.network.verification import Verification


class Judgement(NamedTuple):
    """What the network makes of best-match scores.

    Attributes:
        logit: (B,) logit of "query and reference show the same place".
        reference_mask: M_R, (B, H, W) logits on the reference's patches.
        query_mask: M_Q, (B, h, w) logits on the query's patches.
    """

    logit: Tensor
    reference_mask: Tensor
    query_mask: Tensor


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
        projection: Channels of a map behind the extractor, or None for the paper's network,
            which has none.
        hidden: Hidden units of that map, or None for a linear one.
        background: How many background patches a match has to beat, or None for the paper's
            network, which has none.

    Attributes:
        extractor: Pictures to features.
        projection: Features to features that tell places apart, or identity.
        background: What a match has to beat, or None.
        detector: Best-match scores to masks.
        verification: Masks to a decision.
    """

    def __init__(
        self,
        extractor: str,
        projection: int | None = None,
        hidden: int | None = None,
        background: int | None = None,
    ) -> None:
        super().__init__()
        self.extractor = FeatureExtractor(extractor)
        channels = projection or self.extractor.channels
        self.projection = (
            Projection(self.extractor.channels, projection, hidden) if projection else nn.Identity()
        )
        self.background = Background(background, channels) if background else None
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

    def compare(
        self,
        reference: Tensor,
        query: Tensor,
        *,
        to_beat: Tensor | None = None,
        wraps: bool = True,
    ) -> Output:
        """Matches features that :meth:`features` made, and decides.

        Args:
            reference: F_R, (B, C, H, W), or (C, H, W) to be compared with every query.
            query: F_Q, (B, C, h, w), or (C, h, w) to be compared with every reference.
            to_beat: What :meth:`to_beat` answers of the query, where it is known.
            wraps: Whether the reference is a panorama.
        """
        matches = self.match(reference, query, to_beat)
        return Output(*self.judge(matches.reference, matches.query, wraps=wraps), matches)

    def to_beat(self, query: Tensor) -> Tensor:
        """What a match of each patch of F_Q (..., C, h, w) has to beat, (..., h, w).

        0 without a background. It takes about as long as matching with a panorama.
        """
        if self.background is None:
            return query.new_zeros(*query.shape[:-3], *query.shape[-2:])
        beaten: Tensor = self.background(query)
        return beaten

    def match(self, reference: Tensor, query: Tensor, to_beat: Tensor | None = None) -> Matches:
        """The best matches, less the background if there is one; see :meth:`compare`."""
        if reference.dim() == query.dim() == 3:
            reference = reference[None]
        return match(reference, query, self.to_beat(query) if to_beat is None else to_beat)

    def judge(self, reference: Tensor, query: Tensor, *, wraps: bool = True) -> Judgement:
        """Masks and decision from best-match scores.

        Args:
            reference: B_R, (B, H, W).
            query: B_Q, (B, h, w).
            wraps: Whether the reference is a panorama.
        """
        reference_mask = self.detector(reference, wraps=wraps)
        query_mask = self.detector(query, wraps=False)
        logit = self.verification(reference_mask.sigmoid(), query_mask.sigmoid())
        return Judgement(logit, reference_mask, query_mask)

    def forward(self, reference: Tensor, query: Tensor, *, wraps: bool = True) -> Output:
        """Compares pictures: (B, 3, H, W) references with (B, 3, h, w) queries in [0, 1]."""
        return self.compare(
            self.features(reference, wraps=wraps), self.features(query, wraps=False), wraps=wraps
        )
