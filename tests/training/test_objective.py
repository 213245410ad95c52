from collections.abc import Callable
from dataclasses import replace

import pytest
import tiny
import torch
from torch import Tensor, nn

from placeproof.network.bupm import Bupm
from placeproof.network.matching import Matches
from placeproof.training.distributed import Processes
from placeproof.training.examples import Batch
from placeproof.training.features import Extraction, FrozenExtraction, Memory, TrainedExtraction
from placeproof.training.loader import load_batch
from placeproof.training.losses import LOSSES
from placeproof.training.objective import Objective

BATCH = tiny.Source(0, range(8)).draw(0, 0)  # five pairs; queries of three shapes
Matched = list[tuple[tuple[int, ...], tuple[int, ...]]]  # shapes of what was matched


@pytest.fixture
def network() -> Bupm:
    made = tiny.network().requires_grad_(False)
    assert made.background is not None
    made.background.patches.normal_(generator=torch.Generator().manual_seed(1))
    return made


@pytest.fixture
def matched(monkeypatch: pytest.MonkeyPatch) -> Matched:
    """Fills as pairs are matched."""
    seen: Matched = []
    original: Callable[..., Matches] = Bupm.match

    def match(network: Bupm, reference: Tensor, query: Tensor, to_beat: Tensor) -> Matches:
        seen.append((tuple(reference.shape[1:]), tuple(query.shape[1:])))
        return original(network, reference, query, to_beat)

    monkeypatch.setattr(Bupm, "match", match)
    return seen


def projecting(network: Bupm) -> FrozenExtraction:
    return FrozenExtraction(network.extractor, Memory(2**24), None, projection=network.projection)


@torch.no_grad()
def change(part: nn.Module) -> None:
    random = torch.Generator().manual_seed(2)
    for parameter in part.parameters():
        parameter.add_(0.1 * torch.rand(parameter.shape, generator=random))


def step(
    name: str, network: Bupm, extraction: Extraction, memory: Memory, batch: Batch = BATCH
) -> tuple[Tensor, list[Tensor]]:
    """A batch's loss, and the gradient of all that is trained."""
    network.zero_grad()
    objective: nn.Module = Objective(network, LOSSES[name], extraction, memory)
    torch.manual_seed(0)
    loss = objective(load_batch(batch, extraction, Processes()))
    loss.backward()
    return loss.detach(), [p.grad.clone() for p in network.parameters() if p.grad is not None]


def assert_equal(one: tuple[Tensor, list[Tensor]], other: tuple[Tensor, list[Tensor]]) -> None:
    assert torch.equal(one[0], other[0])
    assert len(one[1]) == len(other[1]) > 0
    assert all(torch.equal(mine, yours) for mine, yours in zip(one[1], other[1], strict=True))


@pytest.mark.parametrize(
    ("name", "part", "counting"), [("mask", "detector", 3), ("decision", "verification", 5)]
)
def test_a_pair_is_matched_once_where_features_are_frozen(
    name: str, part: str, counting: int, network: Bupm, matched: Matched
) -> None:
    getattr(network, part).requires_grad_(True)
    extraction, memory = projecting(network), Memory(2**24)
    first = step(name, network, extraction, memory)
    assert len(matched) == counting  # without a mask there is no mask loss, and no need to match
    assert all(reference == (4, 8) for reference, _ in matched)
    assert {(2, 2), (3, 2)} <= {query for _, query in matched}
    assert_equal(step(name, network, extraction, memory), first)
    assert len(matched) == counting
    change(getattr(network, part))
    remembered = step(name, network, extraction, memory)
    assert len(matched) == counting
    assert not torch.equal(remembered[0], first[0])
    assert_equal(step(name, network, extraction, Memory(0)), remembered)
    assert len(matched) == 2 * counting


def test_a_new_pair_of_old_pictures_is_matched(network: Bupm, matched: Matched) -> None:
    network.verification.requires_grad_(True)
    extraction, memory = projecting(network), Memory(2**24)
    step("decision", network, extraction, memory)
    # One pair is known, of the other only the pictures are.
    pairs = (BATCH.pairs[0], replace(BATCH.pairs[0], reference=1))
    batch = replace(BATCH, pairs=pairs)
    del matched[:]
    found = step("decision", network, extraction, memory, batch)
    assert matched == [((4, 8), (2, 2))]
    assert_equal(step("decision", network, extraction, Memory(0), batch), found)


def test_a_query_meets_the_background_once_where_features_are_frozen(
    network: Bupm, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Tensor] = []
    original = Bupm.to_beat

    def to_beat(network: Bupm, query: Tensor) -> Tensor:
        seen.append(query)
        return original(network, query)

    monkeypatch.setattr(Bupm, "to_beat", to_beat)
    network.verification.requires_grad_(True)
    extraction, memory = projecting(network), Memory(2**24)
    step("decision", network, extraction, memory)
    assert len(seen) == len({pair.query for pair in BATCH.pairs})
    pairs = (replace(BATCH.pairs[0], reference=1),)  # a new pair of an old query
    step("decision", network, extraction, memory, replace(BATCH, pairs=pairs))
    assert len(seen) == len({pair.query for pair in BATCH.pairs})


@pytest.mark.parametrize("part", ["projection", "extractor"])
def test_nothing_is_remembered_of_features_that_change(
    part: str, network: Bupm, matched: Matched
) -> None:
    getattr(network, part).requires_grad_(True)
    frozen = FrozenExtraction(network.extractor, Memory(2**24), None)
    extraction = TrainedExtraction(network.extractor) if part == "extractor" else frozen
    memory = Memory(2**24)
    before = step("mask", network, extraction, memory)
    change(getattr(network, part))
    after = step("mask", network, extraction, memory)
    assert len(matched) == 2 * 3
    assert not torch.equal(after[0], before[0])
    assert_equal(step("mask", network, extraction, Memory(0)), after)


def test_finding_patches_takes_no_matching(network: Bupm, matched: Matched) -> None:
    network.projection.requires_grad_(True)
    extraction = FrozenExtraction(network.extractor, Memory(2**24), None)
    loss, gradients = step("correspondence", network, extraction, Memory(2**24))
    assert loss > 0
    assert gradients
    assert matched == []


def test_pictures_of_pairs_that_do_not_count_are_not_looked_at(network: Bupm) -> None:
    class Looked(TrainedExtraction):
        def features(self, pictures, fetched):  # type: ignore[no-untyped-def]
            seen.extend(pictures)
            return super().features(pictures, fetched)

    seen: list[object] = []
    network.extractor.requires_grad_(True)
    extraction = Looked(network.extractor)
    step("mask", network, extraction, Memory(0))
    # The pairs with a mask are those of queries 0, 2 and 3; panoramas 0, 3 and 2.
    wanted = [*(BATCH.references[i] for i in (0, 2, 3)), *(BATCH.queries[i] for i in (0, 2, 3))]
    assert seen == wanted
    step("correspondence", network, extraction, Memory(0))
    pairs = [pair for pair in BATCH.pairs if pair.matches is not None]
    assert len(seen) == len(wanted) + 2 * len(pairs)
    unknown = replace(BATCH, pairs=(replace(BATCH.pairs[1], mask=None),))
    loss, gradients = step("mask", network, extraction, Memory(0), unknown)
    assert loss == 0
    assert all(not gradient.any() for gradient in gradients)
