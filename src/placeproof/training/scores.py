"""What a network says of development pairs, and how good that is."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from placeproof.metrics import (
    average_precision,
    brier,
    even_weights,
    expected_calibration_error,
    roc_auc,
    true_positive_rate,
)

LOOK_ALIKES = 3  # panoramas of other places for each photo: those it takes most for the same


@dataclass(frozen=True, slots=True, eq=False)
class Scores:
    """What a network says of development pairs.

    Attributes:
        logits: (N,) float64.
        cosines: (N,) float64, the mean cosine similarity of the query's patches and their best
            matches: what can be said without masks and decision, to compare with.
        same: (N,) bool.
        near: (N,) bool, see :class:`~placeproof.training.development.Example`.
        photos: (N,) int.
        mask_loss: Mean log-loss of M_R on synthetic pairs.
        overlap: Mean intersection over union of the true M_R and the one found there; pairs
            without a true region do not count.
        correspondence_loss: Mean loss of finding the right patch on synthetic pairs, among
            patches of the query's own panorama.
    """

    logits: NDArray[np.float64]
    cosines: NDArray[np.float64]
    same: NDArray[np.bool_]
    near: NDArray[np.bool_]
    photos: NDArray[np.int64]
    mask_loss: float
    overlap: float
    correspondence_loss: float

    def look_alikes(self) -> NDArray[np.bool_]:
        """Which pairs are of the same place, or of those others that look most like it."""
        return self.same | self._likest(self.logits)

    def _likest(self, scores: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Of each photo's pairs of different places, those that score highest."""
        chosen = np.zeros_like(self.same)
        for photo in np.unique(self.photos):
            others = np.flatnonzero((self.photos == photo) & ~self.same)
            chosen[others[np.argsort(-scores[others], kind="stable")[:LOOK_ALIKES]]] = True
        return chosen

    def _parts(self, scores: NDArray[np.float64]) -> dict[str, NDArray[np.bool_]]:
        """Pairs that measures are taken on, the last the hardest."""
        likest = self._likest(scores)
        parts = {"all": np.ones_like(self.same), "look-alikes": self.same | likest}
        if self.near.any():
            parts["parallax and look-alikes"] = self.near | likest
        return parts

    def summary(self) -> dict[str, float]:
        """The measures of an epoch; none of the decision where it was not measured."""
        measures = {
            "correspondence loss": self.correspondence_loss,
            "mask loss": self.mask_loss,
            "mask IoU": self.overlap,
        }
        if len(self.logits) == 0:
            return measures
        *_, hardest = self._parts(self.logits).values()
        return {
            "AUC": roc_auc(self.same, self.logits),
            "AUC of the hardest": roc_auc(self.same[hardest], self.logits[hardest]),
            **measures,
        }

    def card(self, temperature: float) -> dict[str, float]:
        """The measures for the model card, once a temperature is found."""
        measures: dict[str, float] = {}
        probabilities = expit(self.logits / temperature)
        for name, chosen in self._parts(self.logits).items():
            same, probability = self.same[chosen], probabilities[chosen]
            weights = even_weights(same)
            measures |= {
                f"{name}: AUC": roc_auc(same, self.logits[chosen]),
                f"{name}: average precision": average_precision(same, self.logits[chosen], weights),
                f"{name}: true positives at 1 % false positives": true_positive_rate(
                    same, self.logits[chosen], 0.01
                ),
                f"{name}: ECE": expected_calibration_error(same, probability, weights=weights),
                f"{name}: Brier": brier(same, probability, weights),
            }
        for name, chosen in self._parts(self.cosines).items():
            same, cosine = self.same[chosen], self.cosines[chosen]
            measures |= {
                f"{name}, by mean cosine: AUC": roc_auc(same, cosine),
                f"{name}, by mean cosine: true positives at 1 % false positives": (
                    true_positive_rate(same, cosine, 0.01)
                ),
            }
        return measures | {"synthetic: mask IoU": self.overlap}
