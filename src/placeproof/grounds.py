"""What speaks for a claim and against it, in words, strongest first."""

from collections.abc import Mapping, Sequence

from placeproof.results import Ground, PanoramaEvidence

LEAST = 0.1  # log-odds; what weighs less is not worth a sentence


def grounds_of(
    contributions: Mapping[str, float], best: PanoramaEvidence, count: int
) -> tuple[Ground, ...]:
    """The grounds of a claim's log-odds.

    Args:
        contributions: How much each number of the evidence speaks for the claim, by its name.
        best: The panorama that speaks most for it.
        count: How many panoramas were compared.
    """
    found = [
        Ground(weight, _sentence(name, weight > 0, best, count))
        for name, weight in contributions.items()
        if abs(weight) >= LEAST
    ]
    return tuple(sorted(found, key=lambda ground: abs(ground.log_odds), reverse=True))


def supports(grounds: Sequence[Ground]) -> list[Ground]:
    """Those for the claim."""
    return [ground for ground in grounds if ground.log_odds > 0]


def contradicts(grounds: Sequence[Ground]) -> list[Ground]:
    """Those against it."""
    return [ground for ground in grounds if ground.log_odds <= 0]


def _sentence(name: str, positive: bool, best: PanoramaEvidence, count: int) -> str:
    look = best.second_look
    points = 0 if look is None else look.inliers
    spread = 0.0 if look is None else look.spread
    said = {
        "patches": (
            "Compared patch by patch, the photo and the panorama show the same place.",
            "Compared patch by patch, the photo and the panorama do not show the same place.",
        ),
        "points": (
            f"{points} points of the photo lie where one geometry of two cameras puts them.",
            f"Only {points} points of the photo lie where one geometry of two cameras puts "
            "them; as many do by chance.",
        ),
        "spread": (
            f"These points are spread over {spread:.0%} of the photo's textured parts.",
            f"These points lie in {spread:.0%} of the photo's textured parts only.",
        ),
        "panoramas": (
            "Few panoramas were compared, so a match by chance is unlikely.",
            f"{count} panoramas were compared; of many, some match by chance.",
        ),
        "other panoramas": (
            "Other panoramas near the claimed place say the same.",
            "Other panoramas near the claimed place do not show what the photo shows.",
        ),
    }
    return said[name][0 if positive else 1]
