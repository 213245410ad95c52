"""Measures a network on places that it is not trained on: to stop early, and for its card."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from placeproof.errors import TrainingError
from placeproof.metrics import intersection_over_union
from placeproof.network.bupm import Bupm
from placeproof.training.compared import Compared, Features
from placeproof.training.distributed import Processes
from placeproof.training.examples import Batch, Input, Pair
from placeproof.training.features import Extraction, Memory
from placeproof.training.losses import correspondence_loss, mask_loss
from placeproof.training.manifest import Row
from placeproof.training.progress import Advance
from placeproof.training.samples import Sample
from placeproof.training.scores import Scores

OTHERS = 24  # panoramas of other places that each photo is compared with
SAME_POINT_M = 1.0  # a photo nearer than this to its panorama was made of it: no parallax
SAMPLES = 3  # pairs of each kind in a picture of samples
PROJECTED_BYTES = 2**30  # of projected features kept during one measurement


@dataclass(frozen=True, slots=True)
class Example:
    """A photo of a development place and a panorama.

    Attributes:
        photo: Number of the photo.
        query: Its picture.
        reference: The panorama's picture.
        same: Whether they show the same place.
        near: Whether they do, and with parallax.
    """

    photo: int
    query: Input
    reference: Input
    same: bool
    near: bool


def development_pairs(
    rows: Sequence[Row],
    photo: Callable[[Path], Input],
    panorama: Callable[[Path], Input],
    others: int,
    seed: int,
) -> list[Example]:
    """Every development photo with its panoramas, and with some of other development places.

    Args:
        rows: A manifest.
        photo: Makes a photo's picture.
        panorama: Makes a panorama's picture.
        others: Panoramas of other places for each photo, where there are as many.
        seed: Draws them.

    Raises:
        TrainingError: If there are no pairs of the same place, or none of different ones.
    """
    development = [row for row in rows if row.split == "development"]
    by_photo: dict[Path, list[Row]] = defaultdict(list)
    for row in development:
        if row.query is not None:
            by_photo[row.query].append(row)
    panoramas = {row.panorama: row for row in development}
    examples = []
    for number, (path, own) in enumerate(by_photo.items()):
        query = photo(path)
        examples += [
            Example(number, query, panorama(row.panorama), same=True, near=not _same_point(row))
            for row in own
        ]
        elsewhere = [o for o in panoramas.values() if all(row.elsewhere(o) for row in own)]
        random = np.random.default_rng((seed, number))
        drawn = random.choice(len(elsewhere), min(others, len(elsewhere)), replace=False)
        examples += [
            Example(number, query, panorama(elsewhere[i].panorama), same=False, near=False)
            for i in drawn
        ]
    if {example.same for example in examples} != {True, False}:
        raise TrainingError(
            "the manifest has too few development pairs to choose and calibrate on: it takes rows "
            "of split 'development' with a query, of at least two places"
        )
    return examples


def _same_point(row: Row) -> bool:
    if row.query_location is None or row.panorama_location is None:
        return row.mask is not None  # without positions, a mask says that it was cut out of it
    return row.query_location.distance_m(row.panorama_location) < SAME_POINT_M


@torch.no_grad()
def measure(
    network: Bupm,
    extraction: Extraction,
    examples: Sequence[Example],
    masks: Sequence[Batch],
    matched: Memory,
    processes: Processes,
    stopped: Callable[[], bool],
    advance: Advance,
) -> Scores | None:
    """Runs the network on development pairs; every process has its part.

    Args:
        network: In evaluation mode.
        extraction: Makes the pictures' features; it has to keep its own.
        examples: Real pairs.
        masks: Batches of synthetic pairs with true masks.
        matched: Keeps best-match scores of the real pairs; features that change need a new one.
        processes: All processes; each gets the same answer.
        stopped: Asked now and then; where it is true, the answer is None.
        advance: Told now and then how far this process has come.
    """
    features = ProjectedFeatures(network, extraction)
    said: dict[int, tuple[float, float]] = {}
    mine = processes.part(range(len(examples)))
    for done, index in enumerate(mine):
        if stopped():
            break
        advance(done, len(mine))
        said[index] = _logit_and_cosine(network, features, examples[index], matched)
    measured: dict[tuple[int, int], _MaskScores] = {}
    for number in processes.part(range(len(masks))):
        if stopped():
            break
        batch = masks[number]
        for index, pair in enumerate(batch.pairs):
            if pair.mask is not None:
                measured[number, index] = _mask_scores(network, features, batch, pair, pair.mask)
    if processes.any(stopped()):
        return None
    said = {i: v for part in processes.gather(said) for i, v in part.items()}
    every = {i: v for part in processes.gather(measured) for i, v in part.items()}
    scores = [every[key] for key in sorted(every)]  # in one order, however many processes
    return Scores(
        logits=np.array([said[i][0] for i in range(len(examples))]),
        cosines=np.array([said[i][1] for i in range(len(examples))]),
        same=np.array([example.same for example in examples]),
        near=np.array([example.near for example in examples]),
        photos=np.array([example.photo for example in examples]),
        mask_loss=_mean([score.loss for score in scores]),
        overlap=_mean([score.overlap for score in scores]),
        correspondence_loss=_mean([score.correspondence_loss for score in scores]),
    )


def _logit_and_cosine(
    network: Bupm, features: "ProjectedFeatures", example: Example, matched: Memory
) -> tuple[float, float]:
    key = example.query.key + example.reference.key
    kept = [matched.get((key, part)) for part in ("reference", "query", "cosine")]
    scores = [part for part in kept if part is not None]
    if len(scores) < len(kept):
        query = features(example.query)
        matches = network.match(features(example.reference), query, features.to_beat(example.query))
        scores = [matches.reference, matches.query, matches.similarity.mean()]
        for part, tensor in zip(("reference", "query", "cosine"), scores, strict=True):
            matched.put((key, part), tensor)
    reference, query, cosine = scores
    return float(network.judge(reference, query).logit[0]), float(cosine)


def _mean(values: Sequence[float | None]) -> float:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else 0.0


class ProjectedFeatures:
    """Features of pictures as the network compares them, without a gradient, each made once.

    Args:
        network: With the weights that it keeps while this is in use.
        extraction: Makes the pictures' features.
    """

    def __init__(self, network: Bupm, extraction: Extraction) -> None:
        self._network = network
        self._extraction = extraction
        self._kept = Memory(PROJECTED_BYTES)

    @torch.inference_mode(False)  # what the extraction keeps has to serve the training as well
    @torch.no_grad()
    def __call__(self, picture: Input) -> Tensor:
        """F_R (C, H, W) of a panorama, or F_Q (C, h, w) of a query."""
        key = (picture.key, "projected")
        known = self._kept.get(key)
        if known is None:
            (made,) = self._extraction.features([picture], [self._extraction.fetch(picture)])
            features = Features(self._network, lambda: made, projected=self._extraction.projects)
            known = features.projected
            self._kept.put(key, known)
        return known

    def to_beat(self, query: Input) -> Tensor:
        """What a match of each patch of a query has to beat, (h, w); :meth:`Bupm.to_beat`."""
        key = (query.key, "to beat")
        known = self._kept.get(key)
        if known is None:
            known = self._network.to_beat(self(query))
            self._kept.put(key, known)
        return known


class _MaskScores(NamedTuple):
    loss: float
    overlap: float | None
    correspondence_loss: float | None


def _mask_scores(
    network: Bupm,
    features: ProjectedFeatures,
    batch: Batch,
    pair: Pair,
    mask_of: Callable[[], NDArray[np.float32]],
) -> _MaskScores:
    """The loss of a pair's M_R, its overlap with the true one if that is any, and the matches'."""
    mask = mask_of()
    reference = features(batch.references[pair.reference])
    query = features(batch.queries[pair.query])
    compared = Compared(
        network,
        pair,
        torch.from_numpy(mask).to(reference.device),
        None if pair.matches is None else torch.from_numpy(pair.matches()),
        Features(network, lambda: reference, projected=True),
        Features(network, lambda: query, projected=True),
    )
    true, found = mask >= 0.5, compared.judged.reference_mask[0].cpu().numpy() >= 0
    correspondence = None
    if pair.matches is not None:
        torch.manual_seed(0)  # the same patches after every epoch
        correspondence = float(correspondence_loss([compared]))
    overlap = intersection_over_union(found, true) if true.any() else None
    return _MaskScores(float(mask_loss([compared])), overlap, correspondence)


@torch.no_grad()
def take_samples(
    network: Bupm, extraction: Extraction, examples: Sequence[Example], masks: Sequence[Batch]
) -> list[Sample]:
    """A few synthetic and real pairs with what the network says of them, always the same ones."""
    chosen: list[tuple[Input, Input, bool, NDArray[np.float32] | None]] = [
        (
            batch.queries[pair.query],
            batch.references[pair.reference],
            pair.same,
            None if pair.mask is None else pair.mask(),
        )
        for batch in masks[:SAMPLES]
        for pair in batch.pairs[:1]
    ]
    for same in (True, False):
        of_kind = [example for example in examples if example.same == same]
        step = -(-len(of_kind) // SAMPLES)
        chosen += [(e.query, e.reference, same, None) for e in of_kind[::step]]
    features = ProjectedFeatures(network, extraction)
    samples = []
    for query, reference, same, mask in chosen:
        output = network.compare(features(reference), features(query))
        samples.append(
            Sample(
                query=query.load(),
                panorama=reference.load(),
                query_mask=output.query_mask[0].sigmoid().cpu().numpy(),
                panorama_mask=output.reference_mask[0].sigmoid().cpu().numpy(),
                true_mask=mask,
                same=same,
                probability=float(output.logit[0].sigmoid()),
            )
        )
    return samples
