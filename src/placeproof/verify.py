"""The main job: claim -> panoramas -> features -> matching -> verdict."""

import importlib.metadata
import math
import platform
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from torch import Tensor

from placeproof import __version__
from placeproof.errors import LocationError, NoClaimError, NotEquirectangularError
from placeproof.geometry import bearing_of_yaw
from placeproof.images import Picture, read_picture
from placeproof.inference import Inference
from placeproof.location import Location
from placeproof.network.checkpoint import Checkpoint, load_checkpoint
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.panoramas.intake import require_equirectangular
from placeproof.panoramas.source import PanoramaRecord, PanoramaSource
from placeproof.results import (
    Claim,
    PanoramaEvidence,
    PictureMatch,
    Provenance,
    Verification,
)
from placeproof.verdict import decide
from placeproof.weights_store import SHIPPED_FILE

DEFAULT_RADIUS_M = 50.0
COMPUTED_WITH = ("numpy", "pillow", "torch", "timm")  # versions that a result depends on

Progress = Callable[[int, int], None]  # panoramas done, panoramas in all


def claim_of(photo: Picture, location: Location | None) -> Claim:
    """The claim to verify: the location that was given, or else the photo's own EXIF GPS.

    Raises:
        NoClaimError: If there is neither.
    """
    if location is not None:
        return Claim(location, "given")
    if photo.metadata.location is not None:
        return Claim(photo.metadata.location, "exif")
    problem = photo.metadata.location_problem or "it has no GPS position"
    raise NoClaimError(
        f"no location was claimed and '{photo.path.name}' gives none ({problem}); "
        "say where with --at LATITUDE,LONGITUDE"
    )


class Verifier:
    """Verifies photos against the panoramas of one source.

    Args:
        source: Where panoramas come from.
        cache: Where their features are kept; None computes them every time.
        weights: A checkpoint; the one that ships with placeproof by default.

    Raises:
        WeightsError: If the weights cannot be loaded.
    """

    def __init__(
        self,
        source: PanoramaSource,
        cache: FeatureCache | None = None,
        weights: Path = SHIPPED_FILE,
    ) -> None:
        self.source = source
        self.cache = cache
        self.checkpoint = load_checkpoint(weights)
        self.inference = Inference(self.checkpoint)

    def verify(
        self,
        photo: Path,
        claim: Location | None = None,
        *,
        radius_m: float = DEFAULT_RADIUS_M,
        progress: Progress = lambda _done, _total: None,
    ) -> Verification:
        """Answers whether a photo was taken at a claimed location.

        Args:
            photo: The photo's file.
            claim: The claimed location; without it, the photo's own EXIF GPS.
            radius_m: Panoramas at most so many metres from the claim are compared.
            progress: Called with 0 before the first panorama and after each.

        Raises:
            PlaceproofError: If the photo, the claim or a panorama cannot be used.
        """
        if not 0 < radius_m < math.inf:
            raise LocationError(f"a radius of {radius_m:g} m is no length above 0")
        watch = Stopwatch()
        with watch.stage("read photo"):
            picture = read_picture(photo)
            made_claim = claim_of(picture, claim)
            height, width = picture.pixels.shape[:2]
        with watch.stage("search panoramas"):
            records = self.source.search(made_claim.location, radius_m)
        evidence: list[PanoramaEvidence] = []
        variety = 0.0  # of a photo that nothing is compared with, and that is thus not looked at
        progress(0, len(records))
        if records:
            with watch.stage("photo features"):
                size = self.inference.photo_size(width, height)
                query = self.inference.features(picture.pixels, size, wraps=False)
                variety = self.inference.variety(query)
            for done, record in enumerate(records, start=1):
                reference = self._reference_features(record, watch)
                with watch.stage("match"):
                    evidence.append(
                        self._compare(query, (width, height), reference, record, made_claim)
                    )
                progress(done, len(records))
        verdict, decisive, reasons = decide(
            evidence, variety, radius_m, self.checkpoint.card.operation
        )
        return Verification(
            verdict=verdict,
            probability=None if decisive is None else evidence[decisive].comparison.probability,
            reasons=reasons,
            claim=made_claim,
            radius_m=radius_m,
            photo_size=(width, height),
            evidence=tuple(evidence),
            decisive=decisive,
            provenance=provenance(picture, self.checkpoint, watch),
        )

    def _reference_features(self, record: PanoramaRecord, watch: "Stopwatch") -> Tensor:
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

    def _compare(
        self,
        query: Tensor,
        query_size: tuple[int, int],
        reference: Tensor,
        record: PanoramaRecord,
        claim: Claim,
    ) -> PanoramaEvidence:
        """One panorama's evidence."""
        size = (record.width, record.height)
        comparison = self.inference.compare(query, query_size, reference, size, panorama=True)
        bearing = None
        if comparison.yaw is not None and record.heading is not None:
            bearing = bearing_of_yaw(comparison.yaw, record.heading)
        distance = claim.location.distance_m(record.location)
        return PanoramaEvidence(record, distance, comparison, bearing)


def match_pictures(
    query: Path,
    reference: Path,
    *,
    panorama: bool | None = None,
    weights: Path = SHIPPED_FILE,
) -> PictureMatch:
    """Compares any two pictures, with no claim about places (template matching, splicing).

    Args:
        query: The picture to find.
        reference: The picture to find it in.
        panorama: Whether the reference is an equirectangular panorama; if not, its edges do
            not touch and it is scaled as a photo is. None: it is one if it looks like one.
        weights: A checkpoint; the one that ships with placeproof by default.

    Raises:
        NotEquirectangularError: If the reference is said to be a panorama and is none.
        PlaceproofError: If a picture or the weights cannot be used.
    """
    checkpoint = load_checkpoint(weights)
    inference = Inference(checkpoint)
    watch = Stopwatch()
    with watch.stage("read pictures"):
        photo, other = read_picture(query), read_picture(reference)
    if panorama is None:
        panorama = _looks_equirectangular(other)
    elif panorama:
        require_equirectangular(other)
    photo_size = (photo.pixels.shape[1], photo.pixels.shape[0])
    other_size = (other.pixels.shape[1], other.pixels.shape[0])
    with watch.stage("features"):
        query_features = inference.features(
            photo.pixels, inference.photo_size(*photo_size), wraps=False
        )
        input_size = inference.panorama_size if panorama else inference.photo_size(*other_size)
        reference_features = inference.features(other.pixels, input_size, wraps=panorama)
    with watch.stage("match"):
        comparison = inference.compare(
            query_features, photo_size, reference_features, other_size, panorama=panorama
        )
    return PictureMatch(
        comparison=comparison,
        query_size=photo_size,
        reference=reference,
        reference_sha256=other.sha256,
        reference_size=other_size,
        panorama=panorama,
        provenance=provenance(photo, checkpoint, watch),
    )


def _looks_equirectangular(picture: Picture) -> bool:
    try:
        require_equirectangular(picture)
    except NotEquirectangularError:
        return False
    return True


class Stopwatch:
    """Adds up the wall-clock seconds of named stages."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what runs inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def provenance(photo: Picture, checkpoint: Checkpoint, watch: Stopwatch) -> Provenance:
    """What has to be known to repeat a run."""
    versions = {"placeproof": __version__, "python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in COMPUTED_WITH}
    return Provenance(
        photo=photo.path,
        photo_sha256=photo.sha256,
        weights=checkpoint.card.name,
        weights_sha256=checkpoint.sha256,
        extractor=checkpoint.card.extractor,
        seed=checkpoint.card.seed,
        versions=versions,
        started=watch.started,
        seconds=dict(watch.seconds),
    )
