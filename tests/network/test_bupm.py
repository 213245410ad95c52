import pytest
import torch
from torch import Tensor

from placeproof.errors import WeightsError
from placeproof.network.bupm import Bupm
from placeproof.network.matching import match_by_definition
from placeproof.network.projection import Projection

EXTRACTOR = "test_resnet"  # 96 channels at stride 32


def bupm(
    projection: int | None = None, hidden: int | None = None, background: int | None = None
) -> Bupm:
    torch.manual_seed(0)
    network = Bupm(EXTRACTOR, projection, hidden, background).eval()
    if network.background is not None:
        network.background.patches.copy_(torch.randn(network.background.patches.shape))
    return network


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
@pytest.mark.parametrize("sizes", [(None, None, None), (16, None, None), (16, 8, 6)])
def test_it_is_its_boxes_in_the_papers_order(
    wraps: bool, sizes: tuple[int | None, int | None, int | None]
) -> None:
    network = bupm(*sizes)
    reference, query = pictures(2, 3, 64, 128), pictures(2, 3, 64, 64, seed=1)
    found = network(reference, query, wraps=wraps)
    f_r = network.projection(network.extractor(reference, wraps=wraps))
    f_q = network.projection(network.extractor(query, wraps=False))
    assert f_r.shape == (2, sizes[0] or 96, 2, 4)
    background = network.background(f_q) if network.background is not None else None
    matches = match_by_definition(f_r, f_q, background)
    b_r, b_q = matches.reference, matches.query
    m_r, m_q = network.detector(b_r, wraps=wraps), network.detector(b_q, wraps=False)
    expected = network.verification(m_r.sigmoid(), m_q.sigmoid())
    torch.testing.assert_close(found.reference_mask, m_r)
    torch.testing.assert_close(found.query_mask, m_q)
    torch.testing.assert_close(found.logit, expected)
    for got, wanted in zip(found.matches, matches, strict=True):
        torch.testing.assert_close(got, wanted)


@torch.inference_mode()
def test_without_a_projection_features_are_the_extractors() -> None:
    network, photos = bupm(), pictures(1, 3, 64, 96)
    assert torch.equal(
        network.features(photos, wraps=False), network.extractor(photos, wraps=False)
    )
    assert network.background is None
    assert not any(name.startswith(("projection", "background")) for name in network.state_dict())


@torch.inference_mode()
def test_the_projection_makes_of_features_what_is_matched() -> None:
    network, photos = bupm(16, 8), pictures(1, 3, 64, 96)
    assert isinstance(network.projection, Projection)
    assert network.projection.hidden is not None
    features = network.features(photos, wraps=False)
    assert features.shape == (1, 16, 2, 3)
    assert torch.equal(features, network.projection(network.extractor(photos, wraps=False)))


@torch.inference_mode()
@pytest.mark.parametrize("projection", [None, 16])
def test_what_looks_like_the_background_matches_nothing(projection: int | None) -> None:
    network = bupm(projection, background=3)
    assert network.background is not None
    channels = projection or network.extractor.channels
    assert network.background.patches.shape == (3, channels)
    reference, query = pictures(channels, 4, 6), pictures(channels, 2, 2, seed=1)
    query[:, 0, 1] = reference[:, 2, 5] = 7 * network.background.patches[1]
    found = network.match(reference, query)
    assert found.query_index[0, 0, 1] == 2 * 6 + 5
    torch.testing.assert_close(found.similarity[0, 0, 1], torch.tensor(1.0))
    torch.testing.assert_close(found.query[0, 0, 1], torch.tensor(0.0))
    cosine = match_by_definition(reference[None], query).query
    torch.testing.assert_close(found.similarity, cosine)
    torch.testing.assert_close(found.query, cosine - network.background(query))


@torch.inference_mode()
def test_a_decision_is_a_judgement_of_the_matches() -> None:
    network = bupm(8, background=4)
    reference, query = pictures(2, 8, 4, 6), pictures(2, 8, 3, 3, seed=1)
    for wraps in (True, False):
        output = network.compare(reference, query, wraps=wraps)
        matches = network.match(reference, query)
        judgement = network.judge(matches.reference, matches.query, wraps=wraps)
        for got, wanted in zip(output[:3], judgement, strict=True):
            assert torch.equal(got, wanted)
    assert output._fields[:3] == judgement._fields


@torch.inference_mode()
@pytest.mark.parametrize(
    ("references", "queries", "pairs"), [((), (), 1), ((3,), (), 3), ((), (3,), 3), ((3,), (3,), 3)]
)
@pytest.mark.parametrize("background", [None, 5])
def test_one_is_compared_with_each_of_many(
    references: tuple[int, ...], queries: tuple[int, ...], pairs: int, background: int | None
) -> None:
    network = bupm(projection=8, background=background)
    reference, query = pictures(*references, 8, 4, 6), pictures(*queries, 8, 3, 3, seed=1)
    output = network.compare(reference, query)
    assert output.logit.shape == (pairs,)
    for pair in range(pairs):
        alone = network.compare(
            reference[pair] if references else reference, query[pair] if queries else query
        )
        torch.testing.assert_close(alone.logit[0], output.logit[pair])
        torch.testing.assert_close(alone.query_mask[0], output.query_mask[pair])
        torch.testing.assert_close(alone.matches.similarity[0], output.matches.similarity[pair])


def test_gradients_reach_every_weight() -> None:
    network = bupm(projection=8, hidden=4, background=5).train()
    assert isinstance(network.projection, Projection)
    assert network.projection.added is not None
    with torch.no_grad():
        for parameter in network.verification.parameters():
            parameter.abs_()  # no dead unit
        network.projection.added.weight.normal_()
    network(pictures(2, 3, 64, 128), pictures(2, 3, 64, 64, seed=1)).logit.sum().backward()
    missing = [name for name, p in network.named_parameters() if p.grad is None]
    assert missing == []
    for part in (
        network.extractor,
        *network.projection.children(),
        network.detector,
        network.verification,
    ):
        assert any(p.grad is not None and p.grad.any() for p in part.parameters())


@torch.inference_mode()
def test_the_same_input_gives_the_same_bits_also_while_training() -> None:
    network = bupm(projection=8, hidden=4, background=5)
    reference, query = pictures(1, 3, 64, 128), pictures(1, 3, 64, 64, seed=1)
    first, second = network(reference, query), network.train()(reference, query)
    assert torch.equal(first.logit, second.logit)
    assert torch.equal(first.reference_mask, second.reference_mask)


def test_an_unknown_extractor_is_an_error_of_the_weights() -> None:
    with pytest.raises(WeightsError, match="'nonsense'"):
        Bupm("nonsense")
