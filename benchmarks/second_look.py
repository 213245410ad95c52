"""What a claim with one panorama costs by stage: first and second look, cold and kept.

Run from the project's folder: ``python -m benchmarks.second_look PAIRS.csv``, a list of pairs as
``placeproof evaluate`` reads it. Means over pairs, since the second look is taken at some only.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import torch

from benchmarks.report import print_machine, print_table
from placeproof.cascade import Cascade
from placeproof.evaluation.negatives import NegativeRule
from placeproof.evaluation.suites.manifest import read
from placeproof.fusion import load_model
from placeproof.images import read_picture
from placeproof.inference import Inference
from placeproof.matchers.registry import make_matcher
from placeproof.network.checkpoint import load_checkpoint
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.second_look.views import PanoramaViews
from placeproof.weighing import log_odds_of
from placeproof.weights_store import SHIPPED_FILE

STAGES = ("photo, dense", "panorama, dense", "match", "photo, local", "second look")
T = TypeVar("T")


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("pairs", type=Path, help="CSV with query and panorama")
    parser.add_argument("--count", type=int, default=24, help="pairs, spread over the list")
    arguments = parser.parse_args()
    pairs = read(arguments.pairs, NegativeRule(seed=0, per_positive=1, least_distance_m=0.0)).pairs
    chosen = pairs[:: max(1, len(pairs) // arguments.count)][: arguments.count]
    model = load_model()
    inference = Inference(load_checkpoint(SHIPPED_FILE))
    cascade = Cascade(inference, make_matcher(model.matcher))
    seconds: dict[tuple[str, bool], list[float]] = {}
    looked = 0

    def timed(stage: str, kept: bool, work: Callable[[], T]) -> T:
        began = time.perf_counter()
        result = work()
        seconds.setdefault((stage, kept), []).append(time.perf_counter() - began)
        return result

    with tempfile.TemporaryDirectory() as folder:
        cache = FeatureCache(Path(folder))
        for number, pair in enumerate([chosen[0], *chosen]):
            if number == 1:
                seconds.clear()  # the first only warms up
                looked = 0
            photo_pixels = read_picture(pair.query).pixels
            panorama = read_picture(pair.reference)
            pixels, width = panorama.pixels, panorama.pixels.shape[1]
            photo = cascade.photo(photo_pixels)
            timed("photo, dense", True, lambda photo=photo: photo.dense)
            dense = timed(
                "panorama, dense",
                False,
                lambda pixels=pixels: inference.features(
                    pixels, inference.panorama_size, wraps=True
                ),
            )
            size = (width, pixels.shape[0])
            found = timed(
                "match", True, lambda a=photo, b=dense, c=size: cascade.first_look(a, b, c)
            )
            if log_odds_of(found, None, model) <= model.second_look_from:
                continue
            looked += 1
            timed("photo, local", True, lambda photo=photo: photo.local)
            key = panorama.sha256
            for kept in (False, True):
                views = PanoramaViews(
                    cascade.matcher, width, lambda pixels=pixels: pixels, cache, key
                )
                timed(
                    "second look",
                    kept,
                    lambda a=photo, b=views, c=found: cascade.second_look(a, b, c.yaws),
                )
    count = len(chosen)
    print_machine(torch.get_num_threads())
    rows, totals = [], [0.0, 0.0]
    for stage in STAGES:
        cold = sum(seconds.get((stage, False), seconds.get((stage, True), []))) / count
        kept_s = sum(seconds.get((stage, True), [])) / count
        totals = [totals[0] + cold, totals[1] + kept_s]
        rows.append([stage, f"{1000 * cold:.0f} ms", f"{1000 * kept_s:.0f} ms"])
    rows.append(["a pair", f"{1000 * totals[0]:.0f} ms", f"{1000 * totals[1]:.0f} ms"])
    print_table([f"{count} pairs, {looked} second looks", "cold", "kept"], rows)
    times = seconds.get(("second look", True), [0.0])
    print(f"a second look whose features are kept: median {1000 * statistics.median(times):.0f} ms")


if __name__ == "__main__":
    main()
