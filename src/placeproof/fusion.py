"""From named evidence to log-odds: the small model behind every verdict, which anyone can read.

The model is a JSON file of logistic regressions over named numbers. ``tools/fit_verdict.py``
fits it on development places; ``docs/verdict.md`` explains it.
"""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placeproof.errors import WeightsError

SHIPPED_MODEL = Path(__file__).parent / "weights" / "verdict.json"
FORMAT = "placeproof-verdict/2"
EVIDENCE = {  # the numbers of each regression
    "first": {"patches"},
    "second": {"patches", "points", "spread"},
    "claim": {"best panorama", "panoramas", "other panoramas"},
}
MOST_PANORAMAS = 4  # that count as different chances; what the model was fitted to

Evidence = Mapping[str, float]  # numbers by their names


@dataclass(frozen=True, slots=True)
class Logistic:
    """A logistic regression.

    Attributes:
        intercept: Log-odds where all evidence is 0.
        weights: What each number is multiplied with, by its name.
        neutral: What each number is half-way between true and false claims: there it speaks for
            neither.
    """

    intercept: float
    weights: Mapping[str, float]
    neutral: Mapping[str, float]

    def log_odds(self, evidence: Evidence) -> float:
        """Log-odds of "same place" at even prior odds.

        Raises:
            KeyError: If a number is missing.
        """
        return self.intercept + sum(
            weight * evidence[name] for name, weight in self.weights.items()
        )

    def contributions(self, evidence: Evidence) -> dict[str, float]:
        """How much each number speaks for the claim, log-odds; below 0 against it."""
        return {
            name: weight * (evidence[name] - self.neutral[name])
            for name, weight in self.weights.items()
        }


@dataclass(frozen=True, slots=True)
class VerdictModel:
    """What turns evidence into a verdict.

    Attributes:
        first: One panorama after the first look.
        second: One panorama after the second look.
        claim: All panoramas of a claim.
        matcher: Local features of the second look that ``second`` was fitted with.
        second_look_from: The second look is taken only where the log-odds of the panorama that
            speaks most for the claim lie above this after the first one.
        consistent_from: Probability, at even prior odds, from which a claim is consistent.
        inconsistent_to: Probability up to which it is inconsistent.
        false_rate: Share of false claims of development places that reached ``consistent_from``.
        miss_rate: Share of true ones that stayed at ``inconsistent_to`` or below.
        weights_sha256: Checkpoint whose first look it was fitted with.
        fitted_on: The data, in words.
        sha256: Of the model's file.
    """

    first: Logistic
    second: Logistic
    claim: Logistic
    matcher: str
    second_look_from: float
    consistent_from: float
    inconsistent_to: float
    false_rate: float
    miss_rate: float
    weights_sha256: str
    fitted_on: str
    sha256: str


def load_model(path: Path = SHIPPED_MODEL) -> VerdictModel:
    """Reads a model.

    Raises:
        WeightsError: If the file is missing or holds no such model.
    """
    try:
        data = path.read_bytes()
        fields = json.loads(data)
        if fields.pop("format") != FORMAT:
            raise ValueError("another format")
        for name, evidence in EVIDENCE.items():
            fields[name] = Logistic(**fields[name])
            if not set(fields[name].weights) == set(fields[name].neutral) == evidence:
                raise ValueError(f"its '{name}' is not of {', '.join(sorted(evidence))}")
        model = VerdictModel(**fields, sha256=hashlib.sha256(data).hexdigest())
        if not 0 <= model.inconsistent_to <= model.consistent_from <= 1:
            raise ValueError("its thresholds are no probabilities in their order")
    except OSError as error:
        raise WeightsError(f"cannot read '{path}': {error.strerror}") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"'{path}' is no model of verdicts: {error}") from error
    return model


def model_document(model: VerdictModel) -> dict[str, Any]:
    """A model as JSON, as :func:`load_model` reads it."""
    return {
        "format": FORMAT,
        **{
            name: {
                "intercept": part.intercept,
                "weights": dict(part.weights),
                "neutral": dict(part.neutral),
            }
            if isinstance(part := getattr(model, name), Logistic)
            else part
            for name in VerdictModel.__slots__
            if name != "sha256"
        },
    }


def probability(log_odds: float, prior: float = 0.5) -> float:
    """A probability from log-odds at even prior odds and another prior probability in (0, 1)."""
    total = log_odds + math.log(prior / (1 - prior))
    return 1 / (1 + math.exp(-total)) if total > -700 else 0.0


def claim_evidence(panoramas: Sequence[float], agree: Sequence[bool]) -> dict[str, float]:
    """What all panoramas of a claim say together.

    Args:
        panoramas: Log-odds of each; at least one.
        agree: Whether each shows the camera looking where the best one does, as far as known.

    Returns:
        ``best panorama``: the highest log-odds. ``panoramas``: the natural logarithm of their
        number, of 4 at most, since of many, some match by chance, but neighbours show the same.
        ``other panoramas``: in [-1, 1], whether the others say the same; 0 without others, or
        where they say nothing. The last two count as far as the best one speaks for the claim:
        panoramas that all show nothing of the photo are not more evidence than one, since what
        hides a place from one hides it from its neighbours.
    """
    best = max(range(len(panoramas)), key=lambda i: panoramas[i])
    matched = max(0.0, math.tanh(panoramas[best] / 2))
    others = [
        math.tanh(odds / 2) if same or odds < 0 else 0.0
        for i, (odds, same) in enumerate(zip(panoramas, agree, strict=True))
        if i != best
    ]
    return {
        "best panorama": panoramas[best],
        "panoramas": matched * math.log(min(len(panoramas), MOST_PANORAMAS)),
        "other panoramas": matched * sum(others) / len(others) if others else 0.0,
    }
