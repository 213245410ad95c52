import math
import pickle
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import NotAnImageError
from placeproof.geometry import View, angles_from_pixel, direction_from_angles, wrap_degrees
from placeproof.location import Location
from placeproof.training.manifest import Row
from placeproof.training.synthetic import LARGEST_WINDOW, SyntheticSource, draw_query
from placeproof.training.views import Window, shown_patches

SIZE = (256, 128)
METRE = 1 / 111_195  # degrees of latitude


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Panoramas of seven places; the last two are of one."""
    folder = tmp_path_factory.mktemp("panoramas")
    made = []
    for number in range(8):
        path = folder / f"{number}.png"
        pixels = np.random.default_rng(number).integers(0, 256, (16, 32, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((300, 150), Image.Resampling.NEAREST).save(path)
        made.append(Row(None, None, path, None, f"place {min(number, 6)}", "train", None))
    return made


def source(rows: list[Row], **changes: Any) -> SyntheticSource:
    plain: dict[str, Any] = {
        "panorama_size": SIZE,
        "stride": 16,
        "query_sizes": (48, 64),
        "square": False,
        "cut": "spherical",
        "pool": 0,
        "empty_masks": 0,
        "batch": 3,
        "seed": 5,
        "buildings": None,
    }
    return SyntheticSource(rows, **plain | changes)


@pytest.mark.parametrize("cut", ["spherical", "planar"])
@pytest.mark.parametrize("square", [True, False])
def test_inputs_are_what_they_say(rows: list[Row], cut: str, square: bool) -> None:
    batch = source(rows, cut=cut, square=square, empty_masks=2).draw(0, 1)
    assert len(batch.queries) == len(batch.references) == 3
    for picture in (*batch.queries, *batch.references):
        pixels = picture.load()
        assert pixels.shape == (picture.size[1], picture.size[0], 3)
        assert pixels.dtype == np.uint8
        assert len(picture.key) == 64
    assert {picture.size for picture in batch.references} == {SIZE}
    assert [picture.wraps for picture in (*batch.queries, *batch.references)] == [False] * 3 + [
        True
    ] * 3
    assert len({max(picture.size) for picture in batch.queries} & {48, 64}) == 1
    if square:
        assert all(picture.size[0] == picture.size[1] for picture in batch.queries)
    for pair in batch.pairs:
        assert pair.mask is not None
        mask = pair.mask()
        assert mask.shape == (8, 16)
        assert mask.dtype == np.float32
        assert 0 <= mask.min() <= mask.max() <= 1
        assert mask.any() == pair.same
        if not pair.same:
            assert pair.matches is None
            continue
        assert pair.matches is not None
        matches = pair.matches()
        width, height = batch.queries[pair.query].size
        assert matches.shape == (-(-height // 16), -(-width // 16))
        assert matches.dtype == np.int64
        near = mask > 0  # slivers of patches may lie between the points that the mask looks at
        near = near | np.roll(near, 1, 1) | np.roll(near, -1, 1)
        near = near | np.pad(near, ((1, 0), (0, 0)))[:-1] | np.pad(near, ((0, 1), (0, 0)))[1:]
        assert near.flat[matches.ravel()].all()


@given(
    st.sampled_from(["spherical", "planar"]),
    st.integers(60, 140),
    st.booleans(),
    st.integers(0, 2**32),
)
@settings(max_examples=40)
def test_matches_are_of_the_patches_that_the_network_sees(
    kind: Any, size: int, square: bool, seed: int
) -> None:
    """Also of the last ones, which a picture of any size fills only in part."""
    stride, columns, rows = 16, 64, 32
    query = draw_query([], (seed,), kind=kind, size=size, square=square)
    width, height = query.size
    matches = query.matches(columns, rows, stride)
    assert matches.shape == (math.ceil(height / stride), math.ceil(width / stride))
    found = directions(matches, columns, rows)
    fine = columns * 8, rows * 8
    by_pixel = directions(shown_patches(query.camera, (width, height), *fine), *fine)
    half_diagonal = math.hypot(math.pi / columns, math.pi / 2 / rows)
    for row, column in np.ndindex(*matches.shape):
        # A patch's centre lies between four pixels, or on the edge.
        y, x = (min(stride * i + stride // 2, end) for i, end in ((row, height), (column, width)))
        pixels = by_pixel[max(y - 1, 0) : y + 1, max(x - 1, 0) : x + 1].reshape(-1, 3)
        assert np.linalg.norm(pixels - found[row, column], axis=1).min() < half_diagonal + 0.05


def directions(patches: NDArray[np.int64], columns: int, rows: int) -> NDArray[np.float64]:
    """Unit vectors to the centres of a panorama's patches (...): (..., 3)."""
    indices = torch.from_numpy(patches)
    x, y = indices % columns + 0.5, indices // columns + 0.5
    return direction_from_angles(*angles_from_pixel(x, y, columns, rows)).numpy()


