import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from placeproof.network.projection import Projection


def random_projection(channels: int, projected: int, hidden: int | None) -> Projection:
    """Random throughout, as after some training."""
    torch.manual_seed(3)
    projection = Projection(channels, projected, hidden)
    for parameter in projection.parameters():
        parameter.data.normal_()
    return projection


def features(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
@settings(max_examples=30)
@given(
    channels=st.integers(1, 9),
    projected=st.integers(1, 9),
    hidden=st.one_of(st.none(), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 5)),
    seed=st.integers(0, 1000),
)
def test_it_is_its_formula_on_every_patch(
    channels: int, projected: int, hidden: int | None, size: tuple[int, int, int], seed: int
) -> None:
    projection = random_projection(channels, projected, hidden)
    maps = features(size[0], channels, *size[1:], seed=seed)
    found = projection(maps)
    assert found.shape == (size[0], projected, *size[1:])
    for picture, row, column in ((0, 0, 0), (size[0] - 1, size[1] - 1, size[2] - 1)):
        patch = maps[picture, :, row, column]
        expected = projection.linear.weight[:, :, 0, 0] @ patch + projection.linear.bias
        if projection.hidden is not None:
            assert projection.added is not None
            unit = patch / patch.norm() * math.sqrt(channels)  # of a mean square of 1
            seen = projection.hidden.weight[:, :, 0, 0] @ unit + projection.hidden.bias
            added = projection.added.weight[:, :, 0, 0] @ seen.clamp_min(0) + projection.added.bias
            expected = expected + added
        torch.testing.assert_close(found[picture, :, row, column], expected, rtol=1e-4, atol=1e-4)


@torch.inference_mode()
def test_hidden_units_begin_by_adding_nothing() -> None:
    torch.manual_seed(0)
    projection, maps = Projection(12, 7, hidden=5), features(2, 12, 4, 5)
    assert torch.equal(projection(maps), projection.linear(maps))


def test_hidden_units_learn_although_they_begin_by_adding_nothing() -> None:
    """What no linear map can tell: whether two channels have the same sign."""
    torch.manual_seed(0)
    projection = Projection(2, 1, hidden=16)
    maps = features(1, 2, 20, 20)
    wanted = (maps[:, 0] * maps[:, 1]).sign()
    optimiser = torch.optim.Adam(projection.parameters(), lr=0.03)
    for _ in range(150):
        optimiser.zero_grad()
        F.mse_loss(projection(maps)[:, 0], wanted).backward()
        optimiser.step()
    with torch.no_grad():
        assert F.mse_loss(projection.linear(maps)[:, 0], wanted) > 0.8
        assert F.mse_loss(projection(maps)[:, 0], wanted) < 0.4


@torch.inference_mode()
@settings(max_examples=20)
@given(exponent=st.integers(-5, 5))
def test_hidden_units_see_directions_whatever_the_extractors_scale(exponent: int) -> None:
    projection, maps = random_projection(12, 7, hidden=5), features(1, 12, 3, 4)
    long = maps * 10.0**exponent
    torch.testing.assert_close(
        projection(long) - projection.linear(long),
        projection(maps) - projection.linear(maps),
        rtol=1e-3,
        atol=1e-5 * max(1.0, 10.0**exponent),
    )


@torch.inference_mode()
def test_patches_do_not_see_one_another() -> None:
    """Training projects single patches, out of their picture."""
    projection, maps = random_projection(12, 7, hidden=5), features(1, 12, 4, 5)
    chosen = torch.tensor([7, 0, 19, 7])
    alone = projection(maps.flatten(2)[..., chosen][:, :, None])
    torch.testing.assert_close(alone[:, :, 0], projection(maps).flatten(2)[..., chosen])


@pytest.mark.parametrize("hidden", [None, 5])
def test_a_patch_without_features_does_no_harm(hidden: int | None) -> None:
    projection = random_projection(12, 7, hidden)
    maps = features(1, 12, 2, 2)
    maps[:, :, 1, 0] = 0
    maps.requires_grad_()
    found = projection(maps)
    found.square().sum().backward()
    assert found.isfinite().all()
    assert maps.grad is not None
    assert maps.grad.isfinite().all()
    assert all(p.grad is not None and p.grad.any() for p in projection.parameters())


def test_a_linear_map_has_no_other_weights() -> None:
    linear = {"linear.weight": (7, 12, 1, 1), "linear.bias": (7,)}
    assert {n: tuple(t.shape) for n, t in Projection(12, 7).state_dict().items()} == linear
    assert {n: tuple(t.shape) for n, t in Projection(12, 7, 5).state_dict().items()} == linear | {
        "hidden.weight": (5, 12, 1, 1),
        "hidden.bias": (5,),
        "added.weight": (7, 5, 1, 1),
        "added.bias": (7,),
    }
