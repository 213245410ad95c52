"""The main job: claim -> panoramas -> first look -> second look -> verdict."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

from torch import Tensor

from placeproof.cascade import Cascade
from placeproof.claim import claim_of
from placeproof.errors import UNUSABLE_PICTURE, LocationError, NetworkError
from placeproof.fusion import SHIPPED_MODEL, load_model, probability
from placeproof.geometry import bearing_of_yaw
from placeproof.images import Picture, read_picture
from placeproof.inference import Inference
from placeproof.judgeable import shows_anything, unjudgeable_reason
from placeproof.location import Location
from placeproof.matchers.registry import make_matcher
from placeproof.network.checkpoint import load_checkpoint
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.panoramas.source import PanoramaRecord, PanoramaSource
from placeproof.photo import Photo, field_of_view
from placeproof.photo_kind import load_kind_head
from placeproof.provenance import Stopwatch, provenance
from placeproof.results import Caution, Claim, PanoramaEvidence, Verification
from placeproof.second_look.views import PanoramaViews
from placeproof.suspicion import cautions_of, mirrored_caution
from placeproof.verdict import Situation, decide, decisive_panorama
from placeproof.weighing import Weighed, log_odds_of, most_likely, needs_a_second_look, weigh
from placeproof.weights_store import SHIPPED_FILE

DEFAULT_RADIUS_M = 50.0
EVEN = 0.5  # prior probability: a claim is as likely true as false before anything is compared
MOST_PANORAMAS = 24  # that are compared, at most: the nearest; a city's centre has hundreds

# One panorama of a provider that cannot be had, or is none, does not end a verification.
_UNUSABLE = (NetworkError, *UNUSABLE_PICTURE)

Progress = Callable[[int, int], None]  # panoramas done, panoramas in all


class Verifier:
    """Verifies photos against the panoramas of one source.

    Args:
        source: Where panoramas come from.
        cache: Where their features are kept; None computes them every time.
        weights: A checkpoint; the one that ships with placeproof by default.
        model: What turns evidence into a verdict; the one that ships by default.

    Raises:
        WeightsError: If the weights or the model cannot be loaded.
    """

    def __init__(
        self,
        source: PanoramaSource,
        cache: FeatureCache | None = None,
        weights: Path = SHIPPED_FILE,
        model: Path = SHIPPED_MODEL,
    ) -> None:
        self.source = source
        self.cache = cache
        self.checkpoint = load_checkpoint(weights)
        self.inference = Inference(self.checkpoint)
        self.model = load_model(model)
        kind = load_kind_head()
        self.kind = kind if kind.fits(self.checkpoint.network.extractor) else None
        self.cascade = Cascade(self.inference, make_matcher(self.model.matcher))

    def verify(
        self,
        photo: Path,
        claim: Location | None = None,
        *,
        radius_m: float = DEFAULT_RADIUS_M,
        prior: float = EVEN,
        progress: Progress = lambda _done, _total: None,
    ) -> Verification:
        """Answers whether a photo was taken at a claimed location.

        Args:
            photo: The photo's file.
            claim: The claimed location; without it, the photo's own EXIF GPS.
            radius_m: Panoramas at most so many metres from the claim are compared.
            prior: Probability of the claim before anything is compared, in (0, 1).
            progress: Called with 0 before the first panorama and after each.

        Raises:
            PlaceproofError: If the photo, the claim or a panorama cannot be used.
        """
        if not 0 < radius_m < math.inf:
            raise LocationError(f"a radius of {radius_m:g} m is no length above 0")
        if not 0 < prior < 1:
            raise LocationError(f"a prior of {prior:g} is no probability between 0 and 1")
        watch = Stopwatch()
        with watch.stage("read photo"):
            picture = read_picture(photo)
            made_claim = claim_of(picture, claim)
            query = self.cascade.photo(picture.pixels, field_of_view(picture))
        with watch.stage("search panoramas"):
            records = self.source.search(made_claim.location, radius_m)
        first, skipped = self._first_looks(query, records, made_claim, picture, watch, progress)
        weighed = weigh(first, self.model)
        cautions: tuple[Caution, ...] = ()
        unjudgeable = None
        if first:
            weighed = self._second_looks(query, weighed, watch)
            cautions = self._cautions(query, weighed, watch)
            unjudgeable = unjudgeable_reason(self.inference, query, self.kind)
        case = Situation(weighed.evidence, weighed.log_odds, prior, radius_m, cautions, unjudgeable)
        verdict, reasons = decide(case, self.model)
        return Verification(
            verdict=verdict,
            probability=probability(weighed.log_odds, prior) if first else None,
            prior=prior,
            reasons=(*reasons, *skipped),
            grounds=weighed.grounds,
            cautions=cautions,
            claim=made_claim,
            radius_m=radius_m,
            photo_size=query.size,
            evidence=weighed.evidence,
            decisive=decisive_panorama(weighed.evidence),
            provenance=provenance(picture, self.checkpoint, watch),
        )

    def _first_looks(
        self,
        query: Photo,
        records: Sequence[PanoramaRecord],
        claim: Claim,
        picture: Picture,
        watch: Stopwatch,
        progress: Progress,
    ) -> tuple[list[PanoramaEvidence], list[str]]:
        """Compares the photo with panoramas by the network; says which were left out, and why."""
        found: list[PanoramaEvidence] = []
        skipped: list[str] = []
        if len(records) > MOST_PANORAMAS:
            skipped.append(
                f"Of {len(records)} panoramas there, the {MOST_PANORAMAS} nearest were compared."
            )
            records = records[:MOST_PANORAMAS]
        progress(0, len(records))
        for done, record in enumerate(records, start=1):
            try:
                reference = self._reference_features(record, watch)
            except _UNUSABLE as error:
                if done == len(records) and not found:
                    raise
                skipped.append(f"A panorama could not be used: {error}.")
                progress(done, len(records))
                continue
            with watch.stage("photo features"):
                _ = query.dense
            with watch.stage("match"):
                comparison = self.cascade.first_look(
                    query, reference, (record.width, record.height)
                )
                found.append(
                    PanoramaEvidence(
                        record=record,
                        distance_m=claim.location.distance_m(record.location),
                        comparison=comparison,
                        second_look=None,
                        log_odds=log_odds_of(comparison, None, self.model),
                        bearing=_bearing(comparison.yaw, record),
                        shows=shows_anything(
                            self.inference, reference, record.heading, picture.metadata.heading
                        ),
                    )
                )
            progress(done, len(records))
        return found, skipped

    def _reference_features(self, record: PanoramaRecord, watch: Stopwatch) -> Tensor:
        """Features of a panorama, from the cache where it has them."""
        size = self.inference.panorama_size
        card = self.checkpoint.card
        key = (record.key, card.extractor, self.checkpoint.features_sha256, size)
        cache = self.cache if record.may_keep else None
        if cache is not None:
            with watch.stage("read cached features"):
                features = cache.get(*key)
            if features is not None:
                return features
        with watch.stage("read panoramas"):
            pixels = self.source.fetch(record)
        with watch.stage("panorama features"):
            features = self.inference.features(pixels, size, wraps=True)
            return features if cache is None else cache.put(*key, features)

    def _second_looks(self, query: Photo, weighed: Weighed, watch: Stopwatch) -> Weighed:
        """Looks again at the panoramas that speak most for the claim, where that may matter."""
        if not needs_a_second_look(weighed, self.model):
            return weighed
        evidence = list(weighed.evidence)
        with watch.stage("second look"):
            for i in most_likely([panorama.log_odds for panorama in evidence]):
                evidence[i] = self._again(query, evidence[i])
        return weigh(evidence, self.model)

    def _again(self, query: Photo, first: PanoramaEvidence) -> PanoramaEvidence:
        """The evidence of a panorama after a second look."""
        record = first.record
        look = self.cascade.second_look(query, self._views(record), first.comparison.yaws)
        bearing, others = first.bearing, look.other_yaws if look.trusted else ()
        if look.camera is not None and look.trusted:
            bearing = _bearing(look.camera.yaw, record)
        return replace(
            first,
            second_look=look,
            log_odds=log_odds_of(first.comparison, look, self.model),
            bearing=bearing,
            other_bearings=tuple(
                bearing_of_yaw(yaw, record.heading) for yaw in others if record.heading is not None
            ),
        )

    def _views(self, record: PanoramaRecord) -> PanoramaViews:
        """What a second look sees of a panorama."""
        return PanoramaViews(
            self.cascade.matcher,
            record.width,
            lambda: self.source.fetch(record),
            self.cache if record.may_keep else None,
            record.key,
        )

    def _cautions(self, query: Photo, weighed: Weighed, watch: Stopwatch) -> tuple[Caution, ...]:
        """What should make one suspicious, whatever was weighed."""
        best, look = weighed.best, weighed.best.second_look
        if look is None or not look.trusted:
            with watch.stage("mirrored photo"):
                return self._mirrored(query, best, watch)
        if weighed.probability < self.model.consistent_from:
            return ()
        with watch.stage("cautions"):
            return cautions_of(query, look, self.source.fetch(best.record))

    def _mirrored(
        self, query: Photo, best: PanoramaEvidence, watch: Stopwatch
    ) -> tuple[Caution, ...]:
        """Whether the photo matches better when left and right are exchanged."""
        reference = self._reference_features(best.record, watch)
        size = (best.record.width, best.record.height)
        comparison = self.cascade.first_look(query.mirrored, reference, size)
        if comparison.logit <= max(best.comparison.logit, 0.0):
            return ()
        views, look = self._views(best.record), self.cascade.second_look
        upright = best.second_look or look(query, views, best.comparison.yaws)
        return mirrored_caution(upright, look(query.mirrored, views, comparison.yaws))


def _bearing(yaw: float | None, record: PanoramaRecord) -> float | None:
    """Compass bearing of a yaw, where both it and the panorama's heading are known."""
    if yaw is None or record.heading is None:
        return None
    return bearing_of_yaw(yaw, record.heading)