def test_a_batch_is_a_pure_function_and_can_be_pickled(rows: list[Row]) -> None:
    one, other = (source(rows, empty_masks=1) for _ in range(2))
    other.draw(1, 0)
    drawn = [one.draw(4, 1), pickle.loads(pickle.dumps(other.draw(4, 1)))]
    for a, b in zip(drawn[0].queries, drawn[1].queries, strict=True):
        assert (a.key, a.size) == (b.key, b.size)
        np.testing.assert_array_equal(a.load(), b.load())
    for first, second in zip(drawn[0].pairs, drawn[1].pairs, strict=True):
        assert (first.query, first.reference, first.same) == (
            second.query,
            second.reference,
            second.same,
        )
        assert first.mask is not None
        assert second.mask is not None
        np.testing.assert_array_equal(first.mask(), second.mask())
        assert (first.matches is None) == (second.matches is None) == (not first.same)
        if first.matches is not None and second.matches is not None:
            np.testing.assert_array_equal(first.matches(), second.matches())
    different = source(rows, seed=6).draw(4, 1)
    assert {p.key for p in different.queries}.isdisjoint(p.key for p in drawn[0].queries)


def test_the_same_key_means_the_same_pixels_and_only_then(rows: list[Row]) -> None:
    seen: dict[str, bytes] = {}
    for cut in ("spherical", "planar"):
        for size in (SIZE, (512, 256)):
            drawing = source(rows, pool=2, cut=cut, panorama_size=size)
            for epoch in range(3):
                batch = drawing.draw(epoch, 0)
                for picture in (*batch.queries, *batch.references):
                    pixels = picture.load().tobytes()
                    assert seen.setdefault(picture.key, pixels) == pixels
    assert len(set(seen.values())) == len(seen)


def test_an_epoch_shows_each_panorama_at_most_once_and_in_another_order(rows: list[Row]) -> None:
    drawing = source(rows)
    assert drawing.batches == 2
    epochs = [
        [p.key for number in range(2) for p in drawing.draw(epoch, number).references]
        for epoch in range(8)
    ]
    assert all(len(set(keys)) == 6 for keys in epochs)
    assert len(set(map(tuple, epochs))) == 8
    assert len({key for keys in epochs for key in keys}) == 8


def test_fewer_panoramas_than_a_batch_are_one_batch(rows: list[Row]) -> None:
    drawing = source([*rows, *rows], batch=64)
    assert drawing.batches == 1
    assert len(drawing.draw(0, 0).references) == 8


@pytest.mark.parametrize(("pool", "different"), [(1, 1), (3, 3), (0, 7)])
def test_a_pool_has_so_many_queries(rows: list[Row], pool: int, different: int) -> None:
    drawing = source(rows[:1], pool=pool, query_sizes=(64,))
    keys = [drawing.draw(epoch, 0).queries[0].key for epoch in range(7)]
    assert len(set(keys)) == different
    if pool:
        assert keys[: 7 - pool] == keys[pool:]


def test_other_panoramas_do_not_change_a_panoramas_queries(rows: list[Row]) -> None:
    def keys(drawing: SyntheticSource) -> set[str]:
        return {picture.key for picture in drawing.draw(2, 0).queries}

    few, many = (source(some, batch=8, query_sizes=(64,)) for some in (rows[3:], rows[::-1]))
    assert keys(few) < keys(many)


