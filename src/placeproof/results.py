"""What a verification yields: the verdict and the evidence for it, panorama by panorama."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from placeproof.geometry import View, WrappedBox
from placeproof.location import Location
from placeproof.panoramas.source import PanoramaRecord
from placeproof.patches import Mask

# Of a second look, from which its camera is believed: 99 of 100 false claims of real places stay
# below 27, and 9 of 10 of rendered streets below 40.
TRUSTED_SURPRISE = 40.0


class Verdict(StrEnum):
    """The three answers. Lack of evidence is never ``INCONSISTENT``."""

    CONSISTENT = "consistent"
    INCONSISTENT = "inconsistent"
    INCONCLUSIVE = "inconclusive"


@dataclass(frozen=True, slots=True)
class Claim:
    """Where the photo is said to have been taken.

    Attributes:
        location: The claimed position.
        origin: ``"given"`` by the user, or read from the photo's own ``"exif"``, which anyone
            can write and which is therefore a claim and no proof.
    """

    location: Location
    origin: Literal["given", "exif"]


@dataclass(frozen=True, slots=True)
class PatchMatch:
    """A patch of the query and its best match in the reference.

    Attributes:
        query: Centre (x, y) of the query patch in pixels of the query as it was given.
        reference: Centre (x, y) of the reference patch in pixels of the reference.
        similarity: Cosine similarity of the two patches' features, in [-1, 1].
    """

    query: tuple[float, float]
    reference: tuple[float, float]
    similarity: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the network says of one query and one reference (paper, Fig. 3).

    Attributes:
        logit: Of the same place: calibrated log-odds at even prior odds.
        probability: The same as a probability in [0, 1].
        query_mask: The part of the query that was found in the reference; ``pixels()`` has the
            size of the query.
        reference_mask: The part of the reference that shows what the query shows; ``pixels()``
            has the size of the reference.
        box: Smallest rectangle around the largest component of the reference mask's pixels of
            0.5 or more, or None where no pixel reaches that.
        yaw: Where the camera looked in the panorama, degrees in [-180, 180), 0 at its centre
            column; None without a box, and where the reference is no panorama.
        yaws: Where it may have looked: up to three directions that the matches vote for, also
            where there is no box, strongest first; none where the reference is no panorama.
        matches: The best matched patches inside both masks, clearest first: those that beat
            the background by most.
    """

    logit: float
    probability: float
    query_mask: Mask
    reference_mask: Mask
    box: WrappedBox | None
    yaw: float | None
    yaws: tuple[float, ...]
    matches: tuple[PatchMatch, ...]


@dataclass(frozen=True, slots=True, eq=False)
class SecondLook:
    """What local features of the photo were found in views of one panorama.

    Attributes:
        matcher: Which local features.
        views: The views that were looked at, best first.
        points: (K, 2) float32, the points that one geometry explains, in pixels of the photo.
        directions: (K, 3) float64, the same points as unit vectors in the panorama.
        surprise: -log10 of how many such geometries wrong matches would be expected to show; 0
            where K is 0.
        spread: Share in [0, 1] of the photo's textured parts in which such a point lies.
        camera: The photo's camera as a view of the panorama; None where K is 0.
        kind: ``"rotation"`` where all points are as good as infinitely far, ``"epipolar"`` where
            they show that the camera stood beside the panorama; None where K is 0.
        towards: Unit vector from the panorama to the camera in the panorama's axes; None unless
            the kind is ``"epipolar"``.
        other_yaws: Directions in which about as much was found, degrees; a symmetric street.
    """

    matcher: str
    views: tuple[View, ...]
    points: NDArray[np.float32]
    directions: NDArray[np.float64]
    surprise: float
    spread: float
    camera: View | None
    kind: Literal["rotation", "epipolar"] | None
    towards: NDArray[np.float64] | None
    other_yaws: tuple[float, ...]

    @property
    def inliers(self) -> int:
        """K, how many points one geometry explains."""
        return len(self.points)

    @property
    def trusted(self) -> bool:
        """Whether the points are so many that the camera can be believed."""
        return self.camera is not None and self.surprise >= TRUSTED_SURPRISE


