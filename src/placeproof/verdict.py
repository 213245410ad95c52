"""From the panoramas' probabilities to one verdict, in words."""

from collections.abc import Sequence

from placeproof.network.checkpoint import Operation
from placeproof.results import PanoramaEvidence, Verdict

# A panorama farther than this from the claim may miss what the photo shows even where the
# claim is true, so it can confirm but never refute.
REFUTING_DISTANCE_M = 25.0


def probability_text(probability: float) -> str:
    """A probability with two digits, never as the certainty that 0.00 or 1.00 would suggest."""
    if probability >= 0.995:
        return "above 0.99"
    if probability < 0.005:
        return "below 0.01"
    return f"{probability:.2f}"


def decide(
    evidence: Sequence[PanoramaEvidence], variety: float, radius_m: float, operation: Operation
) -> tuple[Verdict, int | None, tuple[str, ...]]:
    """The verdict, the index of the panorama that decided, and the reasons.

    One panorama that matches confirms the claim. To refute it takes a panorama near enough to
    have seen what the photo shows, and no panorama that is even undecided.

    Args:
        evidence: Every panorama compared, nearest first.
        variety: How much the photo's patches differ (:meth:`Inference.variety`).
        radius_m: How far from the claim panoramas were searched, metres.
        operation: Thresholds of the network in use.
    """
    if not evidence:
        reason = (
            f"No coverage: there is no panorama within {radius_m:g} m of the claimed location, "
            "so nothing can be said for or against the claim."
        )
        return Verdict.INCONCLUSIVE, None, (reason,)
    best = max(range(len(evidence)), key=lambda i: evidence[i].comparison.probability)
    probability = evidence[best].comparison.probability
    said = probability_text(probability)
    others = f"{len(evidence)} panoramas" if len(evidence) > 1 else "the only panorama"
    if variety < operation.least_variety:
        reason = (
            "The photo shows too little: its parts hardly differ, as those of a blank wall or of "
            "a clear sky, so it can match anything or nothing."
        )
        return Verdict.INCONCLUSIVE, best, (reason,)
    if probability >= operation.consistent_from:
        return (
            Verdict.CONSISTENT,
            best,
            (
                f"The photo matches a panorama {evidence[best].distance_m:.0f} m from the claimed "
                f"location with probability {said}, and {operation.consistent_from:.2f} "
                f"is enough: at most {operation.false_rate:.0%} of development photos reached that "
                "with any panorama of another place.",
                *_where(evidence[best]),
            ),
        )
    if probability > operation.inconsistent_to:
        return (
            Verdict.INCONCLUSIVE,
            best,
            (
                f"The best match of {others} has probability {said}, between "
                f"{operation.inconsistent_to:.2f} and {operation.consistent_from:.2f}, where the "
                "network is wrong too often to be believed.",
            ),
        )
    nearest = evidence[0].distance_m
    if nearest > REFUTING_DISTANCE_M:
        return (
            Verdict.INCONCLUSIVE,
            best,
            (
                f"Nothing matches, but the nearest panorama is {nearest:.0f} m from the claimed "
                f"location; beyond {REFUTING_DISTANCE_M:.0f} m a true photo may show what no "
                "panorama saw.",
            ),
        )
    return (
        Verdict.INCONSISTENT,
        best,
        (
            f"The best match of {others}, the nearest {nearest:.0f} m from the claimed location, "
            f"has probability {said}; at most {operation.miss_rate:.0%} of development pairs of "
            f"one place had {operation.inconsistent_to:.2f} or less.",
        ),
    )


def _where(evidence: PanoramaEvidence) -> list[str]:
    """What the matched region says of the camera, if there is one."""
    if evidence.bearing is None:
        return []
    return [f"The matched region lies towards {round(evidence.bearing) % 360}° from that panorama."]
