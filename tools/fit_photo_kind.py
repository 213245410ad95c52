"""Fits the head that says whether a photo shows an outdoor scene at all.

    OMP_NUM_THREADS=1 python tools/fit_photo_kind.py ../shared/data

1. Pictures of every kind (``tools/kinds_of_pictures.py``), and their features as a verification
   computes them: all but a minute of the seven that it takes.
2. Five times, a fifth of all places is left out, and judged by a head that never saw them.
   ``judgeable_from`` is the highest threshold at which, of every kind of street picture, at most
   1 % is taken for something else; ``strange_from`` is what the strangest of them reaches;
   ``named_from`` is the lowest at which 99 % of what is named is named rightly.
3. Every kind of other picture is judged by a head that never saw its kind, and by one that never
   saw anything like it.
4. The head that is written is fitted to everything but photos and drives. No head is fitted to
   these: they are other cameras' pictures, and say how well it does on cameras that it never saw.

Not judgeable were, of places that the head never saw: 1.0 % of street views, 0.5 % of photos (1 of
211, a covered passage; none of those at night or in snow), no frame of a drive, no rendered street,
no street at night or on a screen, 1.0 % of streets in a screenshot; 93 % of rooms, 96 % of skies,
98 % of close-ups of the ground, all screenshots, maps, documents, plots, drawings and blank walls.
With nothing alike seen, a head catches 5 % of rooms, 8 % of web pages, 13 % of pencil drawings,
29 % of paintings, and 57 to 100 % of each other kind. The file's card has all figures.
"""

import argparse
import csv
import sys
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from sklearn.preprocessing import StandardScaler

from kinds_of_pictures import SHOWS, tasks
from placeproof.buildings.small import extractor_hash
from placeproof.errors import PlaceproofError
from placeproof.network.checkpoint import Checkpoint, load_checkpoint
from placeproof.patches import as_batch, scaled_size
from placeproof.photo_kind import (
    HEAD_FILE,
    SCENE,
    HeadTensors,
    KindCard,
    PhotoKindHead,
    pooled,
    save_kind_head,
    strangeness,
)
from placeproof.weights_store import SHIPPED_FILE

Floats = NDArray[np.float64]
Names = NDArray[np.str_]
Chosen = NDArray[np.bool_] | NDArray[np.integer]

KINDS = list(dict.fromkeys(SHOWS.values()))  # what pictures show, scenes first
FALSE_RATE = 0.01  # of street pictures of a kind that may be taken for something else
WRONG_NAMES = 0.01  # of those that are named
FOLDS = 5
PENALTY = 0.02  # inverse strength of the penalty on weights
AXES = 64
UNSEEN = ("photo", "driver's view")  # kinds of other cameras, which no head is fitted to


@dataclass(frozen=True, slots=True)
class Examples:
    """Pictures as the head sees them.

    Attributes:
        kinds: (N,), keys of ``SHOWS``.
        groups: (N,), places.
        vectors: (N, C), pooled features.
    """

    kinds: Names
    groups: Names
    vectors: Floats

    @property
    def shown(self) -> Names:
        """(N,), what each shows."""
        return np.array([SHOWS[kind] for kind in self.kinds])

    @property
    def streets(self) -> NDArray[np.bool_]:
        """(N,), whether each shows an outdoor scene."""
        return np.array([SHOWS[kind] == SCENE for kind in self.kinds])

    def __getitem__(self, chosen: Chosen) -> "Examples":
        return Examples(self.kinds[chosen], self.groups[chosen], self.vectors[chosen])


class Judged(NamedTuple):
    """What a head says of examples.

    Attributes:
        probability: (N, kinds) of everything that a picture may show.
        strangeness: (N,).
    """

    probability: Floats
    strangeness: Floats

    def refused(self, thresholds: "Thresholds") -> NDArray[np.bool_]:
        """(N,), which are not judgeable."""
        unlikely = self.probability[:, 0] < thresholds.judgeable_from
        refused: NDArray[np.bool_] = unlikely | (self.strangeness > thresholds.strange_from)
        return refused


class Thresholds(NamedTuple):
    """See :class:`placeproof.photo_kind.KindCard`."""

    judgeable_from: float
    strange_from: float