def test_empty_masks_are_of_surely_different_places(rows: list[Row]) -> None:
    drawing = source(rows, batch=8, empty_masks=100)
    batch = drawing.draw(0, 0)
    place = {
        batch.references.index(picture): row.place
        for row in rows
        for picture in batch.references
        if picture.key == source([row]).draw(0, 0).references[0].key
    }
    empty = [(pair.query, pair.reference) for pair in batch.pairs if not pair.same]
    assert len(empty) == len(set(empty)) == 8 * 7 - 2
    assert all(place[query] != place[reference] for query, reference in empty)
    drawn = [tuple(source(rows, empty_masks=1).draw(e, 0).pairs[3:]) for e in range(6)]
    assert all(len(pairs) == 1 for pairs in drawn)

    alone = [row for row in rows if row.place == "place 6"]
    assert all(pair.same for pair in source(alone, batch=2, empty_masks=4).draw(0, 0).pairs)
    near = [
        replace(row, panorama_location=Location(50 + 55 * METRE * number, 7))
        for number, row in enumerate(rows[:3])
    ]  # the names differ, but only the ends are more than 60 m apart
    pairs = source(near, batch=3, empty_masks=9).draw(0, 0).pairs
    assert sum(not pair.same for pair in pairs) == 2
    town = [replace(row, place="a long street") for row in near]
    assert all(pair.same for pair in source(town, empty_masks=9).draw(0, 0).pairs)


# Where queries look


def square_building(left: int, width: int = 8) -> NDArray[np.float32]:
    """A building that stands from 0 to 45 degrees above the horizon; 5.6 degrees a column."""
    probability = np.zeros((32, 64), dtype=np.float32)
    probability[8:16, np.arange(left, left + width) % 64] = 0.9
    return probability


@pytest.mark.parametrize("cut", ["spherical", "planar"])
@pytest.mark.parametrize("left", [10, 60])
def test_queries_show_a_building_also_across_the_seam(rows: list[Row], cut: str, left: int) -> None:
    asked: list[Path] = []

    def buildings(path: Path) -> NDArray[np.float32]:
        asked.append(path)
        return square_building(left)

    drawing = source(rows, cut=cut, buildings=buildings, stride=4)
    masks = [
        pair.mask() for epoch in range(6) for pair in drawing.draw(epoch, 0).pairs if pair.mask
    ]
    assert len(asked) == len(set(asked)) <= 8  # each panorama once
    building = square_building(left) > 0.5
    # Of the smaller one of both: a view shows a part of the building, or more than all of it.
    shares = [(mask * building).sum() / min(mask.sum(), building.sum()) for mask in masks]
    assert min(shares) > 0.4
    assert np.mean(shares) > 0.8


def test_without_a_building_queries_look_anywhere_over_the_horizon(rows: list[Row]) -> None:
    empty: Callable[[Path], NDArray[np.float32]] = lambda _: np.zeros((8, 16), np.float32)  # noqa: E731
    for buildings in (empty, None):
        drawing = source(rows, batch=8, buildings=buildings, query_sizes=(64,))
        shown = sum(
            pair.mask() for epoch in range(10) for pair in drawing.draw(epoch, 0).pairs if pair.mask
        )
        assert (shown[3:5] > 0).all()  # type: ignore[index]
        assert shown[:4].sum() > shown[4:].sum()  # type: ignore[index]


@given(
    st.builds(
        Window,
        yaw=st.floats(-180, 180),
        pitch=st.floats(-10, 30),
        width=st.floats(5, 360),
        height=st.floats(5, 90),
    ),
    st.integers(0, 2**32),
)
def test_views_stay_on_their_region(region: Window, seed: int) -> None:
    query = draw_query([region], (seed,), kind="spherical", size=96, square=False)
    assert isinstance(query.camera, View)
    assert query.size == (query.camera.width, query.camera.height)
    off = abs(wrap_degrees(query.camera.yaw - region.yaw))
    assert off <= region.width / 2 + 0.2 * LARGEST_WINDOW[0]
    assert draw_query([region], (seed,), kind="spherical", size=48, square=True) == replace(
        query,
        camera=replace(
            query.camera,
            width=max(1, round(query.camera.width / 2)),
            height=max(1, round(query.camera.height / 2)),
        ),
        size=(48, 48),
    )


def test_large_regions_are_drawn_more_often() -> None:
    large, small = Window(0, 10, 80, 50), Window(180, 10, 20, 20)
    cameras = [
        draw_query([small, large], (seed,), kind="planar", size=64, square=False).camera
        for seed in range(100)
    ]
    ahead = sum(not isinstance(c, View) and abs(c.corners[0][0]) < 90 for c in cameras)
    assert 80 <= ahead < 100


def test_what_cannot_work_is_refused(rows: list[Row], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no panorama"):
        source([])
    with pytest.raises(ValueError, match="patches of 24 pixels"):
        source(rows, stride=24)
    with pytest.raises(NotAnImageError, match="no file"):
        source([replace(rows[0], panorama=tmp_path / "gone.png")]).draw(0, 0)
