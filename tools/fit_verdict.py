"""Fits the model behind verdicts, and its thresholds, on places that nothing was trained on.

    python tools/fit_verdict.py FIT.csv --trained-on PAIRS.csv --features FOLDER --about "..." ...

FIT.csv is a manifest as ``tools/make_training_data.py`` writes it, PAIRS.csv the one that the
network was trained on: its training places are left out. From the others come claims: a photo and
the panoramas near the claimed place, true or false. Half of the false claims are of look-alikes: of
the panoramas of 24 draws, those that the first look finds most similar. A false claim of several
panoramas has as many as a true one of the same photo, so that their number says nothing by itself.
Both looks are taken at all claims, and two logistic regressions are fitted: one panorama after the
second look, and all panoramas of a claim, where only those have had a second look that the product
gives one. After the first look, a panorama says what the network says, which is calibrated.
Rendered streets have what real places here lack, parallax and other seasons, but they are no
photos: they count for a fifth. What is said of errors is said of places left out of the fit.
"""

import argparse
import random
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.progress import track
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold
from torch import Tensor

from placeproof.cascade import Cascade
from placeproof.errors import PlaceproofError
from placeproof.evidence import PATCHES, first_evidence, second_evidence
from placeproof.files import write_atomically
from placeproof.fusion import (
    Evidence,
    Logistic,
    VerdictModel,
    claim_evidence,
    model_document,
)
from placeproof.images import Picture, read_picture
from placeproof.inference import Inference
from placeproof.matchers.registry import make_matcher
from placeproof.metrics import (
    brier,
    expected_calibration_error,
    roc_auc,
    true_positive_rate,
)
from placeproof.network.checkpoint import Checkpoint, load_checkpoint
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.photo import Photo, field_of_view
from placeproof.report.document import document_text
from placeproof.results import Comparison
from placeproof.second_look.views import PanoramaViews
from placeproof.training.manifest import Row, read_manifest
from placeproof.weighing import most_likely
from placeproof.weights_store import SHIPPED_FILE

PHOTOS = 16  # of a place, at most
COPIES = 2  # of a place that has one panorama only, and thus no true claim but such
NEAR = 3  # panoramas of a true claim, at most
CANDIDATES = 24  # panoramas of other places, of which
LOOK_ALIKES = NEAR  # are false claims, and
RANDOM = NEAR  # others, too
ALONE = 2  # of either kind, with one panorama
RENDERED = "street-"  # what their places are called
REAL = 0.8  # weight of real places; the rest is that of rendered ones
COPY_M = 1.0  # a photo nearer to a panorama was cut out of it
FOLDS = 5
ERROR_RATE = 0.02  # of either verdict, on the harder kind of places
SURE = 0.01  # share of true claims that get no second look

FIRST = Logistic(0.0, {PATCHES: 1.0}, {PATCHES: 0.0})  # what the network says, as it says it

Scores = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Claim:
    """A photo and the panoramas that it is compared with.

    Attributes:
        photo: Its file.
        panoramas: Their files; of one place.
        true: Whether the photo shows that place.
        alike: Whether it is false, and of the most similar panoramas.
        place: The photo's own place; all its claims are in one fold.
    """

    photo: Path
    panoramas: tuple[Path, ...]
    true: bool
    alike: bool
    place: str

    @property
    def rendered(self) -> bool:
        """Whether it is of a rendered street."""
        return self.place.startswith(RENDERED)


@dataclass(frozen=True, slots=True)
class Seen:
    """What both looks at one panorama yield."""

    first: Evidence
    second: Evidence


def near_panoramas(rows: Sequence[Row]) -> dict[Path, list[Path]]:
    """For each photo, the panoramas of its place that it was not cut out of; its own, if none."""
    near: dict[Path, list[Path]] = {}
    own: dict[Path, list[Path]] = {}
    for row in rows:
        if row.query is None:
            continue
        copied = (
            row.query_location is not None
            and row.panorama_location is not None
            and row.query_location.distance_m(row.panorama_location) < COPY_M
        ) or (row.query_location is None and row.mask is not None)
        (own if copied else near).setdefault(row.query, []).append(row.panorama)
    with_neighbours = {row.place for row in rows if row.query in near}
    places = {row.query: row.place for row in rows if row.query is not None}
    alone: dict[str, list[Path]] = {}
    for photo in sorted(own):
        if places[photo] not in with_neighbours:
            alone.setdefault(places[photo], []).append(photo)
    few = [photo for photos in alone.values() for photo in photos[:COPIES]]
    return near | {photo: own[photo] for photo in few}


