"""How well weights tell photos of a place from photos of others, on a list of pairs.

    python tools/measure_pairs.py ../shared/data/cambridge_west/pairs.csv

The CSV names query, panorama and label (1: same place) of each pair, relative to itself, and
perhaps bearing_deg, the compass bearing of the query's optical axis; the panoramas' centre
columns then face north. Only for pairs that the weights were not trained, tuned or calibrated on.
"""

import argparse
import csv
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.progress import track
from torch import Tensor

from placeproof.errors import PlaceproofError
from placeproof.geometry import wrap_degrees
from placeproof.images import Picture, read_picture
from placeproof.inference import Inference
from placeproof.metrics import (
    Labels,
    Metric,
    Scores,
    average_precision,
    bootstrap_interval,
    brier,
    expected_calibration_error,
    roc_auc,
    true_positive_rate,
)
from placeproof.network.checkpoint import Checkpoint, load_checkpoint
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.weights_store import SHIPPED_FILE

RESAMPLES = 2000
FALSE_POSITIVES = 0.01  # at which true positives are counted


def true_positives(same: Labels, score: Scores) -> float:
    """The share of pairs of the same place that are found at few false positives."""
    return true_positive_rate(same, score, FALSE_POSITIVES)


METRICS: dict[str, Metric] = {
    "AUC": roc_auc,
    "average precision": average_precision,
    f"true positives at {FALSE_POSITIVES:.0%} false positives": true_positives,
    "calibration error (ECE)": expected_calibration_error,
    "Brier score": brier,
}


@dataclass(frozen=True, slots=True)
class Scored:
    """What the network says of one pair; errors are None where there is nothing to compare."""

    query: str
    same: bool
    probability: float
    bearing_error: float | None


def score_pairs(listing: Path, checkpoint: Checkpoint, cache: Path) -> list[Scored]:
    """Compares every pair of a list."""
    inference = Inference(checkpoint)
    store = FeatureCache(cache)

    def features(picture: Picture, size: tuple[int, int], *, wraps: bool) -> Tensor:
        key = (picture.sha256, checkpoint.card.extractor, checkpoint.features_sha256, size)
        found = store.get(*key)
        return (
            store.put(*key, inference.features(picture.pixels, size, wraps=wraps))
            if found is None
            else found
        )

    with listing.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    scored = []
    for row in track(rows, "Pairs"):
        query = read_picture(listing.parent / row["query"])
        panorama = read_picture(listing.parent / row["panorama"])
        sizes = [(p.pixels.shape[1], p.pixels.shape[0]) for p in (query, panorama)]
        comparison = inference.compare(
            features(query, inference.photo_size(*sizes[0]), wraps=False),
            sizes[0],
            features(panorama, inference.panorama_size, wraps=True),
            sizes[1],
            panorama=True,
        )
        error = None
        if comparison.yaw is not None and row.get("bearing_deg"):
            error = abs(wrap_degrees(comparison.yaw - float(row["bearing_deg"])))
        scored.append(Scored(row["query"], row["label"] == "1", comparison.probability, error))
    return scored


def main() -> None:
    """Reads the command line and prints the measures."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pairs", type=Path, help="CSV of pairs")
    parser.add_argument("--weights", type=Path, default=SHIPPED_FILE, help="%(default)s")
    parser.add_argument("--cache", type=Path, default=Path("build/features"), help="%(default)s")
    given = parser.parse_args()
    try:
        checkpoint = load_checkpoint(given.weights)
        scored = score_pairs(given.pairs, checkpoint, given.cache)
    except PlaceproofError as error:
        sys.exit(f"measure_pairs: {error}")
    operation = checkpoint.card.operation
    same = np.array([pair.same for pair in scored])
    score = np.array([pair.probability for pair in scored])
    queries = [pair.query for pair in scored]  # whose pairs belong together
    print(f"{len(scored)} pairs, {same.sum()} of the same place")
    for name, metric in METRICS.items():
        low, high = bootstrap_interval(metric, same, score, queries, RESAMPLES)
        print(f"{name} {metric(same, score):.4f} (95 % interval {low:.3f} to {high:.3f})")
    for name, chosen in (("same place", same), ("other places", ~same)):
        consistent = (score[chosen] >= operation.consistent_from).mean()
        inconsistent = (score[chosen] <= operation.inconsistent_to).mean()
        print(
            f"{name}: {consistent:.1%} consistent, {inconsistent:.1%} inconsistent, "
            f"{1 - consistent - inconsistent:.1%} inconclusive"
        )
    errors = [p.bearing_error for p in scored if p.same and p.bearing_error is not None]
    if errors:
        print(
            f"bearing, where a region was found ({len(errors)} of {same.sum()} pairs of the same "
            f"place): median error {np.median(errors):.1f} degrees, "
            f"{(np.array(errors) <= 30).mean():.0%} within 30"
        )


if __name__ == "__main__":
    main()
