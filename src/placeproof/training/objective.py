"""One step's loss: a loaded batch in, a scalar out."""

from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

from placeproof.network.bupm import Bupm
from placeproof.training.compared import Compared, Features
from placeproof.training.examples import Input
from placeproof.training.features import Extraction, Memory
from placeproof.training.loader import Loaded
from placeproof.training.losses import Loss

SIDES = "reference", "query"


class Objective(nn.Module):
    """The network and its loss as one module, so that processes can share it.

    Each picture of a batch goes through the network at most once, and only if a pair that counts
    has it. Where features do not change, a pair that was matched before is not matched again.

    Args:
        network: The network.
        loss: What is minimised.
        extraction: Makes the pictures' features.
        matched: Keeps best-match scores.
    """

    def __init__(self, network: Bupm, loss: Loss, extraction: Extraction, matched: Memory) -> None:
        super().__init__()
        self.network = network
        self._loss = loss
        self._extraction = extraction
        self._matched = matched

    def forward(self, loaded: Loaded) -> Tensor:
        """The mean loss of the pairs that count."""
        batch, device = loaded.batch, self._extraction.device
        keys = [
            batch.queries[pair.query].key + batch.references[pair.reference].key
            for pair in batch.pairs
        ]
        known = [self._known(key) for key in keys]
        new = [
            pair
            for pair, scores in zip(batch.pairs, known, strict=True)
            if scores is None and self._loss.counts(pair)
        ]
        references = self._features(
            batch.references, loaded.references, {pair.reference for pair in new}
        )
        queries = self._features(batch.queries, loaded.queries, {pair.query for pair in new})
        compared = [
            Compared(
                self.network,
                pair,
                None if mask is None else mask.to(device),
                shown,
                references[pair.reference],
                queries[pair.query],
                scores,
            )
            for pair, mask, shown, scores in zip(
                batch.pairs, loaded.masks, loaded.shown, known, strict=True
            )
        ]
        loss = self._loss.function(compared)
        if self._extraction.projects:
            for key, one in zip(keys, compared, strict=True):
                if self._loss.counts(one.pair):
                    for side, scores in zip(SIDES, one.scores, strict=True):
                        self._matched.put((key, side), scores.detach())
            for index in {pair.query for pair in new}:
                self._matched.put(_to_beat(batch.queries[index]), queries[index].to_beat.detach())
        return loss

    def _known(self, key: str) -> tuple[Tensor, Tensor] | None:
        reference, query = (self._matched.get((key, side)) for side in SIDES)
        return None if reference is None or query is None else (reference, query)

    def _features(
        self, pictures: Sequence[Input], fetched: Sequence[Tensor], wanted: set[int]
    ) -> list[Features]:
        """Of all pictures; those that are wanted are made at once and together."""
        chosen, extraction = sorted(wanted), self._extraction
        made = extraction.features([pictures[i] for i in chosen], [fetched[i] for i in chosen])
        ready = dict(zip(chosen, made, strict=True))

        def make(index: int) -> Tensor:
            if index in ready:
                return ready[index]
            return extraction.features([pictures[index]], [fetched[index]])[0]

        return [
            Features(
                self.network,
                partial(make, index),
                projected=extraction.projects,
                to_beat=self._matched.get(_to_beat(pictures[index])),
            )
            for index in range(len(pictures))
        ]


def _to_beat(picture: Input) -> tuple[str, str]:
    return picture.key, "to beat"