@dataclass(frozen=True, slots=True)
class Question:
    """A photo, and what it is compared with.

    Attributes:
        photo: Its file.
        place: Its place.
        near: Panoramas near it.
        elsewhere: Panoramas of other places.
    """

    photo: Path
    place: str
    near: tuple[Path, ...]
    elsewhere: tuple[Path, ...]


def draw_questions(rows: Sequence[Row], seed: int) -> list[Question]:
    """Photos of all places; rendered ones are compared with rendered panoramas only."""
    draw = random.Random(seed)
    near = near_panoramas(rows)
    places = {row.query: row.place for row in rows if row.query is not None}
    panoramas: dict[str, set[Path]] = {}
    for row in rows:
        panoramas.setdefault(row.place, set()).add(row.panorama)
    rendered = {name for name in panoramas if name.startswith(RENDERED)}
    by_place: dict[str, list[Path]] = {}
    for photo in sorted(near):
        by_place.setdefault(places[photo], []).append(photo)
    questions: list[Question] = []
    for place, photos in sorted(by_place.items()):
        kind = rendered if place in rendered else set(panoramas) - rendered
        elsewhere = sorted(panorama for other in kind - {place} for panorama in panoramas[other])
        questions.extend(
            Question(
                photo,
                place,
                tuple(draw.sample(near[photo], min(NEAR, len(near[photo])))),
                tuple(draw.sample(elsewhere, min(CANDIDATES, len(elsewhere)))),
            )
            for photo in draw.sample(photos, min(PHOTOS, len(photos)))
        )
    return questions


def claims_of(question: Question, looking: "Looking") -> list[Claim]:
    """True and false claims of a photo, with one panorama and with several."""
    photo, place, near = question.photo, question.place, question.near
    alike = looking.look_alikes(photo, question.elsewhere)
    others = tuple(p for p in question.elsewhere if p not in alike)[:RANDOM]
    claims = [Claim(photo, near[:1], True, False, place)]
    if len(near) > 1:
        claims.append(Claim(photo, near, True, False, place))
    for false, hard in ((alike, True), (others, False)):
        claims += [Claim(photo, (panorama,), False, hard, place) for panorama in false[:ALONE]]
        if 1 < len(near) <= len(false):
            claims.append(Claim(photo, false[: len(near)], False, hard, place))
    return claims


class Looking:
    """Takes both looks at pairs of a photo and a panorama; keeps what it computes of pictures."""

    def __init__(self, checkpoint: Checkpoint, matcher: str, features: Path) -> None:
        self._checkpoint = checkpoint
        self._inference = Inference(checkpoint)
        self._cache = FeatureCache(features)
        self._cascade = Cascade(self._inference, make_matcher(matcher))
        self._pictures: dict[Path, Picture] = {}
        self._photo: tuple[Path, Photo] | None = None
        self._firsts: dict[Path, Comparison] = {}  # of that photo, by panorama
        self._seen: dict[tuple[Path, Path], Seen] = {}

    def look(self, photo: Path, panorama: Path) -> Seen:
        """Both looks at one pair."""
        if (photo, panorama) not in self._seen:
            self._seen[photo, panorama] = self._look(photo, panorama)
        return self._seen[photo, panorama]

    def look_alikes(self, photo: Path, panoramas: Sequence[Path]) -> tuple[Path, ...]:
        """The panoramas that the first look finds most similar, most similar first."""
        logits = {panorama: self._first(photo, panorama).logit for panorama in panoramas}
        return tuple(sorted(panoramas, key=lambda panorama: -logits[panorama])[:LOOK_ALIKES])

    def _query(self, path: Path) -> Photo:
        if self._photo is None or self._photo[0] != path:
            picture = read_picture(path)
            self._photo = path, self._cascade.photo(picture.pixels, field_of_view(picture))
            self._firsts = {}
        return self._photo[1]

    def _first(self, photo: Path, panorama: Path) -> Comparison:
        query, reference = self._query(photo), self._panorama(panorama)
        if panorama not in self._firsts:
            height, width = reference.pixels.shape[:2]
            self._firsts[panorama] = self._cascade.first_look(
                query, self._dense(reference), (width, height)
            )
        return self._firsts[panorama]

    def _look(self, photo: Path, panorama: Path) -> Seen:
        query, reference = self._query(photo), self._panorama(panorama)
        width = reference.pixels.shape[1]
        comparison = self._first(photo, panorama)
        views = PanoramaViews(
            self._cascade.matcher,
            width,
            lambda: reference.pixels,
            self._cache,
            reference.sha256,
        )
        look = self._cascade.second_look(query, views, comparison.yaws)
        return Seen(first_evidence(comparison), second_evidence(comparison, look))

    def _panorama(self, path: Path) -> Picture:
        if path not in self._pictures:
            self._pictures[path] = read_picture(path)
        return self._pictures[path]

    def _dense(self, picture: Picture) -> Tensor:
        size = self._inference.panorama_size
        card = self._checkpoint.card
        key = (picture.sha256, card.extractor, self._checkpoint.features_sha256, size)
        features = self._cache.get(*key)
        if features is None:
            made = self._inference.features(picture.pixels, size, wraps=True)
            features = self._cache.put(*key, made)
        return features


