from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from placeproof.errors import ManifestError
from placeproof.location import Location
from placeproof.training.examples import Batch
from placeproof.training.manifest import Row
from placeproof.training.pairs import NEIGHBOURHOOD_M, Others, PairSource
from placeproof.training.places import ELSEWHERE_M

METRE = 1 / 111_195  # degrees of latitude
KINDS = ("disordered", "neighbourhood", "distant", "look-alike")


class World:
    """Picture files, and which of them a batch's inputs are."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._paths: dict[bytes, Path] = {}

    def picture(self, name: str, size: tuple[int, int] = (64, 32)) -> Path:
        path = self.folder / f"{name}.png"
        if not path.exists():
            colour = (len(self._paths) % 256, len(self._paths) // 256, 99)
            Image.new("RGB", size, colour).save(path)
            self._paths[bytes(colour)] = path
        return path

    def row(
        self, number: int, place: str, metres: float | None = None, *, query: bool = True
    ) -> Row:
        """A panorama so many metres north of a point, and a query of its own there."""
        location = None if metres is None else Location(50 + metres * METRE, 7)
        return Row(
            self.picture(f"q{number}", (60, 45)) if query else None,
            location if query else None,
            self.picture(f"p{number}"),
            location,
            place,
            "train",
            None,
        )

    def named(self, batch: Batch) -> tuple[list[str], list[str], list[tuple[str, str]]]:
        """Queries, references, and negative pairs by their files' names."""
        names = [
            [self._paths[picture.load()[0, 0].tobytes()].stem for picture in pictures]
            for pictures in (batch.queries, batch.references)
        ]
        different = [
            (names[0][pair.query], names[1][pair.reference])
            for pair in batch.pairs
            if not pair.same
        ]
        return names[0], names[1], different


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def source(rows: Sequence[Row], **changes: Any) -> PairSource:
    plain: dict[str, Any] = {
        "panorama_size": (64, 32),
        "stride": 16,
        "query_sizes": (32, 48),
        "square": False,
        "batch": 8,
        "negatives": ("disordered",),
        "seed": 3,
        "look_alikes": None,
    }
    return PairSource(rows, **plain | changes)


