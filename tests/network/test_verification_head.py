import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from placeproof.network.verification import Verification


def head() -> Verification:
    """With positive weights, so that no unit is dead."""
    torch.manual_seed(3)
    network = Verification().double()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.abs_()
    return network


def masks(*shape: int, seed: int = 0) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(shape, generator=generator, dtype=torch.float64)


def test_sixteen_four_and_one_units_over_two_means() -> None:
    layers = [m for m in head().modules() if isinstance(m, nn.Linear)]
    assert [(m.in_features, m.out_features) for m in layers] == [(2, 16), (16, 4), (4, 1)]
    assert sum(p.numel() for p in head().parameters()) == 48 + 68 + 5


@settings(max_examples=30)
@given(
    size=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    query_size=st.tuples(st.integers(1, 8), st.integers(1, 8)),
    seed=st.integers(0, 1000),
)
def test_only_the_means_of_the_masks_matter(
    size: tuple[int, int], query_size: tuple[int, int], seed: int
) -> None:
    network = head()
    reference, query = masks(3, *size, seed=seed), masks(3, *query_size, seed=seed + 1)
    logits = network(reference, query)
    assert logits.shape == (3,)
    shuffled = reference.flatten(1)[:, torch.randperm(size[0] * size[1])].reshape(reference.shape)
    flat = query.mean(dim=(1, 2), keepdim=True)
    torch.testing.assert_close(network(shuffled, flat), logits)
    for one in range(3):  # each pair alone
        alone = network(reference[one : one + 1], query[one : one + 1])
        torch.testing.assert_close(alone, logits[one : one + 1])


def test_both_means_matter_and_they_are_told_apart() -> None:
    network = head()
    low, high = torch.full((1, 2, 2), 0.1).double(), torch.full((1, 2, 2), 0.9).double()
    logits = {network(r, q).item() for r in (low, high) for q in (low, high)}
    assert len(logits) == 4


def test_gradients_reach_every_pixel_of_both_masks() -> None:
    reference, query = masks(2, 3, 5).requires_grad_(), masks(2, 4, 2, seed=1).requires_grad_()
    head()(reference, query).sum().backward()
    for mask in (reference, query):
        assert mask.grad is not None
        assert (mask.grad > 0).all()
        assert torch.equal(mask.grad, mask.grad[:, :1, :1].expand_as(mask))
