import pytest
import tiny
import torch

from placeproof.network.bupm import Bupm
from placeproof.training.compared import Compared, Features
from placeproof.training.examples import Pair


@pytest.fixture
def network() -> Bupm:
    made = tiny.network()
    with torch.no_grad():
        made.projection.added.weight.normal_()  # hidden units that say something
    return made


def raw(*shape: int) -> torch.Tensor:
    return torch.rand(tiny.CHANNELS, *shape, generator=torch.Generator().manual_seed(0)) - 0.3


def never() -> torch.Tensor:
    raise AssertionError("made in vain")


def test_patches_are_those_of_the_projected_features(network: Bupm) -> None:
    features = Features(network, lambda: raw(3, 5), projected=False)
    expected = network.projection(raw(3, 5)[None])[0]
    torch.testing.assert_close(features.projected, expected)
    indices = torch.tensor([14, 0, 7, 7])
    by_hand = torch.stack([expected[:, 2, 4], expected[:, 0, 0], *[expected[:, 1, 2]] * 2])
    torch.testing.assert_close(features.patches(indices), by_hand)
    done = Features(network, lambda: expected, projected=True)
    assert torch.equal(done.projected, expected)
    torch.testing.assert_close(done.patches(indices), by_hand)


def test_what_is_known_is_not_computed_again(network: Bupm) -> None:
    reference, query = raw(4, 8), raw(2, 3)
    sides = [Features(network, lambda one=one: one, projected=False) for one in (reference, query)]  # type: ignore[misc]
    asked = Compared(network, Pair(0, 0, True), None, None, *sides)
    unread = Features(network, never, projected=True)
    known = Compared(network, Pair(0, 0, True), None, None, unread, unread, asked.scores)
    assert torch.equal(known.judged.logit, asked.judged.logit)
    whole = network.compare(*(side.projected for side in sides))
    assert torch.equal(asked.judged.reference_mask, whole.reference_mask)
    assert torch.equal(asked.judged.query_mask, whole.query_mask)
