"""All panoramas of a claim, weighed together."""

from collections.abc import Sequence
from dataclasses import dataclass

from placeproof.evidence import first_evidence, second_evidence, yaws_agree
from placeproof.fusion import VerdictModel, claim_evidence, probability
from placeproof.grounds import grounds_of
from placeproof.results import Comparison, Ground, PanoramaEvidence, SecondLook
from placeproof.verdict import decisive_panorama

PANORAMAS_AGAIN = 2  # that a second look is taken at, at most


def log_odds_of(comparison: Comparison, look: SecondLook | None, model: VerdictModel) -> float:
    """What one panorama says for the claim, at even prior odds."""
    if look is None:
        return model.first.log_odds(first_evidence(comparison))
    return model.second.log_odds(second_evidence(comparison, look))


@dataclass(frozen=True, slots=True)
class Weighed:
    """What all panoramas of a claim say.

    Attributes:
        evidence: Every panorama compared, nearest first; there may be none.
        log_odds: Of the claim, at even prior odds.
        grounds: What makes them up, strongest first.
    """

    evidence: tuple[PanoramaEvidence, ...]
    log_odds: float
    grounds: tuple[Ground, ...]

    @property
    def best(self) -> PanoramaEvidence:
        """The panorama that speaks most for the claim, of at least one."""
        return self.evidence[decisive_panorama(self.evidence) or 0]

    @property
    def probability(self) -> float:
        """Of the claim, at even prior odds."""
        return probability(self.log_odds)


def weigh(evidence: Sequence[PanoramaEvidence], model: VerdictModel) -> Weighed:
    """Weighs panoramas; without any, nothing speaks for the claim or against it.

    Panoramas of one place support each other only if they see the camera looking the same way,
    as far as their bearings are known.
    """
    index = decisive_panorama(evidence)
    if index is None:
        return Weighed((), 0.0, ())
    best = evidence[index]
    agree = [
        best.bearing is None or other.bearing is None or yaws_agree(best.bearing, other.bearing)
        for other in evidence
    ]
    together = claim_evidence([panorama.log_odds for panorama in evidence], agree)
    if best.second_look is None:
        alone = model.first.contributions(first_evidence(best.comparison))
    else:
        alone = model.second.contributions(second_evidence(best.comparison, best.second_look))
    scale = model.claim.weights["best panorama"]
    several = model.claim.contributions(together)
    contributions = {name: scale * weight for name, weight in alone.items()} | {
        name: several[name] for name in ("panoramas", "other panoramas")
    }
    return Weighed(
        evidence=tuple(evidence),
        log_odds=model.claim.log_odds(together),
        grounds=grounds_of(contributions, best, len(evidence)),
    )


def needs_a_second_look(weighed: Weighed, model: VerdictModel) -> bool:
    """Whether a second look may change the verdict, or what has to be said beside it.

    A clear mismatch with every panorama needs none. A clear match needs one: patches also match
    in a mirrored photo, a copy, a photo of a screen and a collage.
    """
    return weighed.best.log_odds > model.second_look_from


def most_likely(log_odds: Sequence[float]) -> list[int]:
    """Which panoramas a second look is taken at: those that speak most for the claim."""
    return sorted(range(len(log_odds)), key=lambda i: -log_odds[i])[:PANORAMAS_AGAIN]
