import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from placeproof.network.masks import MaskDetector

SIDES = st.integers(1, 12)


def detector() -> MaskDetector:
    torch.manual_seed(0)
    return MaskDetector()


def scores(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def test_three_parallel_kernels_of_four_filters_and_a_join_without_pooling() -> None:
    network = detector()
    convolutions = [m for m in network.modules() if isinstance(m, nn.Conv2d)]
    assert [(m.kernel_size, m.in_channels, m.out_channels) for m in convolutions] == [
        ((1, 1), 1, 4),
        ((3, 3), 1, 4),
        ((5, 5), 1, 4),
        ((1, 1), 12, 1),
    ]
    assert all(m.stride == (1, 1) for m in convolutions)
    assert sum(p.numel() for p in network.parameters()) == (4 + 36 + 100 + 3 * 4) + (12 + 1)
    pooling = (nn.MaxPool2d, nn.AvgPool2d, nn.AdaptiveAvgPool2d, nn.AdaptiveMaxPool2d)
    assert not any(isinstance(m, pooling) for m in network.modules())


@settings(max_examples=30)
@given(batch=st.integers(1, 3), height=SIDES, width=SIDES)
def test_a_mask_has_the_size_of_its_scores_and_batches_do_not_mix(
    batch: int, height: int, width: int
) -> None:
    network, b = detector(), scores(batch, height, width)
    for wraps in (False, True):
        masks = network(b, wraps=wraps)
        assert masks.shape == (batch, height, width)
        for one, mask in zip(b, masks, strict=True):
            torch.testing.assert_close(network(one[None], wraps=wraps)[0], mask)


@settings(max_examples=30)
@given(height=SIDES, width=SIDES, columns=st.integers(-20, 20))
def test_a_panorama_has_no_seam(height: int, width: int, columns: int) -> None:
    network, b = detector(), scores(1, height, width)
    # In double precision, so that what is left is geometry: the order of additions may differ.
    network, b = network.double(), b.double()
    rolled = network(b.roll(columns, dims=2), wraps=True)
    torch.testing.assert_close(
        rolled, network(b, wraps=True).roll(columns, dims=2), rtol=0, atol=1e-14
    )


def test_a_photo_has_edges_and_so_have_the_poles() -> None:
    network, b = detector(), scores(1, 6, 9)
    lit = b.clone()
    lit[:, :, 0] += 1
    changed = (network(lit, wraps=False) - network(b, wraps=False)).abs().amax(dim=(0, 1)) > 0
    assert changed.tolist() == [True] * 3 + [False] * 6
    changed = (network(lit, wraps=True) - network(b, wraps=True)).abs().amax(dim=(0, 1)) > 0
    assert changed.tolist() == [True] * 3 + [False] * 4 + [True] * 2
    lit = b.clone()
    lit[:, 0] += 1
    for wraps in (False, True):
        changed = (network(lit, wraps=wraps) - network(b, wraps=wraps)).abs().amax(dim=(0, 2)) > 0
        assert changed.tolist() == [True] * 3 + [False] * 3


def test_an_even_score_gives_an_even_mask_up_to_the_edges() -> None:
    network = detector()
    for wraps in (False, True):
        mask = network(torch.full((1, 5, 7), 0.7), wraps=wraps)
        torch.testing.assert_close(mask, mask[:, :1, :1].expand(1, 5, 7))


def test_the_mask_can_be_learned() -> None:
    torch.manual_seed(1)
    network, b = MaskDetector(), scores(4, 8, 16)
    truth = (b > 0.5).float()
    optimizer = torch.optim.Adam(network.parameters(), lr=0.05)
    for _ in range(150):
        loss = nn.functional.binary_cross_entropy_with_logits(network(b, wraps=True), truth)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    accuracy = ((network(b, wraps=True) > 0) == (truth > 0)).float().mean()
    assert accuracy > 0.9