def make_examples(checkpoint: Checkpoint, data: Path, seed: int) -> Examples:
    """Pictures of every kind, by the features that a verification computes."""
    kinds, groups, vectors = [], [], []
    for task in track(tasks(data, seed), "Pictures"):
        for example in task():
            kinds.append(example.kind)
            groups.append(example.group)
            vectors.append(vector(checkpoint, example.pixels))
    return Examples(np.array(kinds), np.array(groups), np.stack(vectors))


@torch.inference_mode()
def vector(checkpoint: Checkpoint, pixels: NDArray[np.uint8]) -> Floats:
    """Pooled features (C,) of a photo (H, W, 3)."""
    extractor = checkpoint.network.extractor
    given = (pixels.shape[1], pixels.shape[0])
    size = scaled_size(given, checkpoint.card.operation.photo_side, extractor.stride)
    mean: Floats = pooled(extractor(as_batch(pixels, size), wraps=False)[0]).double().numpy()
    return mean


def fit(examples: Examples) -> HeadTensors:
    """A multinomial logistic regression of what is shown, and a Gaussian of the streets.

    In the regression, scenes weigh as much as all else together, and on either side all kinds of
    pictures the same. What no example shows is never found, and ``UNSEEN`` kinds are left out.
    """
    examples = examples[~np.isin(examples.kinds, UNSEEN)]
    streets, importance = examples.streets, np.zeros(len(examples.kinds))
    for side in (streets, ~streets):
        there = np.unique(examples.kinds[side])
        for kind in there:
            of_kind = examples.kinds == kind
            importance[of_kind] = len(streets) / 2 / len(there) / of_kind.sum()
    scaler = StandardScaler().fit(examples.vectors)
    model = LogisticRegression(C=PENALTY, max_iter=1000)
    labels = [KINDS.index(name) for name in examples.shown]
    model.fit(scaler.transform(examples.vectors), labels, importance)
    weight, bias = np.zeros((len(KINDS), examples.vectors.shape[1])), np.full(len(KINDS), -1e9)
    weight[model.classes_] = model.coef_ / scaler.scale_
    bias[model.classes_] = model.intercept_ - weight[model.classes_] @ scaler.mean_
    numbers = (weight, bias, *gaussian(examples.vectors[streets]))
    return HeadTensors(*(torch.from_numpy(np.asarray(n)).float() for n in numbers))


def gaussian(vectors: Floats) -> tuple[Floats, Floats, float]:
    """Centre, axes and noise of ``HeadTensors`` by probabilistic PCA of vectors (N, C)."""
    centre = vectors.mean(axis=0)
    _, singular, directions = np.linalg.svd(vectors - centre, full_matrices=False)
    variances, count = singular**2 / len(vectors), min(AXES, len(singular) - 1)
    noise = variances[count:].sum() / (vectors.shape[1] - count)
    shrink = np.sqrt(1 - noise / variances[:count])
    return centre, directions[:count] * shrink[:, None], float(np.sqrt(noise))


def judge(examples: Examples, head: HeadTensors) -> Judged:
    """What a head says of all examples."""
    vectors = torch.from_numpy(examples.vectors).float()
    probability = (vectors @ head.weight.T + head.bias).softmax(dim=1)
    strange = [strangeness(mean, head) for mean in vectors]
    return Judged(probability.double().numpy(), np.array(strange))


def judge_by_others(examples: Examples) -> Judged:
    """What heads say that never saw the picture's place."""
    found = Judged(np.zeros((len(examples.kinds), len(KINDS))), np.zeros(len(examples.kinds)))
    folds = GroupKFold(FOLDS, shuffle=True, random_state=0)
    for learnt, held_out in folds.split(examples.vectors, groups=examples.groups):
        judged = judge(examples[held_out], fit(examples[learnt]))
        found.probability[held_out], found.strangeness[held_out] = judged
    return found


def thresholds(examples: Examples, found: Judged) -> Thresholds:
    """What no kind of street picture fails more often than allowed.

    Args:
        examples: All.
        found: What heads say of them that never saw their places.
    """
    highest = []
    for kind in np.unique(examples.kinds[examples.streets]):
        scene = np.sort(found.probability[examples.kinds == kind, 0])
        highest.append(float(scene[int(FALSE_RATE * len(scene))]))
    return Thresholds(min(highest), float(found.strangeness[examples.streets].max()))