def weights_of(claims: Sequence[Claim]) -> Scores:
    """Weight of each claim: real ones ``REAL`` together; true and false ones the same.

    The same also among those of one panorama and of several.
    """
    kinds = [(claim.rendered, len(claim.panoramas) > 1) for claim in claims]
    every = Counter(claim.rendered for claim in claims)
    of_kind = Counter(kinds)
    counts = Counter((*kind, claim.true) for kind, claim in zip(kinds, claims, strict=True))
    return np.array(
        [
            (1 - REAL if claim.rendered else REAL)
            * (of_kind[kind] / every[claim.rendered])
            * (len(claims) / counts[*kind, claim.true])
            for kind, claim in zip(kinds, claims, strict=True)
        ]
    )


def fit(evidence: Sequence[Evidence], claims: Sequence[Claim]) -> Logistic:
    """A logistic regression over named numbers.

    It is fitted to numbers of unit variance, so that its weak penalty treats them alike.
    """
    true = np.array([claim.true for claim in claims])
    names = list(evidence[0])
    table = np.array([[numbers[name] for name in names] for numbers in evidence])
    spread = table.std(axis=0)
    spread[spread == 0] = 1.0
    found = LogisticRegression().fit(table / spread, true, sample_weight=weights_of(claims))
    weights = found.coef_[0] / spread
    neutral = (table[true].mean(axis=0) + table[~true].mean(axis=0)) / 2
    return Logistic(
        float(found.intercept_[0]),
        {name: float(weight) for name, weight in zip(names, weights, strict=True)},
        {name: float(value) for name, value in zip(names, neutral, strict=True)},
    )


@dataclass(frozen=True, slots=True)
class Parts:
    """The regressions, and the network's own word as one."""

    first: Logistic
    second: Logistic
    claim: Logistic

    def together(self, seen: Sequence[Seen], look_from: float) -> dict[str, float]:
        """What all panoramas of a claim say, after second looks where the product takes them."""
        odds = [self.first.log_odds(one.first) for one in seen]
        if max(odds) > look_from:
            for i in most_likely(odds):
                odds[i] = self.second.log_odds(seen[i].second)
        return claim_evidence(odds, [True] * len(odds))


def fit_parts(
    claims: Sequence[Claim],
    seen: Sequence[Sequence[Seen]],
    chosen: NDArray[np.intp],
    look_from: float,
) -> Parts:
    """Fits all to the chosen claims."""
    single = [i for i in chosen if len(claims[i].panoramas) == 1]
    second = fit([seen[i][0].second for i in single], [claims[i] for i in single])
    parts = Parts(FIRST, second, Logistic(0.0, {}, {}))
    together = [parts.together(seen[i], look_from) for i in chosen]
    return replace(parts, claim=fit(together, [claims[i] for i in chosen]))


def threshold_above(scores: Scores, rate: float) -> float:
    """The lowest threshold that at most a share ``rate`` of the scores reaches."""
    rising = np.sort(scores)
    return float(np.nextafter(rising[len(rising) - 1 - int(rate * len(rising))], np.inf))


def threshold_below(scores: Scores, rate: float) -> float:
    """The highest threshold that at most a share ``rate`` of the scores is at or below."""
    return -threshold_above(-scores, rate)