def test_batches_are_balanced_and_of_different_places(world: World) -> None:
    rows = [world.row(n, f"place {n // 3}") for n in range(18)]
    drawing = source(rows)
    assert drawing.batches == 5
    seen: Counter[str] = Counter()
    for number in range(drawing.batches):
        batch = drawing.draw(0, number)
        queries, references, different = world.named(batch)
        same = [(queries[p.query], references[p.reference]) for p in batch.pairs if p.same]
        assert len(same) == len(different) == 4
        assert all(query[1:] == panorama[1:] for query, panorama in same)
        assert len({int(query[1:]) // 3 for query, _ in same}) == 4
        assert all(int(q[1:]) // 3 != int(p[1:]) // 3 for q, p in different)
        assert {q for q, _ in different} == set(queries)
        assert {p for _, p in different} <= set(references) == {p for _, p in same}
        seen.update(queries)
    assert max(seen.values()) <= 2


def test_every_pair_comes_before_one_comes_again(world: World) -> None:
    rows = [world.row(n, f"place {n % 4}") for n in range(12)]
    drawing = source(rows, batch=4)
    seen = [name for number in range(6) for name in world.named(drawing.draw(0, number))[0]]
    assert len(set(seen)) == len(seen) == 12


def test_with_few_places_batches_are_as_large_as_they_can(world: World) -> None:
    rows = [world.row(n, "one" if n < 5 else "two") for n in range(7)]
    drawing = source(rows, batch=12)
    queries, _, different = world.named(drawing.draw(0, 0))
    assert len(set(queries)) == len(queries) == len(different) == 6
    assert {"q5", "q6"} <= set(queries)
    assert len(source(rows, batch=100).draw(0, 0).queries) == 7


@pytest.mark.parametrize("sizes", [(4, 2), (1, 9), (1, 1, 7), (3, 3, 3), (2, 1, 1, 1, 5)])
@pytest.mark.parametrize("batch", [2, 4, 6, 12, 100])
def test_batches_are_full_and_no_pair_stands_twice(
    world: World, sizes: tuple[int, ...], batch: int
) -> None:
    of_row = [place for place, count in enumerate(sizes) for _ in range(count)]
    rows = [world.row(n, f"place {place}") for n, place in enumerate(of_row)]
    drawing = source(rows, batch=batch)
    half = min(batch // 2, len(rows))
    for number in range(drawing.batches):
        queries = world.named(drawing.draw(0, number))[0]
        assert len(queries) == len(set(queries)) == half
        assert len({of_row[int(query[1:])] for query in queries}) == min(half, len(sizes))


def test_a_batch_is_a_pure_function(world: World) -> None:
    rows = [world.row(n, f"place {n}", 30.0 * n) for n in range(12)]
    one, other = (source(rows, negatives=KINDS[:3]) for _ in range(2))
    other.draw(0, 1)
    first, again = one.draw(2, 1), other.draw(2, 1)
    assert [p.key for p in first.queries] == [p.key for p in again.queries]
    assert [p.key for p in first.references] == [p.key for p in again.references]
    plain = [[(p.query, p.reference, p.same) for p in batch.pairs] for batch in (first, again)]
    assert plain[0] == plain[1]
    drawn = {tuple(world.named(one.draw(epoch, 0))[2]) for epoch in range(5)}
    assert len(drawn) == 5  # disordered anew


@pytest.mark.parametrize("square", [True, False])
def test_sizes_and_masks(world: World, square: bool) -> None:
    rows = [world.row(n, f"place {n}") for n in range(4)]
    half = Image.new("L", (128, 64))
    half.paste(255, (0, 0, 72, 64))
    half.save(world.folder / "mask.png")
    rows[0] = replace(rows[0], mask=world.folder / "mask.png")
    sizes = set()
    for epoch in range(8):
        batch = source(rows, square=square).draw(epoch, 0)
        for picture in (*batch.queries, *batch.references):
            assert picture.load().shape == (picture.size[1], picture.size[0], 3)
        (size,) = {picture.size for picture in batch.queries}
        sizes.add(size)
        for pair in batch.pairs:
            mask = None if pair.mask is None else pair.mask()
            if not pair.same:
                np.testing.assert_array_equal(mask, np.zeros((2, 4), np.float32))
            elif mask is not None:
                np.testing.assert_array_equal(mask, np.float32([[1, 1, 0.25, 0]] * 2))
        assert sum(pair.same and pair.mask is not None for pair in batch.pairs) == 1
    assert sizes == ({(32, 32), (48, 48)} if square else {(32, 24), (48, 36)})


# Kinds of negatives


def negatives(world: World, rows: Sequence[Row], kind: str, **changes: Any) -> set[tuple[str, str]]:
    drawing = source(rows, negatives=(kind,), batch=4, **changes)
    return {
        pair
        for epoch in range(20)
        for number in range(drawing.batches)
        for pair in world.named(drawing.draw(epoch, number))[2]
    }


def test_neighbours_are_80_m_to_1_km_away(world: World) -> None:
    near, far = NEIGHBOURHOOD_M
    rows = [
        world.row(0, "here", 0),
        world.row(1, "there", 70, query=False),
        world.row(2, "there", near + 1, query=False),
        world.row(3, "here", far - 1, query=False),
        world.row(4, "there", far + 1, query=False),
        world.row(5, "unknown", query=False),
    ]
    assert negatives(world, rows, "neighbourhood") == {("q0", "p2"), ("q0", "p3")}


def test_distant_ones_are_of_the_same_place_too_far_away(world: World) -> None:
    rows = [
        world.row(0, "here", 0),
        world.row(1, "here", 55, query=False),
        world.row(2, "here", 65, query=False),
        world.row(3, "there", 75, query=False),
        world.row(4, "here", query=False),
    ]
    assert negatives(world, rows, "distant") == {("q0", "p2")}
    pairs = source(rows, negatives=("distant",)).draw(0, 0).pairs
    assert [pair.mask for pair in pairs if not pair.same] == [None]  # who knows what is seen


def test_look_alikes_are_those_that_were_mined(world: World) -> None:
    rows = [world.row(n, f"place {n}") for n in range(6)]
    mined = {
        world.folder / "q0.png": (world.folder / "p3.png", world.folder / "p4.png"),
        world.folder / "q1.png": (world.folder / "p1.png", world.folder / "gone.png"),
    }
    found = negatives(world, rows, "look-alike", look_alikes=mined)
    assert {panorama for query, panorama in found if query == "q0"} == {"p3", "p4"}
    assert {panorama for query, panorama in found if query == "q1"} <= {
        "p0",
        "p2",
        "p3",
        "p4",
        "p5",
    }


def test_what_there_is_none_of_is_disordered(world: World) -> None:
    rows = [world.row(n, f"place {n}") for n in range(4)]
    rows.append(world.row(9, "never in a batch", query=False))
    for kind in KINDS:
        found = negatives(world, rows, kind)
        assert {int(q[1:]) for q, _ in found} == {0, 1, 2, 3}
        assert not any("9" in panorama or panorama[1:] == query[1:] for query, panorama in found)
    alone = [row for row in rows if row.place in ("place 0", "never in a batch")]
    assert negatives(world, alone, "disordered") == {("q0", "p9")}


def test_disordered_ones_are_of_places_with_another_name(world: World) -> None:
    rows = [world.row(n, "a long street" if n < 4 else "a square", 500.0 * n) for n in range(6)]
    for number in range(6):
        found = world.named(source(rows, batch=12).draw(number, 0))[2]
        assert len(found) == 6
        assert all((int(q[1:]) < 4) != (int(p[1:]) < 4) for q, p in found)


def test_kinds_take_turns(world: World) -> None:
    rows = [world.row(n, f"place {n}", 500.0 * n) for n in range(8)]
    drawing = source(
        rows,
        negatives=("neighbourhood", "look-alike"),
        look_alikes={
            row.query: (rows[(n + 4) % 8].panorama,) for n, row in enumerate(rows) if row.query
        },
    )
    for number in range(4):
        different = world.named(drawing.draw(0, number % 2))[2]
        apart = [abs(int(q[1:]) - int(p[1:])) for q, p in different]
        assert apart.count(4) == 2
        assert all(steps in (1, 2, 4) for steps in apart)


def test_what_a_row_calls_the_same_place_is_never_a_negative(world: World) -> None:
    first, second = world.row(0, "here", 0), world.row(1, "here", 500, query=False)
    far = world.row(2, "there", 900, query=False)
    rows = [first, replace(first, panorama=second.panorama, panorama_location=None), second, far]
    for kind in KINDS:
        assert negatives(world, rows, kind) == {("q0", "p2")}


@given(
    metres=st.lists(st.one_of(st.none(), st.floats(0, 400)), min_size=4, max_size=9),
    places=st.lists(st.sampled_from("abc"), min_size=9, max_size=9),
    off=st.floats(-30, 30),
    kind=st.sampled_from(KINDS),
    seed=st.integers(0, 1000),
)
@settings(max_examples=150)
def test_no_negative_may_show_the_same_place(
    metres: list[float | None], places: list[str], off: float, kind: str, seed: int
) -> None:
    rows = [
        Row(
            Path(f"/q{n}"),
            None if at is None else Location(50 + (at + off) * METRE, 7),
            Path(f"/p{n}"),
            None if at is None else Location(50 + at * METRE, 7),
            place,
            "train",
            None,
        )
        for n, (at, place) in enumerate(zip(metres, places, strict=False))
    ]
    everything = [row.panorama for row in rows]
    others = Others(rows, {row.query: everything for row in rows if row.query})
    random = np.random.default_rng(seed)
    for row in rows:
        other = others.draw(kind, row, rows, random)  # type: ignore[arg-type]
        if other is None:
            continue
        for own in (row.query_location, row.panorama_location):
            if own is not None and other.panorama_location is not None:
                assert own.distance_m(other.panorama_location) > ELSEWHERE_M
        if row.panorama_location is None or other.panorama_location is None:
            assert row.place != other.place


def test_what_cannot_work_is_refused(world: World) -> None:
    rows = [world.row(n, f"place {n}") for n in range(2)]
    with pytest.raises(ValueError, match="no two halves"):
        source(rows, batch=5)
    with pytest.raises(ValueError, match="no kind"):
        source(rows, negatives=())
    with pytest.raises(ValueError, match="patches of 24 pixels"):
        source(rows, stride=24)
    with pytest.raises(ManifestError, match="no row has a query"):
        source([world.row(3, "x", query=False)])
    with pytest.raises(ManifestError, match="may show one place"):
        source([world.row(n, "the only place") for n in range(3)])
