"""Balanced batches of real pairs: the same place, and different places (paper, section 4.1).

A negative is a query and a panorama that surely shows another place: see
:meth:`~placeproof.training.manifest.Row.elsewhere`. No two pictures nearer than ``ELSEWHERE_M``
(60 m) are ever one, nor two of the same place whose positions are not known, nor a pair that
some row of the manifest calls the same place. Nearer than ``SAME_M`` (20 m) they surely show the
same; in between it depends on the street, so that nothing is taught about such a pair.
"""

import functools
import itertools
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Literal

import numpy as np
from scipy.spatial import KDTree

from placeproof.errors import ManifestError
from placeproof.training.examples import Batch, Input, Pair
from placeproof.training.manifest import Row
from placeproof.training.pictures import PictureFiles, empty_mask, read_mask
from placeproof.training.places import points

Negative = Literal["disordered", "neighbourhood", "distant", "look-alike"]
NEIGHBOURHOOD_M = (80.0, 1000.0)
_BATCH, _PLACES, _ROWS = range(1, 4)  # what a random stream is for


class PairSource:
    """Batches of which one half are a manifest's pairs and the other half different places.

    The pairs of a batch are of as many different places as there are: a place with many pairs
    is not shown more often than others. Each of its queries is compared once more, with a
    panorama of another place. Which one, the kinds asked for say, in turn:

    * ``disordered``: of another pair of the batch, and of another place (the paper's);
    * ``neighbourhood``: of a spot between 80 m and 1 km from the query's own panorama;
    * ``distant``: of the same place's name, but more than 60 m away;
    * ``look-alike``: one of those that :func:`~placeproof.training.mining.mine_look_alikes`
      found.

    Where the data have none of a kind for a query, it gets a disordered one; where its batch has
    none of those, any panorama of another place.

    Args:
        rows: Of one split. Those without a query only lend their panoramas to negatives.
        panorama_size: Width and height at which the network sees panoramas, pixels.
        stride: Pixels a patch; it divides both.
        query_sizes: One is drawn for each batch, pixels.
        square: Whether queries are squeezed into squares of that size, as in the paper; else it
            is their longer side.
        batch: Pairs of a batch, an even number. Fewer where there are not as many rows.
        negatives: Kinds of negatives, in turn.
        seed: Draws all.
        look_alikes: Panoramas of other places by query; without them no query has any.

    Raises:
        ValueError: If ``batch`` is odd or below 2, no kind is given, or the stride does not
            divide the panorama's sides.
        ManifestError: If no row has a query, or all panoramas may show one place.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        panorama_size: tuple[int, int],
        stride: int,
        query_sizes: Sequence[int],
        square: bool,
        batch: int,
        negatives: Sequence[Negative],
        seed: int,
        look_alikes: Mapping[Path, Sequence[Path]] | None,
    ) -> None:
        if batch < 2 or batch % 2:
            raise ValueError(f"a batch of {batch} pairs has no two halves")
        if not negatives:
            raise ValueError("no kind of negatives is given")
        if panorama_size[0] % stride or panorama_size[1] % stride:
            raise ValueError(f"patches of {stride} pixels do not fill {panorama_size}")
        self._positives = [row for row in rows if row.query is not None]
        if not self._positives:
            raise ManifestError("there is no pair to train on: no row has a query")
        self._panorama_size = panorama_size
        self._grid = panorama_size[0] // stride, panorama_size[1] // stride
        self._stride = stride
        self._query_sizes = tuple(query_sizes)
        self._square = square
        self._seed = seed
        self._negatives = tuple(negatives)
        self._by_place: dict[str, list[Row]] = {}
        for row in self._positives:
            self._by_place.setdefault(row.place, []).append(row)
        self._others = Others(rows, look_alikes or {})
        if not any(self._others.any(row) for row in self._positives):
            raise ManifestError("no pair of different places can be made: all may show one place")
        self._half = min(batch // 2, len(self._positives))
        self._files = PictureFiles()

    @property
    def batches(self) -> int:
        """How many batches an epoch has: as many as it takes to show as many pairs as there are."""
        return -(-len(self._positives) // self._half)

    def draw(self, epoch: int, number: int) -> Batch:
        """Batch ``number`` of an epoch, a pure function of the seed and the arguments.

        Raises:
            PlaceproofError: If a picture cannot be read.
        """
        random = np.random.default_rng((self._seed, _BATCH, epoch, number))
        size = int(random.choice(self._query_sizes))
        positives = self._draw_positives(epoch, number)
        first = int(random.integers(len(self._negatives)))
        queries = _Numbered()
        references = _Numbered()
        same = [
            Pair(
                queries.number(_query(row)),
                references.number(row.panorama),
                same=True,
                mask=None
                if row.mask is None
                else functools.partial(read_mask, row.mask, self._grid),
            )
            for row in positives
        ]
        different = []
        for turn, row in enumerate(positives, first):
            kind = self._negatives[turn % len(self._negatives)]
            other = self._others.draw(kind, row, positives, random)
            if other is not None:
                known = other.place != row.place
                pair = Pair(
                    queries.number(_query(row)),
                    references.number(other.panorama),
                    same=False,
                    mask=functools.partial(empty_mask, self._grid) if known else None,
                )
                different.append(pair)
        return Batch(
            queries=tuple(self._photo(path, size) for path in queries.items),
            references=tuple(
                self._files.panorama(path, self._panorama_size) for path in references.items
            ),
            pairs=(*same, *different),
        )

    def _draw_positives(self, epoch: int, number: int) -> list[Row]:
        """Rows of as many places as there are, and only then several of one; none twice.

        Places come in shuffled rounds, each once, and so do the rows of each place.
        """
        places = list(self._by_place)
        batches = max(1, len(places) // self._half)  # that a round of places fills
        round_, part = divmod(number, batches)
        random = np.random.default_rng((self._seed, _PLACES, epoch, round_))
        order = random.permutation(len(places)).tolist()[part * self._half :]
        turns = -(-self._half // len(places))  # rows of each place in this batch, at first
        rows: list[Row] = []
        most = max(len(own) for own in self._by_place.values())
        for turn, index in itertools.product(range(most), order):
            if len(rows) == self._half:
                break
            own = self._by_place[places[index]]
            if turn < len(own):
                shuffled = np.random.default_rng((self._seed, _ROWS, epoch, index))
                which = (round_ * turns + turn) % len(own)
                rows.append(own[int(shuffled.permutation(len(own))[which])])
        return rows

    def _photo(self, path: Path, size: int) -> Input:
        return self._files.photo(path, size, self._stride, square=self._square)


class Others:
    """Which panoramas a query may be compared with as one of another place.

    Args:
        rows: Whose panoramas there are, and what is known of them.
        look_alikes: Panoramas of other places by query.
    """

    def __init__(self, rows: Sequence[Row], look_alikes: Mapping[Path, Sequence[Path]]) -> None:
        self._rows = list({row.panorama: row for row in rows}.values())
        self._by_panorama = {row.panorama: row for row in self._rows}
        self._look_alikes = look_alikes
        self._own: dict[Path, set[Path]] = {}
        for row in rows:
            if row.query is not None:
                self._own.setdefault(row.query, set()).add(row.panorama)
        self._of_place: dict[str, list[Row]] = {}
        for row in self._rows:
            self._of_place.setdefault(row.place, []).append(row)
        self._located = [row for row in self._rows if row.panorama_location is not None]
        where = [row.panorama_location for row in self._located if row.panorama_location]
        self._tree = KDTree(points(where)) if where else None

    def elsewhere(self, row: Row, other: Row) -> bool:
        """Whether no row calls the two the same place, and they are surely different ones."""
        return other.panorama not in self._own[_query(row)] and row.elsewhere(other)

    def any(self, row: Row) -> list[Row]:
        """All panoramas of places with other names."""
        return [o for o in self._rows if o.place != row.place and self.elsewhere(row, o)]

    def draw(
        self, kind: Negative, row: Row, batch: Sequence[Row], random: np.random.Generator
    ) -> Row | None:
        """A panorama for the query of ``row``, as its own row; None where there is none at all.

        Args:
            kind: Of the panorama.
            row: Has the query.
            batch: The rows whose panoramas count as disordered.
            random: Draws it.
        """
        sources: dict[Negative, Callable[[Row], Sequence[Row]]] = {
            "disordered": lambda _: [],
            "neighbourhood": self._neighbours,
            "distant": self._distant,
            "look-alike": self._alike,
        }
        for source in (
            sources[kind],
            lambda _: [o for o in batch if o.place != row.place and self.elsewhere(row, o)],
            self.any,
        ):
            if found := source(row):
                return found[int(random.integers(len(found)))]
        return None

    def _neighbours(self, row: Row) -> list[Row]:
        if row.panorama_location is None or self._tree is None:
            return []
        least, most = NEIGHBOURHOOD_M
        near = self._tree.query_ball_point(points([row.panorama_location])[0], most)
        return [
            other
            for other in (self._located[index] for index in sorted(near))
            if other.panorama_location is not None
            and least <= row.panorama_location.distance_m(other.panorama_location) <= most
            and self.elsewhere(row, other)
        ]

    def _distant(self, row: Row) -> list[Row]:
        return [other for other in self._of_place[row.place] if self.elsewhere(row, other)]

    def _alike(self, row: Row) -> list[Row]:
        known = (self._by_panorama.get(path) for path in self._look_alikes.get(_query(row), ()))
        return [other for other in known if other is not None and self.elsewhere(row, other)]


class _Numbered:
    """Different files, each with the number that it got when it first came."""

    def __init__(self) -> None:
        self._numbers: dict[Path, int] = {}

    def number(self, item: Path) -> int:
        return self._numbers.setdefault(item, len(self._numbers))

    @property
    def items(self) -> list[Path]:
        return list(self._numbers)


def _query(row: Row) -> Path:
    if row.query is None:
        raise ValueError(f"the row of {row.panorama} has no query")
    return row.query
