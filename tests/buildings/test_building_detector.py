import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from placeproof.buildings.detector import LEAST_SHARE, building_regions, building_share
from placeproof.geometry import WrappedBox

maps = st.tuples(st.integers(1, 12), st.integers(1, 16)).flatmap(
    lambda shape: arrays(np.float32, shape, elements=st.sampled_from([0.0, 0.25, 0.5, 1.0]))
)


def buildings(*spots: tuple[slice, slice], shape: tuple[int, int] = (20, 40)) -> NDArray:
    probability = np.zeros(shape, dtype=np.float32)
    for spot in spots:
        probability[spot] = 0.9
    return probability


def test_what_is_as_likely_as_not_counts() -> None:
    assert building_share(np.array([[0.5, 0.49], [1.0, 0.0]], dtype=np.float32)) == 0.5


def test_regions_come_largest_first_with_their_boxes() -> None:
    probability = buildings((slice(3, 6), slice(2, 7)), (slice(10, 18), slice(20, 30)))
    large, small = building_regions(probability)
    assert large.box == WrappedBox(left=20, top=10, width=10, height=8)
    assert small.box == WrappedBox(left=2, top=3, width=5, height=3)
    assert (large.share, small.share) == (80 / 800, 15 / 800)


def test_a_region_across_the_seam_is_one_in_a_panorama_and_two_in_a_photo() -> None:
    probability = buildings((slice(5, 9), slice(36, 40)), (slice(9, 12), slice(0, 3)))
    (across,) = building_regions(probability)
    assert across.box == WrappedBox(left=36, top=5, width=7, height=7), "they touch at a corner"
    parts = building_regions(probability, wraps=False)
    assert [part.box.left for part in parts] == [36, 0]


@pytest.mark.parametrize(("least_share", "count"), [(0.0, 2), (0.01, 2), (0.011, 1), (0.2, 0)])
def test_small_regions_are_left_out(least_share: float, count: int) -> None:
    probability = buildings((slice(0, 2), slice(0, 4)), (slice(10, 14), slice(10, 20)))
    assert len(building_regions(probability, least_share=least_share)) == count


def test_specks_are_left_out_if_nothing_else_is_said() -> None:
    probability = np.zeros((100, 200), dtype=np.float32)
    probability[50, 50] = 1.0
    assert building_regions(probability) == []
    assert 1 / 20000 < LEAST_SHARE < 0.01


@given(maps, st.booleans())
def test_regions_hold_every_building_once(probability: NDArray[np.float32], wraps: bool) -> None:
    regions = building_regions(probability, wraps=wraps, least_share=0.0)
    assert sum(region.share for region in regions) == pytest.approx(building_share(probability))
    assert [r.share for r in regions] == sorted((r.share for r in regions), reverse=True)
    boxed = np.zeros(probability.shape, dtype=bool)
    for region in regions:
        box = region.box
        assert box.width * box.height >= round(region.share * probability.size)
        for start, stop in box.spans(probability.shape[1]):
            boxed[box.top : box.top + box.height, start:stop] = True
    assert boxed[probability >= 0.5].all()


@given(maps, st.integers(-20, 20))
def test_the_seam_may_be_anywhere(probability: NDArray[np.float32], turn: int) -> None:
    def sizes(p: NDArray[np.float32]) -> list[tuple[float, int, int]]:
        return sorted(
            (r.share, r.box.top, r.box.height) for r in building_regions(p, least_share=0.0)
        )

    assert sizes(np.roll(probability, turn, axis=1)) == sizes(probability)
