"""What a loss sees of a pair; nothing of it is computed before it is looked at."""

from collections.abc import Callable
from functools import cached_property

from torch import Tensor

from placeproof.network.bupm import Bupm, Judgement
from placeproof.training.examples import Pair


class Features:
    """A picture's features as the extraction yields them, and as the network compares them.

    Args:
        network: Projects them.
        make: Makes (C, h, w).
        projected: Whether they come projected.
        to_beat: What a match of each patch has to beat, (h, w), where it is known.
    """

    def __init__(
        self,
        network: Bupm,
        make: Callable[[], Tensor],
        *,
        projected: bool,
        to_beat: Tensor | None = None,
    ) -> None:
        self._network = network
        self._make = make
        self._done = projected
        self._to_beat = to_beat

    @cached_property
    def extracted(self) -> Tensor:
        """As the extraction yields them, (C, h, w)."""
        return self._make()

    @cached_property
    def projected(self) -> Tensor:
        """F_R or F_Q, (C', h, w), as :meth:`Bupm.features` makes them."""
        if self._done:
            return self.extracted
        features: Tensor = self._network.projection(self.extracted[None])[0]
        return features

    @cached_property
    def to_beat(self) -> Tensor:
        """What a match of each patch has to beat, (h, w); see :meth:`Bupm.to_beat`."""
        return self._network.to_beat(self.projected) if self._to_beat is None else self._to_beat

    def patches(self, indices: Tensor) -> Tensor:
        """Patches (n,), row * w + column, of :attr:`projected`, without making all: (n, C')."""
        chosen = self.extracted.flatten(1)[:, indices]
        if not self._done:
            chosen = self._network.projection(chosen[None, :, None])[0, :, 0]
        return chosen.T


class Compared:
    """A pair of a batch and what the network says of it.

    Args:
        network: What compares them.
        pair: Which pictures, and whether they show the same place.
        mask: M_R as it should be, (H, W) float32 in [0, 1]; None where it is not known.
        shown: What each query patch shows, (h, w) int64 on the CPU, ``Pair.matches``; None
            likewise.
        reference: Of the panorama.
        query: Of the photo.
        scores: B_R (1, H, W) and B_Q (1, h, w), where they are known.
    """

    def __init__(
        self,
        network: Bupm,
        pair: Pair,
        mask: Tensor | None,
        shown: Tensor | None,
        reference: Features,
        query: Features,
        scores: tuple[Tensor, Tensor] | None = None,
    ) -> None:
        self._network = network
        self._known = scores
        self.pair = pair
        self.mask = mask
        self.shown = shown
        self.reference = reference
        self.query = query

    @cached_property
    def scores(self) -> tuple[Tensor, Tensor]:
        """B_R (1, H, W) and B_Q (1, h, w)."""
        if self._known is not None:
            return self._known
        matches = self._network.match(
            self.reference.projected, self.query.projected, self.query.to_beat
        )
        return matches.reference, matches.query

    @cached_property
    def judged(self) -> Judgement:
        """What the network says, as a batch of one."""
        return self._network.judge(*self.scores)