def main() -> int:
    """Fits and writes a model; returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("manifest", type=Path, help="pairs to fit on")
    parser.add_argument("--trained-on", type=Path, required=True, help="the network's manifest")
    parser.add_argument("--weights", type=Path, default=SHIPPED_FILE, help="the network")
    parser.add_argument("--matcher", default="xfeat-lighterglue", help="of the second look")
    parser.add_argument("--features", type=Path, required=True, help="folder of kept features")
    parser.add_argument("--output", type=Path, required=True, help="the model's file")
    parser.add_argument("--about", required=True, help="the data in words")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    try:
        fit_verdict(arguments)
    except PlaceproofError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def fit_verdict(arguments: argparse.Namespace) -> None:
    """All of it."""
    trained = {row.place for row in read_manifest(arguments.trained_on) if row.split == "train"}
    rows = [row for row in read_manifest(arguments.manifest) if row.place not in trained]
    questions = draw_questions(rows, arguments.seed)
    checkpoint = load_checkpoint(arguments.weights)
    looking = Looking(checkpoint, arguments.matcher, arguments.features)
    claims: list[Claim] = []
    seen: list[list[Seen]] = []
    for question in track(questions, "Looking"):
        for claim in claims_of(question, looking):
            claims.append(claim)
            seen.append([looking.look(claim.photo, panorama) for panorama in claim.panoramas])
    true = np.array([claim.true for claim in claims])
    alike = np.array([claim.alike for claim in claims])
    rendered = np.array([claim.rendered for claim in claims])
    first = np.array([max(FIRST.log_odds(one.first) for one in each) for each in seen])
    look_from = threshold_below(first[true], SURE)
    odds = held_out(claims, seen, look_from)
    chances = 1 / (1 + np.exp(-odds))
    kinds = [those for those in (~rendered, rendered) if those.any()]
    parts = fit_parts(claims, seen, np.arange(len(claims)), look_from)
    model = VerdictModel(
        first=parts.first,
        second=parts.second,
        claim=parts.claim,
        matcher=arguments.matcher,
        second_look_from=look_from,
        # Where true and false claims are far apart, either threshold could lie beyond the other.
        consistent_from=max(
            0.5, *(threshold_above(chances[alike & those], ERROR_RATE) for those in kinds)
        ),
        inconsistent_to=min(
            0.5, *(threshold_below(chances[true & those], ERROR_RATE) for those in kinds)
        ),
        false_rate=ERROR_RATE,
        miss_rate=ERROR_RATE,
        weights_sha256=checkpoint.sha256,
        fitted_on=arguments.about,
        sha256="",
    )
    write_atomically(arguments.output, document_text(model_document(model)).encode())
    several = np.array([len(claim.panoramas) > 1 for claim in claims])
    for kind, those in (("real", ~rendered), ("rendered", rendered)):
        if not those.any():
            continue
        places = len({claim.place for claim in claims if claim.rendered == (kind == "rendered")})
        print(f"{kind}: {those.sum()} claims of {places} places, {true[those].sum()} true")
        for name, scores in (("first look", first), ("both looks", odds)):
            print(f"  {name}: {measures_of(true[those], scores[those])}")
        if (those & several & true).any():
            some = those & several
            print(f"  of several panoramas: {measures_of(true[some], odds[some])}")
        yes, no = chances >= model.consistent_from, chances <= model.inconsistent_to
        print(
            f"  true claims: {yes[those & true].mean():.1%} consistent, "
            f"{no[those & true].mean():.1%} inconsistent; false ones: "
            f"{yes[those & ~true].mean():.1%}, {no[those & ~true].mean():.1%}; "
            f"second looks: {(first[those] > look_from).mean():.1%}"
        )


def held_out(claims: Sequence[Claim], seen: Sequence[Sequence[Seen]], look_from: float) -> Scores:
    """Log-odds of each claim, by a model that never saw its place."""
    odds = np.zeros(len(claims))
    groups = [claim.place for claim in claims]
    for others, held in GroupKFold(FOLDS).split(claims, groups=groups):
        parts = fit_parts(claims, seen, others, look_from)
        odds[held] = [parts.claim.log_odds(parts.together(seen[i], look_from)) for i in held]
    return odds


def measures_of(true: NDArray[np.bool_], log_odds: Scores) -> str:
    """Measures in a line; true and false claims weigh the same."""
    chance = 1 / (1 + np.exp(-log_odds))
    weights = np.where(true, 0.5 / true.sum(), 0.5 / (~true).sum())
    return (
        f"AUC {roc_auc(true, log_odds):.4f}, true positives at 1% false positives "
        f"{true_positive_rate(true, log_odds, 0.01):.3f}, "
        f"ECE {expected_calibration_error(true, chance, weights=weights):.3f}, "
        f"Brier {brier(true, chance, weights):.3f}"
    )


if __name__ == "__main__":
    sys.exit(main())