def naming_threshold(examples: Examples, found: Judged, judgeable_from: float) -> float:
    """The lowest at which of what is named no more than allowed is named wrongly."""
    caught = (found.probability[:, 0] < judgeable_from) & ~examples.streets
    others = found.probability[caught, 1:]
    others = others / others.sum(axis=1, keepdims=True)
    right = np.array(KINDS[1:])[others.argmax(axis=1)] == examples.shown[caught]
    order = np.argsort(-others.max(axis=1))
    wrong = np.cumsum(~right[order]) / np.arange(1, len(order) + 1)
    allowed = np.flatnonzero(wrong <= WRONG_NAMES)
    return float(others.max(axis=1)[order][allowed[-1]]) if len(allowed) else 1.0


def shares(examples: Examples, refused: NDArray[np.bool_]) -> dict[str, float]:
    """The share of each kind of picture that is not judgeable, in the order of ``SHOWS``."""
    there = [kind for kind in SHOWS if kind in examples.kinds]
    return {kind: float(refused[examples.kinds == kind].mean()) for kind in there}


def refused_unseen(examples: Examples, limits: Thresholds, labels: Names) -> dict[str, float]:
    """The share of each kind of other picture that is refused by a head that saw no such label."""
    refused = np.zeros(len(labels), dtype=bool)
    for label in np.unique(labels[~examples.streets]):
        unseen = labels == label
        refused[unseen] = judge(examples[unseen], fit(examples[~unseen])).refused(limits)
    others = ~examples.streets
    return shares(examples[others], refused[others])


class Fitted(NamedTuple):
    """A head and what goes into its card."""

    tensors: HeadTensors
    limits: Thresholds
    named_from: float
    metrics: dict[str, float]


def fit_and_measure(examples: Examples) -> Fitted:
    """Steps 2 to 4."""
    found = judge_by_others(examples)
    limits = thresholds(examples, found)
    measured = {
        "of a place never seen": shares(examples, found.refused(limits)),
        "of a kind never seen": refused_unseen(examples, limits, examples.kinds),
        "with nothing alike seen": refused_unseen(examples, limits, examples.shown),
    }
    metrics = {
        f"{kind}, {how}: share not judgeable": round(share, 4)
        for how, by_kind in measured.items()
        for kind, share in by_kind.items()
    }
    named_from = naming_threshold(examples, found, limits.judgeable_from)
    return Fitted(fit(examples), limits, named_from, metrics)


def about_data(data: Path, examples: Examples) -> str:
    """What the head was fitted to, with licences."""
    with (data / "panoramas.csv").open(newline="", encoding="utf-8") as file:
        licences = sorted({row["licence"] for row in csv.DictReader(file)})
    seen = [kind for kind in SHOWS if kind not in UNSEEN]
    counts = ", ".join(f"{int((examples.kinds == kind).sum())} of kind '{kind}'" for kind in seen)
    return (
        f"Pictures ({counts}) made from panoramas of public repositories, streets rendered by "
        f"placeproof, and by code. Licences as the sources state them: {'; '.join(licences)}."
    )


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, help="folder of panoramas.csv, photos.csv and camvid")
    parser.add_argument("--output", type=Path, default=HEAD_FILE, help="%(default)s")
    parser.add_argument(
        "--weights", type=Path, default=SHIPPED_FILE, help="checkpoint with the extractor"
    )
    parser.add_argument("--seed", type=int, default=0, help="%(default)s")
    given = parser.parse_args()
    try:
        checkpoint = load_checkpoint(given.weights)
        examples = make_examples(checkpoint, given.data, given.seed)
        fitted = fit_and_measure(examples)
        card = KindCard(
            name=given.output.stem,
            extractor_sha256=extractor_hash(checkpoint.network.extractor),
            channels=checkpoint.network.extractor.channels,
            kinds=KINDS,
            judgeable_from=fitted.limits.judgeable_from,
            strange_from=fitted.limits.strange_from,
            named_from=fitted.named_from,
            false_rate=FALSE_RATE,
            training_data=about_data(given.data, examples),
            metrics=fitted.metrics,
            attribution=checkpoint.card.attribution,
            created=datetime.now(UTC).date().isoformat(),
            seed=given.seed,
        )
        save_kind_head(PhotoKindHead(fitted.tensors, card), given.output)
    except PlaceproofError as error:
        sys.exit(f"fit_photo_kind: {error}")
    print(
        f"judgeable from {card.judgeable_from:.3f}, strange from {card.strange_from:.3f}, "
        f"named from {card.named_from:.3f}"
    )
    for name, value in card.metrics.items():
        print(f"{value:6.1%}  {name}")


if __name__ == "__main__":
    main()
