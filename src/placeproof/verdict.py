"""From the evidence of all panoramas to one verdict, in words."""

from collections.abc import Sequence
from dataclasses import dataclass

from placeproof.fusion import VerdictModel, probability
from placeproof.results import Caution, CautionKind, PanoramaEvidence, Verdict

# A panorama farther than this from the claim may miss what the photo shows even where the
# claim is true, so it can confirm but never refute.
REFUTING_DISTANCE_M = 25.0

# With these, a match says nothing of where the photo was taken.
_BARRING = (CautionKind.INSET, CautionKind.MIRRORED, CautionKind.SMALL_PART)


def probability_text(probability: float) -> str:
    """A probability with two digits, never as the certainty that 0.00 or 1.00 would suggest."""
    if probability >= 0.995:
        return "above 0.99"
    if probability < 0.005:
        return "below 0.01"
    return f"{probability:.2f}"


@dataclass(frozen=True, slots=True)
class Situation:
    """What a verdict depends on.

    Attributes:
        evidence: Every panorama compared, nearest first.
        log_odds: Of the claim, from all panoramas together, at even prior odds.
        prior: Probability of the claim before anything was compared, in (0, 1).
        radius_m: How far from the claim panoramas were searched, metres.
        cautions: What should make one suspicious.
        unjudgeable: Why the photo cannot be judged, in a sentence, or None.
    """

    evidence: Sequence[PanoramaEvidence]
    log_odds: float
    prior: float
    radius_m: float
    cautions: Sequence[Caution] = ()
    unjudgeable: str | None = None


def decisive_panorama(evidence: Sequence[PanoramaEvidence]) -> int | None:
    """Index of the panorama that speaks most for the claim, of equal ones the nearest."""
    if not evidence:
        return None
    return max(range(len(evidence)), key=lambda i: evidence[i].log_odds)


def decide(case: Situation, model: VerdictModel) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict and how it follows.

    The thresholds hold at even prior odds. Another prior can take a verdict away and never make
    one: the error rates that are stated stay upper bounds.
    """
    best = decisive_panorama(case.evidence)
    if best is None:
        return Verdict.INCONCLUSIVE, (
            f"No coverage: there is no panorama within {case.radius_m:g} m of the claimed "
            "location, so nothing can be said for or against the claim.",
        )
    even, given = probability(case.log_odds), probability(case.log_odds, case.prior)
    said = probability_text(even)
    if even >= model.consistent_from:
        return _for_the_claim(case, model, best, given)
    if even > model.inconsistent_to:
        return Verdict.INCONCLUSIVE, (
            f"The evidence of {_number(case)} has probability {said}, between "
            f"{model.inconsistent_to:.2f} and {model.consistent_from:.2f}, where it is wrong too "
            "often to be believed.",
        )
    return _against_the_claim(case, model, given)


def _for_the_claim(
    case: Situation, model: VerdictModel, best: int, given: float
) -> tuple[Verdict, tuple[str, ...]]:
    barring = [caution.text for caution in case.cautions if caution.kind in _BARRING]
    if barring:
        return Verdict.INCONCLUSIVE, (
            "The photo matches, but in a way that says nothing of where it was taken.",
            *barring,
        )
    if given < model.consistent_from:
        return Verdict.INCONCLUSIVE, (
            f"The photo matches, but with the prior of {case.prior:g} that was given, its "
            f"probability is {probability_text(given)}; {model.consistent_from:.2f} is needed.",
        )
    evidence = case.evidence[best]
    reasons = [
        f"The photo matches a panorama {evidence.distance_m:.0f} m from the claimed location: "
        f"the evidence of {_number(case)} has probability "
        f"{probability_text(probability(case.log_odds))}, and {model.consistent_from:.2f} is "
        f"enough: at most {model.false_rate:.1%} of false claims reached that in development."
    ]
    if evidence.bearing is not None:
        reasons.append(
            f"The camera looked towards {round(evidence.bearing) % 360}°, as seen from that "
            "panorama."
        )
    if evidence.other_bearings:
        others = ", ".join(f"{round(bearing) % 360}°" for bearing in evidence.other_bearings)
        reasons.append(
            f"It may as well have looked towards {others}: what is seen there matches about as "
            "well, as in a symmetric street."
        )
    return Verdict.CONSISTENT, tuple(reasons)


def _against_the_claim(
    case: Situation, model: VerdictModel, given: float
) -> tuple[Verdict, tuple[str, ...]]:
    mirrored = [c.text for c in case.cautions if c.kind is CautionKind.MIRRORED]
    showing = [evidence.distance_m for evidence in case.evidence if evidence.shows]
    nearest = min(showing, default=min(evidence.distance_m for evidence in case.evidence))
    if mirrored:
        return Verdict.INCONCLUSIVE, tuple(mirrored)
    if case.unjudgeable is not None:
        return Verdict.INCONCLUSIVE, (case.unjudgeable,)
    if nearest > REFUTING_DISTANCE_M:
        return Verdict.INCONCLUSIVE, (
            f"Nothing matches, but the nearest panorama is {nearest:.0f} m from the claimed "
            f"location; beyond {REFUTING_DISTANCE_M:.0f} m a true photo may show what no "
            "panorama saw.",
        )
    if not showing:
        return Verdict.INCONCLUSIVE, (
            "Nothing matches, but where the photo should look, the panoramas are blank or covered.",
        )
    if given > model.inconsistent_to:
        return Verdict.INCONCLUSIVE, (
            f"Nothing matches, but with the prior of {case.prior:g} that was given, the "
            f"probability is {probability_text(given)} still.",
        )
    return Verdict.INCONSISTENT, (
        f"Nothing matches: the evidence of {_number(case)}, the nearest {nearest:.0f} m from the "
        f"claimed location, has probability {probability_text(probability(case.log_odds))}; at "
        f"most {model.miss_rate:.1%} of true claims had {model.inconsistent_to:.2f} or less in "
        "development.",
    )


def _number(case: Situation) -> str:
    count = len(case.evidence)
    return f"{count} panoramas" if count > 1 else "the only panorama"
