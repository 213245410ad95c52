"""Look-alikes: panoramas of other places that the current model finds most like a query."""

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from placeproof.network.matching import match
from placeproof.training.manifest import Row
from placeproof.training.pairs import Others

Features = Callable[[Path], Tensor]
Progress = Callable[[int, int], None]  # queries done, queries in all


@torch.inference_mode()
def mine_look_alikes(
    rows: Sequence[Row],
    query_features: Features,
    panorama_features: Features,
    *,
    keep: int,
    candidates: int,
    seed: int,
    progress: Progress = lambda _done, _total: None,
) -> dict[Path, tuple[Path, ...]]:
    """Ranks for each query panoramas of places with other names, and keeps the most similar.

    How similar one is, the mean over every fourth patch of the query of the best similarity says
    (Eq. 3); a background, which is one number for each query patch, would not change the order.
    No panorama is kept that may show the query's place; see
    :meth:`~placeproof.training.manifest.Row.elsewhere`. A pure function of its arguments: the
    order of the rows does not matter.

    Args:
        rows: The queries and the panoramas, of one split.
        query_features: F_Q, (C, h, w), of a query, as the network compares it.
        panorama_features: F_R, (C, H, W), of a panorama; called again and again, so it keeps
            what it can.
        keep: Panoramas kept for each query, the most similar first.
        candidates: Panoramas that each query is compared with, drawn by ``seed``.
        seed: Draws them.
        progress: Called after each query.

    Returns:
        The panoramas by query; for some fewer than ``keep``, where there are not as many.

    Raises:
        ValueError: If ``keep`` or ``candidates`` is below 1.
    """
    if keep < 1 or candidates < 1:
        raise ValueError(f"nothing is kept with keep {keep} and candidates {candidates}")
    others = Others(rows, {})
    by_query = {row.query: row for row in rows if row.query is not None}
    panoramas = sorted({row.panorama: row for row in rows}.items())
    found = {}
    for number, (query, row) in enumerate(sorted(by_query.items()), 1):
        random = np.random.default_rng((seed, number))
        shuffled = (panoramas[i] for i in random.permutation(len(panoramas)))
        possible = (
            path
            for path, other in shuffled
            if other.place != row.place and others.elsewhere(row, other)
        )
        drawn = list(itertools.islice(possible, candidates))
        features = query_features(query)
        similarities = {path: _similarity(panorama_features(path), features) for path in drawn}
        # Of equal ones, the first by name.
        ranked = sorted((-similarity, path) for path, similarity in similarities.items())
        found[query] = tuple(path for _, path in ranked[:keep])
        progress(number, len(by_query))
    return found


def _similarity(reference: Tensor, query: Tensor) -> float:
    return float(match(reference, query[:, ::2, ::2]).query.mean())
