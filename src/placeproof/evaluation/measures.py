"""What an evaluation measures, as plain data and as JSON.

:mod:`placeproof.evaluation.measuring` makes it; tables, reports and figures show it.
"""

import dataclasses
import json
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Union, get_args, get_origin, get_type_hints

from placeproof.errors import EvaluationError, StorageError
from placeproof.evaluation.scored import Cost
from placeproof.files import write_atomically
from placeproof.metrics import Difference

FORMAT = "placeproof-measures/2"


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measure with its 95 % bootstrap interval over places; no interval of a single place."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True)
class OverlapMeasures:
    """How well regions were found, in pairs of the same place whose true region is known.

    Attributes:
        pairs: How many there are; where nothing was found, the overlap is 0.
        iou: Mean intersection over union.
        hits: Share of pairs with an intersection over union of at least 0.5.
    """

    pairs: int
    iou: Estimate
    hits: Estimate


@dataclass(frozen=True, slots=True)
class BearingMeasures:
    """How well the camera's direction was found, where the true one is known.

    Attributes:
        pairs: How many pairs of the same place have a known direction.
        answered: Of how many of them the method gave a direction.
        median_error: Of those, degrees in [0, 180]; None if there are none.
        within: Share of all ``pairs`` whose direction was given, and to within 30°.
    """

    pairs: int
    answered: int
    median_error: Estimate | None
    within: Estimate


@dataclass(frozen=True, slots=True)
class VerdictMeasures:
    """How often a method that may abstain does so, and how often it errs where it does not.

    Attributes:
        same_consistent: Share of the pairs of one place that come out consistent.
        same_inconsistent: Share of them that come out inconsistent, which is wrong.
        different_consistent: Share of the others that come out consistent, which is wrong.
        different_inconsistent: Share of the others that come out inconsistent.
        coverage: Share of all pairs of which anything is concluded.
        error: Share of these that are wrong; None if there are none.
    """

    same_consistent: Estimate
    same_inconsistent: Estimate
    different_consistent: Estimate
    different_inconsistent: Estimate
    coverage: Estimate
    error: Estimate | None


@dataclass(frozen=True, slots=True)
class MethodMeasures:
    """How well one method does on a suite.

    Attributes:
        name: What users call it.
        title: What figures call it.
        source: Whose method it is.
        weights: Which weights it ran with.
        auc: Area under the ROC curve.
        average_precision: Area under the precision-recall curve, as a sum.
        found_at_1_percent: Share of pairs of one place that are found at 1 % false positives.
        found_at_01_percent: The same at 0.1 %.
        ece: Expected calibration error, of methods that state probabilities.
        brier: Brier score, of the same.
        verdicts: How often it abstains and errs, if it may abstain.
        against_best: The AUC less that of the best method; None for the best.
        masks: How well its masks cover the true regions, if both are known.
        boxes: How well its boxes do.
        bearings: How well it finds the camera's direction, if it gives any and the truth is known.
        cost: What a pair costs, if measured.
    """

    name: str
    title: str
    source: str
    weights: str
    auc: Estimate
    average_precision: Estimate
    found_at_1_percent: Estimate
    found_at_01_percent: Estimate
    ece: Estimate | None
    brier: Estimate | None
    verdicts: VerdictMeasures | None
    against_best: Difference | None
    masks: OverlapMeasures | None
    boxes: OverlapMeasures | None
    bearings: BearingMeasures | None
    cost: Cost | None


@dataclass(frozen=True, slots=True)
class Measures:
    """All methods on one suite.

    Attributes:
        suite: The suite's name.
        about: Where its pairs come from, and by what rule the negatives were drawn.
        fingerprint: Of its pairs.
        pairs: How many.
        same: How many of them show the same place.
        places: How many places the queries were taken at; the bootstrap draws places.
        resamples: Draws of the bootstrap.
        seed: Of the draws.
        methods: The best AUC first.
    """

    suite: str
    about: str
    fingerprint: str
    pairs: int
    same: int
    places: int
    resamples: int
    seed: int
    methods: tuple[MethodMeasures, ...]

    @property
    def different(self) -> int:
        """How many pairs show different places."""
        return self.pairs - self.same


def measures_json(measures: Measures) -> dict[str, Any]:
    """The measures as objects that :mod:`json` writes."""
    return {"format": FORMAT, **dataclasses.asdict(measures)}


def write_measures(measures: Measures, path: Path) -> None:
    """Writes the measures as JSON.

    Raises:
        StorageError: If the file cannot be written.
    """
    text = json.dumps(measures_json(measures), indent=1, ensure_ascii=False, allow_nan=False)
    write_atomically(path, text.encode("utf-8", "backslashreplace"))


def read_measures(path: Path) -> Measures:
    """Reads what :func:`write_measures` wrote.

    Raises:
        StorageError: If the file cannot be read.
        EvaluationError: If it holds anything else.
    """
    try:
        entry = json.loads(path.read_bytes())
        if not isinstance(entry, dict) or entry.pop("format", None) != FORMAT:
            raise EvaluationError(f"'{path}' holds no measures of the format {FORMAT}")
        read: Measures = _of_type(Measures, entry)
    except OSError as error:
        raise StorageError(f"cannot read '{path}': {error.strerror}") from error
    except (ValueError, TypeError) as error:
        raise EvaluationError(f"'{path}' is damaged: {error}") from error
    return read


def _of_type(kind: Any, value: Any) -> Any:
    """Builds a value of a type from plain JSON.

    Raises:
        TypeError: If the JSON does not fit the type.
    """
    if dataclasses.is_dataclass(kind) and isinstance(value, dict):
        hints = get_type_hints(kind)
        if hints.keys() == value.keys():
            return kind(**{name: _of_type(hints[name], value[name]) for name in hints})  # type: ignore[operator]
    elif get_origin(kind) in (Union, types.UnionType):
        if value is None:
            return None
        (kind,) = set(get_args(kind)) - {types.NoneType}
        return _of_type(kind, value)
    elif get_origin(kind) is tuple and isinstance(value, list):
        return tuple(_of_type(get_args(kind)[0], item) for item in value)
    elif kind is float and type(value) in (int, float):
        return float(value)
    elif kind in (str, int) and type(value) is kind:
        return value
    raise TypeError(f"{str(value)[:40]!r} is no {getattr(kind, '__name__', kind)}")
