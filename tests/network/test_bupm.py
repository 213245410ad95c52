import pytest
import torch
from torch import Tensor, nn

from placeproof.errors import WeightsError
from placeproof.network.bupm import Bupm
from placeproof.network.matching import match_by_definition

EXTRACTOR = "test_resnet"  # 96 channels at stride 32


def bupm(projection: int | None = None) -> Bupm:
    torch.manual_seed(0)
    return Bupm(EXTRACTOR, projection).eval()


def pictures(*shape: int, seed: int = 0) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


@torch.inference_mode()
def test_pictures_in_and_masks_matches_and_a_decision_out() -> None:
    output = bupm()(pictures(2, 3, 64, 128), pictures(2, 3, 65, 96, seed=1))
    assert output.logit.shape == (2,)
    assert output.reference_mask.shape == output.matches.reference.shape == (2, 2, 4)
    assert output.query_mask.shape == output.matches.query.shape == (2, 3, 3)
    assert all(part.isfinite().all() for part in (*output[:3], *output.matches))


@torch.inference_mode()
@pytest.mark.parametrize("wraps", [True, False])
def test_it_is_its_boxes_in_the_papers_order(wraps: bool) -> None:
    network = bupm(projection=16)
    reference, query = pictures(2, 3, 64, 128), pictures(2, 3, 64, 64, seed=1)
    found = network(reference, query, wraps=wraps)
    assert isinstance(network.projection, nn.Conv2d)
    f_r = network.projection(network.extractor(reference, wraps=wraps))
    f_q = network.projection(network.extractor(query, wraps=False))
    assert f_r.shape == (2, 16, 2, 4)
    b_r, b_q, index_r, index_q = match_by_definition(f_r, f_q)
    m_r, m_q = network.detector(b_r, wraps=wraps), network.detector(b_q, wraps=False)
    expected = network.verification(m_r.sigmoid(), m_q.sigmoid())
    torch.testing.assert_close(found.reference_mask, m_r)
    torch.testing.assert_close(found.query_mask, m_q)
    torch.testing.assert_close(found.logit, expected)
    assert torch.equal(found.matches.reference_index, index_r)
    assert torch.equal(found.matches.query_index, index_q)


@torch.inference_mode()
def test_without_a_projection_features_are_the_extractors() -> None:
    network, photos = bupm(), pictures(1, 3, 64, 96)
    assert torch.equal(
        network.features(photos, wraps=False), network.extractor(photos, wraps=False)
    )
    assert not any(name.startswith("projection") for name in network.state_dict())


@torch.inference_mode()
@pytest.mark.parametrize(
    ("references", "queries", "pairs"), [((), (), 1), ((3,), (), 3), ((), (3,), 3), ((3,), (3,), 3)]
)
def test_one_is_compared_with_each_of_many(
    references: tuple[int, ...], queries: tuple[int, ...], pairs: int
) -> None:
    network = bupm()
    reference, query = pictures(*references, 8, 4, 6), pictures(*queries, 8, 3, 3, seed=1)
    output = network.compare(reference, query)
    assert output.logit.shape == (pairs,)
    for pair in range(pairs):
        alone = network.compare(
            reference[pair] if references else reference, query[pair] if queries else query
        )
        torch.testing.assert_close(alone.logit[0], output.logit[pair])
        torch.testing.assert_close(alone.query_mask[0], output.query_mask[pair])


def test_gradients_reach_every_weight() -> None:
    network = bupm(projection=8).train()
    with torch.no_grad():
        for parameter in network.verification.parameters():
            parameter.abs_()  # no dead unit
    network(pictures(2, 3, 64, 128), pictures(2, 3, 64, 64, seed=1)).logit.sum().backward()
    missing = [name for name, p in network.named_parameters() if p.grad is None]
    assert missing == []
    for part in (network.extractor, network.projection, network.detector, network.verification):
        assert any(p.grad is not None and p.grad.any() for p in part.parameters())


@torch.inference_mode()
def test_the_same_input_gives_the_same_bits_also_while_training() -> None:
    network = bupm(projection=8)
    reference, query = pictures(1, 3, 64, 128), pictures(1, 3, 64, 64, seed=1)
    first, second = network(reference, query), network.train()(reference, query)
    assert torch.equal(first.logit, second.logit)
    assert torch.equal(first.reference_mask, second.reference_mask)


def test_an_unknown_extractor_is_an_error_of_the_weights() -> None:
    with pytest.raises(WeightsError, match="'nonsense'"):
        Bupm("nonsense")
