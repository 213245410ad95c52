"""A small model of verdicts, whose numbers tests know."""

from placeproof.fusion import Logistic, VerdictModel


def logistic(intercept: float, **weights: float) -> Logistic:
    """A regression over numbers whose names have underscores here, neutral where they are 0."""
    named = {name.replace("_", " "): weight for name, weight in weights.items()}
    return Logistic(intercept, named, dict.fromkeys(named, 0.0))


FIRST = logistic(0.0, patches=1.0)  # the network at its word
SECOND = logistic(-1.0, patches=0.8, points=0.5, spread=0.5)
CLAIM = logistic(0.0, best_panorama=1.0, panoramas=0.0, other_panoramas=0.0)


def made_model(
    first: Logistic = FIRST,
    second: Logistic = SECOND,
    claim: Logistic = CLAIM,
    matcher: str = "none",
) -> VerdictModel:
    """A model that looks again from log-odds of -1, consistent from .8, inconsistent to .2."""
    return VerdictModel(
        first=first,
        second=second,
        claim=claim,
        matcher=matcher,
        second_look_from=-1.0,
        consistent_from=0.8,
        inconsistent_to=0.2,
        false_rate=0.05,
        miss_rate=0.08,
        weights_sha256="",
        fitted_on="nothing",
        sha256="",
    )
