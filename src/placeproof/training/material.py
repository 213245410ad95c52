"""What a training run takes its pictures from."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from torch import Tensor

from placeproof.training.development import Example
from placeproof.training.examples import Batch, BatchSource, Input


class Material(Protocol):
    """Where a training run takes its pictures from."""

    @property
    def panoramas(self) -> Sequence[Input]:
        """Training panoramas that a projection and a background begin with."""
        ...

    @property
    def masks(self) -> Sequence[Batch]:
        """Synthetic pairs of development panoramas, with true masks."""
        ...

    def source(self, number: int, look_alikes: Mapping[str, Sequence[str]] | None) -> BatchSource:
        """The batches of a phase."""
        ...

    def mine(
        self,
        number: int,
        features: Callable[[Input], Tensor],
        progress: Callable[[int, int], None],
    ) -> dict[str, list[str]]:
        """The look-alikes of a phase, for :meth:`source`, by the features of its beginning."""
        ...

    def examples(self, size: int, *, square: bool, others: int) -> Sequence[Example]:
        """Real development pairs, photos scaled to ``size`` pixels."""
        ...
