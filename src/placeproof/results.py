"""What a verification yields: the verdict and the evidence for it, panorama by panorama."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Literal

from placeproof.geometry import WrappedBox
from placeproof.location import Location
from placeproof.panoramas.source import PanoramaRecord
from placeproof.patches import Mask


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
        probability: That both show the same place, in [0, 1].
        query_mask: The part of the query that was found in the reference; ``pixels()`` has the
            size of the query.
        reference_mask: The part of the reference that shows what the query shows; ``pixels()``
            has the size of the reference.
        box: Smallest rectangle around the largest component of the reference mask's pixels of
            0.5 or more, or None where no pixel reaches that.
        yaw: Where the camera looked in the panorama, degrees in [-180, 180), 0 at its centre
            column; None without a box, and where the reference is no panorama.
        matches: The best matched patches inside both masks, clearest first: those that beat
            the background by most.
    """

    probability: float
    query_mask: Mask
    reference_mask: Mask
    box: WrappedBox | None
    yaw: float | None
    matches: tuple[PatchMatch, ...]


@dataclass(frozen=True, slots=True)
class PanoramaEvidence:
    """One panorama compared with the photo.

    Attributes:
        record: The panorama, its date, source and licence.
        distance_m: From the claimed location to the panorama, metres.
        comparison: What the network says.
        bearing: Compass bearing in [0, 360) that the camera looked in, if the panorama was
            taken where the photo was; None without a box or without the panorama's heading.
    """

    record: PanoramaRecord
    distance_m: float
    comparison: Comparison
    bearing: float | None


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
        probability: That the photo was taken at the claimed location, in [0, 1]; None where no
            panorama could be compared.
        reasons: The grounds of the verdict, one sentence each, weightiest first.
        claim: Where the photo is said to have been taken.
        radius_m: How far from there panoramas were searched, metres.
        photo_size: Width and height of the photo in pixels.
        evidence: Every panorama compared, nearest first.
        decisive: Index in ``evidence`` of the panorama that decided, or None.
        provenance: Hashes, versions and times.
    """

    verdict: Verdict
    probability: float | None
    reasons: tuple[str, ...]
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