@dataclass(frozen=True, slots=True)
class PanoramaEvidence:
    """One panorama compared with the photo.

    Attributes:
        record: The panorama, its date, source and licence.
        distance_m: From the claimed location to the panorama, metres.
        comparison: What the network says.
        second_look: What local features say; None where no second look was taken.
        log_odds: What this panorama alone says for the claim, at even prior odds.
        bearing: Compass bearing in [0, 360) that the camera looked in, by the second look where
            it found the photo and else by the first; None without a match or without the
            panorama's heading.
        shows: Whether it shows anything where the photo should look: a part of a panorama may
            be black, blank or covered.
        other_bearings: Bearings that are about as good; a symmetric street.
    """

    record: PanoramaRecord
    distance_m: float
    comparison: Comparison
    second_look: SecondLook | None
    log_odds: float
    bearing: float | None
    shows: bool = True
    other_bearings: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Ground:
    """One thing that speaks for the claim or against it.

    Attributes:
        log_odds: How much: natural logarithm of the factor on the odds; above 0 for the claim.
        text: In a sentence.
    """

    log_odds: float
    text: str


class CautionKind(StrEnum):
    """What can be wrong with a photo that matches."""

    COPY = "copy"
    INSET = "inset"
    MIRRORED = "mirrored"
    SMALL_PART = "small part"


@dataclass(frozen=True, slots=True)
class Caution:
    """Something that should make one suspicious, whatever the probability.

    Attributes:
        kind: What it is.
        text: In a sentence.
    """

    kind: CautionKind
    text: str


@dataclass(frozen=True, slots=True)
class Provenance:
    """What has to be known to repeat a verification.

    Attributes:
        photo: Path of the photo as it was given.
        photo_sha256: SHA-256 of the photo's file.
        weights: Name of the checkpoint.
        weights_sha256: SHA-256 of the checkpoint's file.
        extractor: Name of the feature extractor.
        seed: Seed that the weights were trained with; a verification draws nothing at random.
        versions: Version of placeproof, of Python and of each package that the result rests on.
        started: UTC time of the start, ISO 8601.
        seconds: Wall-clock seconds of each stage, by name, in order.
    """

    photo: Path
    photo_sha256: str
    weights: str
    weights_sha256: str
    extractor: str
    seed: int
    versions: dict[str, str]
    started: str
    seconds: dict[str, float]


@dataclass(frozen=True, slots=True)
class Verification:
    """The answer to "was this photo taken there?", with all its evidence.

    Attributes:
        verdict: The answer.
        probability: That the photo was taken at the claimed location, in [0, 1], given the
            prior; None where no panorama could be compared.
        prior: Probability that was assumed before anything was compared.
        reasons: How the verdict follows, one sentence each, weightiest first.
        grounds: What speaks for the claim and against it, strongest first.
        cautions: What should make one suspicious beside that.
        claim: Where the photo is said to have been taken.
        radius_m: How far from there panoramas were searched, metres.
        photo_size: Width and height of the photo in pixels.
        evidence: Every panorama compared, nearest first.
        decisive: Index in ``evidence`` of the panorama that decided, or None.
        provenance: Hashes, versions and times.
    """

    verdict: Verdict
    probability: float | None
    prior: float
    reasons: tuple[str, ...]
    grounds: tuple[Ground, ...]
    cautions: tuple[Caution, ...]
    claim: Claim
    radius_m: float
    photo_size: tuple[int, int]
    evidence: tuple[PanoramaEvidence, ...]
    decisive: int | None
    provenance: Provenance


@dataclass(frozen=True, slots=True)
class PictureMatch:
    """Two pictures compared, with no claim about places.

    Attributes:
        comparison: What the network says.
        query_size: Width and height of the query in pixels.
        reference: Path of the reference as it was given.
        reference_sha256: SHA-256 of the reference's file.
        reference_size: Width and height of the reference in pixels.
        panorama: Whether the reference was taken for an equirectangular panorama.
        provenance: Hashes, versions and times; its photo is the query.
    """

    comparison: Comparison
    query_size: tuple[int, int]
    reference: Path
    reference_sha256: str
    reference_size: tuple[int, int]
    panorama: bool
    provenance: Provenance
