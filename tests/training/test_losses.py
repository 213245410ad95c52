import math
from functools import partial

import pytest
import tiny
import torch
from torch import Tensor
from torch.nn import functional as F

from placeproof.network.bupm import Bupm
from placeproof.training.compared import Compared, Features
from placeproof.training.examples import Pair
from placeproof.training.losses import LOSSES, MARGIN, NEAR, TEMPERATURE

PARTS = ("extractor", "projection", "detector", "verification")


@pytest.fixture
def network() -> Bupm:
    return tiny.network().eval()


def compared(
    network: Bupm,
    same: bool,
    mask: Tensor | None,
    seed: int = 0,
    shown: Tensor | None = None,
) -> Compared:
    random = torch.Generator().manual_seed(seed)
    images = (torch.rand(1, 3, *size, generator=random) for size in ((128, 256), (64, 64)))
    raw = [network.extractor(image, wraps=False)[0] for image in images]
    reference, query = (Features(network, partial(_same, r), projected=False) for r in raw)
    pair = Pair(
        0, 0, same, mask if mask is None else mask.numpy, shown if shown is None else shown.numpy
    )
    return Compared(network, pair, mask, shown, reference, query)


def _same(tensor: Tensor) -> Tensor:
    return tensor


def test_the_mask_loss_is_the_log_loss_of_every_patch(network: Bupm) -> None:
    mask = (torch.rand(4, 8) > 0.5).float()
    one = compared(network, True, mask)
    probability = one.judged.reference_mask[0].sigmoid()
    expected = -(mask * probability.log() + (1 - mask) * (1 - probability).log()).mean()
    torch.testing.assert_close(LOSSES["mask"].function([one]), expected)


def test_pairs_without_a_mask_do_not_count(network: Bupm) -> None:
    known, unknown = compared(network, True, torch.ones(4, 8)), compared(network, False, None, 1)
    loss = LOSSES["mask"]
    assert torch.equal(loss.function([known, unknown]), loss.function([known]))
    assert [loss.counts(one.pair) for one in (known, unknown)] == [True, False]
    nothing = loss.function([unknown])
    nothing.backward()
    assert nothing == 0


def test_the_query_mask_is_not_supervised(network: Bupm) -> None:
    one = compared(network, True, torch.ones(4, 8))
    one.judged.query_mask.retain_grad()
    LOSSES["mask"].function([one]).backward()
    assert one.judged.query_mask.grad is None


def test_the_decision_loss_is_the_cross_entropy(network: Bupm) -> None:
    pairs = [compared(network, True, None, 1), compared(network, False, None, 2)]
    yes, no = (one.judged.logit[0] for one in pairs)
    expected = (F.softplus(-yes) + F.softplus(no)) / 2
    torch.testing.assert_close(LOSSES["decision"].function(pairs), expected)


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_reaches_the_parts_that_it_says(name: str, network: Bupm) -> None:
    shown = torch.arange(4).reshape(2, 2) + 8
    loss = LOSSES[name].function([compared(network, True, torch.ones(4, 8), shown=shown)])
    loss.backward()
    reached = {
        part
        for part in PARTS
        if any(p.grad is not None for p in getattr(network, part).parameters())
    }
    assert reached == LOSSES[name].reaches


def seen(
    network: Bupm, reference: Tensor, query: Tensor, shown: list[list[int]] | None
) -> Compared:
    """A pair of features as they are compared."""
    sides = (Features(network, partial(_same, side), projected=True) for side in (reference, query))
    targets = None if shown is None else torch.tensor(shown)
    pair = Pair(0, 0, shown is not None, None, None if targets is None else targets.numpy)
    return Compared(network, pair, None, targets, *sides)


def patch(features: Tensor, row: int, column: int) -> Tensor:
    vector = features[:, row, column % features.shape[2]].double()
    return vector / vector.norm()


