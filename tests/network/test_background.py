from collections import Counter

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from placeproof.network.background import Background


def features(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def drawn(panoramas: list[Tensor], count: int = 50, seed: int = 0) -> Tensor:
    background = Background(count, panoramas[0].shape[0])
    background.draw(panoramas, seed)
    return background.patches


def labelled(number: int, rows: int, columns: int) -> Tensor:
    """A panorama (4, rows, columns) whose patches' directions say where they come from."""
    row, column = torch.meshgrid(torch.arange(rows), torch.arange(columns), indexing="ij")
    return torch.stack((row, column, torch.full_like(row, number), torch.ones_like(row))).float()


def labels(patches: Tensor) -> list[tuple[int, int, int]]:
    """Panorama, row and column of each of (n, 4) patches that come from :func:`labelled`."""
    found = (patches[:, :3] / patches[:, 3:]).round().int()
    return [(number, row, column) for row, column, number in found.tolist()]


# How much a patch looks like any street


@settings(max_examples=40)
@given(
    count=st.integers(1, 9),
    channels=st.integers(1, 6),
    leading=st.sampled_from([(), (1,), (3,), (2, 3)]),
    size=st.tuples(st.integers(1, 4), st.integers(1, 4)),
    seed=st.integers(0, 1000),
)
def test_it_is_the_best_cosine_similarity(
    count: int, channels: int, leading: tuple[int, ...], size: tuple[int, int], seed: int
) -> None:
    background = Background(count, channels)
    background.draw([features(channels, 5, 7, seed=seed)], seed)
    query = features(*leading, channels, *size, seed=seed + 1)
    found = background(query)
    assert found.shape == (*leading, *size)
    patches = background.patches[:, :, None, None]
    each = torch.stack([F.cosine_similarity(query, patch, dim=-3) for patch in patches])
    torch.testing.assert_close(found, each.amax(dim=0))


def test_a_patch_of_the_background_looks_exactly_like_it() -> None:
    background = Background(6, 8)
    background.draw([features(8, 12, 24)], 1)
    found = background(20 * background.patches.T[:, None])
    torch.testing.assert_close(found, torch.ones(1, 6))


def test_nothing_looks_like_a_background_that_was_not_drawn() -> None:
    assert not Background(6, 8)(features(2, 8, 3, 4)).any()


# How it is drawn


def test_patches_come_from_everywhere_but_zenith_and_nadir() -> None:
    # Of 25 rows two are left out above and below, of 12 one, and of 11 none.
    sizes = ((25, 6), (12, 4), (11, 3))
    panoramas = [labelled(number, *size) for number, size in enumerate(sizes)]
    patches = drawn(panoramas, count=6000)
    torch.testing.assert_close(patches.norm(dim=1), torch.ones(6000))
    found = Counter(labels(patches))
    expected = {
        (number, row, column)
        for number, (rows, columns) in enumerate(sizes)
        for row in range(rows // 12, rows - rows // 12)
        for column in range(columns)
    }
    assert set(found) == expected
    # Each patch as likely as any other, however large its panorama: 29.6 of each on average.
    assert min(found.values()) > 8
    assert max(found.values()) < 60


def test_more_patches_than_there_are_may_be_drawn() -> None:
    assert set(labels(drawn([labelled(0, 1, 2)], count=20))) == {(0, 0, 0), (0, 0, 1)}


def test_drawing_is_a_pure_function_of_the_panoramas_and_the_seed() -> None:
    panoramas = [features(8, 12, 24, seed=number) for number in range(3)]
    before = [panorama.clone() for panorama in panoramas]
    torch.manual_seed(1)
    first = drawn(panoramas, seed=5)
    torch.manual_seed(2)
    state = torch.get_rng_state()
    assert torch.equal(drawn(panoramas, seed=5), first)
    assert torch.equal(torch.get_rng_state(), state)  # the trainer's own draws go on as they were
    assert not torch.equal(drawn(panoramas, seed=6), first)
    for panorama, as_it_was in zip(panoramas, before, strict=True):
        assert torch.equal(panorama, as_it_was)


def test_drawing_again_forgets_what_was_drawn() -> None:
    background = Background(50, 8)
    background.draw([features(8, 12, 24)], 0)
    background.draw([features(8, 12, 24, seed=1)], 0)
    assert torch.equal(background.patches, drawn([features(8, 12, 24, seed=1)]))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_features_are_stored_in_single_precision(dtype: torch.dtype) -> None:
    panoramas = [features(8, 12, 24).to(dtype)]
    patches = drawn(panoramas)
    assert patches.dtype == torch.float32
    assert torch.equal(patches, drawn([panoramas[0].float()]))


def test_it_is_stored_but_not_learned() -> None:
    background = Background(5, 8)
    assert {n: tuple(t.shape) for n, t in background.state_dict().items()} == {"patches": (5, 8)}
    assert list(background.parameters()) == []
    background.draw([features(8, 12, 24).requires_grad_()], 0)
    assert not background.patches.requires_grad
    query = features(8, 2, 2).requires_grad_()
    assert background(query).shape == (2, 2)
