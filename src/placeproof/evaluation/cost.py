"""What a pair costs: seconds and peak memory, in a process that does nothing else."""

import sys
from collections.abc import Sequence
from statistics import median
from time import perf_counter
from typing import NamedTuple

from placeproof.evaluation.methods.registry import MethodSpec, make_method
from placeproof.evaluation.processes import processes
from placeproof.evaluation.scored import Cost
from placeproof.evaluation.suite import EvaluationPair, Suite
from placeproof.images import read_picture

MEASURED = 6  # pairs, the first of which only warms up


class _Seconds(NamedTuple):
    query: float
    reference: float
    compare: float
    again: float


def chosen_pairs(suite: Suite) -> tuple[EvaluationPair, ...]:
    """The pairs that are timed: spread over the suite, of different queries."""
    by_query = {pair.query: pair for pair in reversed(suite.pairs)}
    pairs = list(reversed(by_query.values()))
    step = max(1, len(pairs) // MEASURED)
    return tuple(pairs[::step][:MEASURED])


def measure_cost(spec: MethodSpec, pairs: Sequence[EvaluationPair]) -> Cost:
    """Measures a method on a few pairs, in a fresh process with all cores to itself.

    Reading the pictures does not count, nor does loading the method; the peak memory is that of
    the whole process, Python and libraries included.
    """
    with processes(1, _nothing) as pool:
        return pool.submit(_measure, spec, tuple(pairs)).result()


def _nothing() -> None:
    """All cores are its own."""


def _measure(spec: MethodSpec, pairs: Sequence[EvaluationPair]) -> Cost:
    import torch

    method = make_method(spec)
    measured = []
    for pair in pairs:
        query, reference = (read_picture(path).pixels for path in (pair.query, pair.reference))
        began = perf_counter()
        query_features = method.features(query, panorama=False)
        after_query = perf_counter()
        reference_features = method.features(reference, panorama=pair.panorama)
        after_reference = perf_counter()
        method.compare(query_features, reference_features, panorama=pair.panorama)
        after_first = perf_counter()
        method.compare(query_features, reference_features, panorama=pair.panorama)
        measured.append(
            _Seconds(
                after_query - began,
                after_reference - after_query,
                after_first - after_reference,
                perf_counter() - after_first,
            )
        )
    query_s, reference_s, compare_s, again_s = map(
        median, zip(*(measured[1:] or measured), strict=True)
    )
    return Cost(
        query_seconds=query_s,
        reference_seconds=reference_s,
        compare_seconds=compare_s,
        again_seconds=again_s,
        peak_memory_bytes=_peak_memory(),
        threads=torch.get_num_threads(),
        pairs=len(measured[1:] or measured),
    )


def _peak_memory() -> int | None:
    """The most memory that this process has had, bytes; None where the system does not say."""
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