def rows_in_use(reference: Tensor) -> range:
    height = reference.shape[1]
    return range(height // MARGIN, height - height // MARGIN)


def by_definition(pairs: list[tuple[Tensor, Tensor, list[list[int]] | None]]) -> float:
    """The correspondence loss with every usable patch, slowly and literally."""
    known = [(r, q, s) for r, q, s in pairs if s is not None]
    means = []
    for reference, query, shown in known:
        height, width = reference.shape[1:]
        losses = []
        for i, targets in enumerate(shown):
            for j, target in enumerate(targets):
                row, column = divmod(target, width)
                if target < 0 or row not in rows_in_use(reference):
                    continue
                asked = patch(query, i, j)
                positive = max(
                    float(asked @ patch(reference, y, column + right))
                    for y in (max(row - 1, 0), row, min(row + 1, height - 1))
                    for right in (-1, 0, 1)
                )
                similar = [positive]
                for other, _, _ in known:
                    for y in rows_in_use(other):
                        for x in range(other.shape[2]):
                            apart = (x - column) % width
                            aside = min(apart, width - apart)
                            if other is reference and max(abs(y - row), aside) <= NEAR:
                                continue
                            similar.append(float(asked @ patch(other, y, x)))
                exponentials = sum(math.exp(each / TEMPERATURE) for each in similar)
                losses.append(math.log(exponentials) - positive / TEMPERATURE)
        if losses:
            means.append(sum(losses) / len(losses))
    return sum(means) / len(means)


@pytest.fixture
def all_patches(monkeypatch: pytest.MonkeyPatch) -> None:
    """All patches that may be drawn are, each once."""
    monkeypatch.setattr(torch, "randint", lambda low, high, _shape: torch.arange(low, high))
    monkeypatch.setattr("placeproof.training.losses.QUERY_PATCHES", 10**6)


@pytest.mark.usefixtures("all_patches")
@pytest.mark.parametrize("seed", range(3))
def test_the_correspondence_loss_is_its_definition(network: Bupm, seed: int) -> None:
    random = torch.Generator().manual_seed(seed)

    def features(height: int, width: int) -> Tensor:
        return torch.randn(5, height, width, generator=random)

    # 24 rows have a margin of two, 12 of one; 11 have none.
    width = 16
    inside = torch.randperm(24 * width, generator=random)[:12].reshape(4, 3).tolist()
    edges = [
        [2 * width, 2 * width - 1, 21 * width + 15],  # the first row in use, none, the last
        [22 * width + 3, -1, 7 * width],  # none, unknown, beside the seam
    ]
    corner = [[0, 10], [11 * 10 - 1, 5 * 10 + 9], [-1, 35]]
    pairs = [
        (features(24, width), features(4, 3), inside),
        (features(24, width), features(2, 3), edges),
        (features(11, 10), features(3, 2), corner),  # with rows and columns that do not exist
        (features(12, 9), features(1, 2), [[-1, 3]]),  # shows nothing; its patches are others'
        (features(24, width), features(2, 2), None),
    ]
    ours = LOSSES["correspondence"].function([seen(network, *pair) for pair in pairs])
    assert float(ours) == pytest.approx(by_definition(pairs), rel=1e-5)


def test_few_patches_are_drawn_of_each_picture(network: Bupm) -> None:
    random = torch.Generator().manual_seed(0)
    pair = (
        torch.randn(5, 24, 16, generator=random),
        torch.randn(5, 9, 9, generator=random),
        (torch.arange(81).reshape(9, 9) + 100).tolist(),
    )

    def loss(seed: int) -> float:
        torch.manual_seed(seed)
        return float(LOSSES["correspondence"].function([seen(network, *pair)]))

    assert loss(0) == loss(0) != loss(1)
    # Of many draws, the mean is that of all query patches, and of 1024 out of 320 places.
    found = sum(map(loss, range(60))) / 60
    assert found == pytest.approx(by_definition([pair]) + math.log(1024 / 320), abs=0.1)


@pytest.mark.parametrize("shown", [None, [[-1, 0]]])
def test_where_nothing_is_known_there_is_nothing_to_learn(
    shown: list[list[int]] | None, network: Bupm
) -> None:
    reference = torch.randn(5, 24, 16).requires_grad_()  # its first row is the zenith
    query = torch.randn(5, 1, 2).requires_grad_()
    one = seen(network, reference, query, shown)
    loss = LOSSES["correspondence"].function([one])
    loss.backward()
    assert loss == 0
    assert query.grad is not None
    assert not query.grad.any()
    assert LOSSES["correspondence"].counts(one.pair) == (shown is not None)
