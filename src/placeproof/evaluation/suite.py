"""The pairs that methods are scored on."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

from placeproof.errors import SuiteError
from placeproof.location import Location


@dataclass(frozen=True, slots=True)
class EvaluationPair:
    """A query, a reference, and whether they show the same place.

    Attributes:
        query: Absolute path of the photo.
        reference: Absolute path of the panorama or other reference.
        same: Whether both show the same place.
        place: Where the query was taken, by a name: pairs of one place are drawn together when
            intervals are estimated.
        panorama: Whether the reference is equirectangular, with edges that touch.
        query_location: Where the query was taken, if that is known.
        reference_location: Where the reference was taken, if that is known.
        bearing: Of the query's optical axis, degrees right of the reference's centre column;
            None where unknown, and for pairs of different places.
        mask: Absolute path of the true M_R, a picture that covers the reference and is white
            where it shows what the query shows; None where unknown.
    """

    query: Path
    reference: Path
    same: bool
    place: str
    panorama: bool
    query_location: Location | None = None
    reference_location: Location | None = None
    bearing: float | None = None
    mask: Path | None = None


@dataclass(frozen=True, slots=True)
class Suite:
    """A test set: pairs, and how they came about.

    Attributes:
        name: What reports call it.
        about: Where its pairs come from and by what rule its negatives were drawn, in a sentence
            or two.
        pairs: In a fixed order.

    Raises:
        SuiteError: If there are not both kinds of pairs, or a pair stands there twice.
    """

    name: str
    about: str
    pairs: tuple[EvaluationPair, ...]

    def __post_init__(self) -> None:
        if len({pair.same for pair in self.pairs}) < 2:
            raise SuiteError(f"{self.name} has no pairs of both the same and different places")
        files = [(pair.query, pair.reference) for pair in self.pairs]
        if len(set(files)) < len(files):
            twice = next(pair for pair in files if files.count(pair) > 1)
            raise SuiteError(f"{self.name} has a pair twice: '{twice[0]}' and '{twice[1]}'")

    def fingerprint(self) -> str:
        """SHA-256 of all pairs, by which a run knows that it goes on with the same ones.

        Of paths only the names count, so that a data set may be moved.
        """
        rows = [
            [pair.query.name, pair.reference.name, pair.same, pair.place, pair.panorama]
            for pair in self.pairs
        ]
        return hashlib.sha256(json.dumps(rows).encode()).hexdigest()
