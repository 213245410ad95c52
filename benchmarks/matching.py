"""Time and peak memory of three ways to find each patch's best match (paper, Eq. 1-3).

Run from the project's folder: ``python -m benchmarks.matching``. Features are random numbers:
neither time nor memory depends on them.
"""

import argparse
import os
import resource
import statistics
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.report import free_memory, print_machine, print_table, write_json

# A process's peak memory begins at its parent's. So only the children, one for each method and
# case, import torch; and what they report is the growth from when their inputs are made.
if TYPE_CHECKING:
    from torch import Tensor

CHANNELS = 2048  # the paper's
NUMBER = 4  # bytes, single precision
MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes


@dataclass(frozen=True)
class Case:
    """How many patches the query and the reference have: (rows, columns)."""

    query: tuple[int, int]
    reference: tuple[int, int]

    @property
    def patches(self) -> tuple[int, int]:
        """Of the query and of the reference."""
        return self.query[0] * self.query[1], self.reference[0] * self.reference[1]

    @property
    def feature_bytes(self) -> int:
        """Memory of both feature maps."""
        return sum(self.patches) * CHANNELS * NUMBER

    @property
    def similarity_bytes(self) -> int:
        """Memory of S."""
        return self.patches[0] * self.patches[1] * NUMBER


CASES = {
    "small": Case((7, 7), (26, 52)),
    "medium": Case((14, 14), (64, 128)),
    "large": Case((32, 32), (400, 500)),
}
# How much a method needs beside its inputs, of (features, S), rounded up; to skip it in time.
NEEDS: dict[str, tuple[int, int]] = {"streamed": (0, 0), "reference": (2, 2), "cdist": (3, 2)}


@dataclass(frozen=True)
class Measurement:
    """What one method took for one case.

    Attributes:
        seconds: Of each repetition after the first, which is not counted.
        peak_bytes: Most memory held beside the inputs.
        mean_best: Mean over both maps of best matches, to see that all methods agree.
    """

    seconds: list[float]
    peak_bytes: int
    mean_best: float


def by_cdist(reference: "Tensor", query: "Tensor") -> tuple["Tensor", "Tensor"]:
    """Brute force: all distances between unit vectors, and the smallest in each row and column."""
    import torch
    from torch.nn import functional as F

    distances = torch.cdist(
        F.normalize(reference.flatten(1), dim=0).T, F.normalize(query.flatten(1), dim=0).T
    )
    best_reference, best_query = distances.min(dim=1), distances.min(dim=0)
    return 1 - best_reference.values**2 / 2, 1 - best_query.values**2 / 2


def measure(method: str, case: Case, repeats: int, threads: int) -> Measurement:
    """Runs a method in this process, which should be a new one."""
    import torch

    from placeproof.network.matching import match, match_by_definition

    methods: dict[str, Callable[[Tensor, Tensor], tuple[Tensor, ...]]] = {
        "streamed": match,
        "reference": match_by_definition,
        "cdist": by_cdist,
    }
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    reference, query = torch.randn(CHANNELS, *case.reference), torch.randn(CHANNELS, *case.query)
    seconds = []
    with torch.inference_mode():
        methods[method](torch.randn(64, 1, 200), torch.randn(64, 1, 200))  # loads what torch needs
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        for _ in range(1 + repeats):
            start = time.perf_counter()
            found = methods[method](reference, query)
            seconds.append(time.perf_counter() - start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    mean_best = float(found[0].mean() + found[1].mean()) / 2
    return Measurement(seconds[1:], peak * MAXRSS_UNIT, mean_best)


def run(method: str, case: Case, repeats: int, threads: int) -> Measurement | str:
    """Measures in a child process; a reason where that is impossible."""
    features, similarity = NEEDS[method]
    needed = (1 + features) * case.feature_bytes + similarity * case.similarity_bytes
    needed += 2**29  # torch itself
    if needed > (free := free_memory()):
        return f"skipped: needs {gib(needed)} of memory, {gib(free)} are free"
    with ProcessPoolExecutor(max_workers=1, mp_context=get_context("spawn")) as pool:
        try:
            return pool.submit(measure, method, case, repeats, threads).result()
        except BrokenProcessPool:
            return "the system ended it, most likely for want of memory"


def gib(number: float) -> str:
    """Bytes in GiB."""
    return f"{number / 2**30:.1f} GiB"


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.matching", description=__doc__)
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES))
    parser.add_argument("--methods", nargs="+", choices=NEEDS, default=list(NEEDS))
    parser.add_argument("--repeats", type=int, default=5, help="after one to warm up")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    chosen = parser.parse_args()
    if chosen.repeats < 1 or chosen.threads < 1:
        parser.error("--repeats and --threads begin at 1")
    return chosen


def main() -> None:
    """Measures, prints, and checks that all methods found the same."""
    chosen = arguments()
    rows, results = [], []
    for name in chosen.cases:
        case = CASES[name]
        size = "{} × {}".format(*case.patches)
        found: dict[str, float] = {}
        for method in chosen.methods:
            print(f"{size}: {method} …", file=sys.stderr)
            outcome = run(method, case, chosen.repeats, chosen.threads)
            result = {"case": name, "patches": case.patches, "method": method}
            if isinstance(outcome, str):
                rows.append((size, method, outcome, "", ""))
                results.append(result | {"skipped": outcome})
                continue
            found[method] = outcome.mean_best
            middle, least = statistics.median(outcome.seconds), min(outcome.seconds)
            peak = f"{outcome.peak_bytes / 2**20:.0f} MiB"
            rows.append((size, method, f"{middle * 1e3:.1f} ms", f"{least * 1e3:.1f} ms", peak))
            results.append(result | asdict(outcome))
        if found and max(found.values()) - min(found.values()) > 1e-3:
            sys.exit(f"the methods do not agree at {size}: {found}")
    print_table(
        ("query × reference patches", "method", "median time", "least", "memory beside the input"),
        rows,
    )
    print_machine(chosen.threads)
    if chosen.json:
        settings = {"channels": CHANNELS, "repeats": chosen.repeats, "threads": chosen.threads}
        write_json(chosen.json, "matching", settings, results)


if __name__ == "__main__":
    main()
