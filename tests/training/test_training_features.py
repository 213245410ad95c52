from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from placeproof.errors import TrainingError
from placeproof.network.features import FeatureExtractor
from placeproof.network.projection import Projection
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.training.examples import Input
from placeproof.training.features import (
    CHUNK_PIXELS,
    Extraction,
    FrozenExtraction,
    Memory,
    TrainedExtraction,
    to_network,
)

PICTURES = [tiny.panorama(0), tiny.query(0, 2, (64, 64)), tiny.query(1, 3, (96, 64))]


@pytest.fixture
def extractor() -> FeatureExtractor:
    torch.manual_seed(0)
    return FeatureExtractor(tiny.EXTRACTOR)


def extract(extraction: Extraction, pictures: list[Input]) -> list[torch.Tensor]:
    return extraction.features(pictures, [extraction.fetch(picture) for picture in pictures])


def expected(extractor: FeatureExtractor, picture: Input) -> torch.Tensor:
    pixels = torch.from_numpy(picture.load())[None]
    features = extractor(to_network(pixels, torch.device("cpu")), wraps=picture.wraps)[0]
    assert isinstance(features, torch.Tensor)
    return features


def unreadable(picture: Input) -> Input:
    def load() -> np.ndarray:  # type: ignore[type-arg]
        raise AssertionError("looked at again")

    return replace(picture, load=load)


def test_frozen_features_are_the_extractors_in_half_precision(
    extractor: FeatureExtractor, tmp_path: Path
) -> None:
    extraction = FrozenExtraction(extractor, Memory(2**20), FeatureCache(tmp_path))
    for picture, features in zip(PICTURES, extract(extraction, PICTURES), strict=True):
        assert torch.equal(features, expected(extractor, picture).half().float())
        assert not features.requires_grad


def test_wherever_features_come_from_they_lie_alike(
    extractor: FeatureExtractor, tmp_path: Path
) -> None:
    # The last bits of a projection and of matches depend on it.
    cache = FeatureCache(tmp_path)
    cold, made, read = (
        extract(FrozenExtraction(extractor, Memory(0), each), PICTURES)
        for each in (None, cache, cache)
    )
    for features in zip(cold, made, read, strict=True):
        assert len({each.stride() for each in features}) == 1


@pytest.mark.parametrize("where", ["memory", "disk"])
def test_a_picture_is_looked_at_once(
    where: str, extractor: FeatureExtractor, tmp_path: Path
) -> None:
    memory = Memory(2**20 if where == "memory" else 0)
    cache = FeatureCache(tmp_path) if where == "disk" else None
    first = extract(FrozenExtraction(extractor, memory, cache), PICTURES)
    again = extract(FrozenExtraction(extractor, memory, cache), [*map(unreadable, PICTURES)])
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


def test_other_weights_have_features_of_their_own(
    extractor: FeatureExtractor, tmp_path: Path
) -> None:
    memory, cache = Memory(2**20), FeatureCache(tmp_path)
    first = extract(FrozenExtraction(extractor, memory, cache), PICTURES)
    with torch.no_grad():
        next(extractor.parameters()).mul_(1.5)
    second = extract(FrozenExtraction(extractor, memory, cache), PICTURES)
    assert not torch.equal(first[0], second[0])


def test_queries_that_never_come_again_are_not_kept(
    extractor: FeatureExtractor, tmp_path: Path
) -> None:
    extraction = FrozenExtraction(
        extractor, Memory(2**20), FeatureCache(tmp_path), store_queries=False
    )
    kept = extract(FrozenExtraction(extractor, Memory(0), None), PICTURES)
    found = extract(extraction, PICTURES)
    assert all(torch.equal(one, other) for one, other in zip(kept, found, strict=True))
    assert len([*tmp_path.rglob("*.safetensors")]) == 1
    assert extraction.fetch(PICTURES[0]).dtype == torch.float16
    assert extraction.fetch(PICTURES[1]).dtype == torch.uint8


def test_what_an_earlier_batch_made_is_not_made_again(extractor: FeatureExtractor) -> None:
    extraction = FrozenExtraction(extractor, Memory(2**20), None)
    ahead = [extraction.fetch(picture) for picture in PICTURES]
    first = extraction.features(PICTURES, ahead)
    with torch.no_grad():
        next(extractor.parameters()).mul_(2)  # a second look would now see something else
    again = extraction.features(PICTURES, ahead)
    assert all(torch.equal(one, other) for one, other in zip(first, again, strict=True))


@pytest.fixture
def projection() -> Projection:
    torch.manual_seed(1)
    made = Projection(tiny.CHANNELS, 8, 4)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.normal_()
    return made


def projected(extractor: FeatureExtractor, projection: Projection, picture: Input) -> torch.Tensor:
    raw = expected(extractor, picture).half().contiguous().float()
    return projection(raw[None])[0].detach().half().float()


def assert_equal(one: list[torch.Tensor], other: list[torch.Tensor]) -> None:
    assert len(one) == len(other)
    assert all(torch.equal(mine, yours) for mine, yours in zip(one, other, strict=True))


@pytest.mark.parametrize("where", ["nowhere", "memory", "disk"])
def test_projected_features_are_of_the_rounded_raw_ones(
    where: str, extractor: FeatureExtractor, projection: Projection, tmp_path: Path
) -> None:
    memory, cache = Memory(2**20 if where == "memory" else 0), FeatureCache(tmp_path)
    wanted = [projected(extractor, projection, picture) for picture in PICTURES]
    kept = cache if where == "disk" else None
    raw = FrozenExtraction(extractor, memory, kept)
    assert not raw.projects
    first = extract(raw, PICTURES)
    extraction = FrozenExtraction(extractor, memory, kept, projection=projection)
    assert extraction.projects
    found = extract(extraction, PICTURES)
    assert_equal(found, wanted)
    assert not any(features.requires_grad for features in found)
    if where != "nowhere":
        assert_equal(extract(extraction, [*map(unreadable, PICTURES)]), wanted)
        # The disk has raw features, and the memory both.
        assert_equal(extract(raw, [*map(unreadable, PICTURES)]), first)


def test_a_changed_projection_never_yields_old_features(
    extractor: FeatureExtractor, projection: Projection, tmp_path: Path
) -> None:
    memory, cache = Memory(2**20), FeatureCache(tmp_path)
    before = extract(FrozenExtraction(extractor, memory, cache, projection=projection), PICTURES)
    for parameter in projection.parameters():  # each of them counts
        with torch.no_grad():
            parameter.view(-1)[0] += 1
        extraction = FrozenExtraction(extractor, memory, cache, projection=projection)
        wanted = [projected(extractor, projection, picture) for picture in PICTURES]
        # The extractor need not look again.
        found = extract(extraction, [*map(unreadable, PICTURES)])
        assert_equal(found, wanted)
        assert not torch.equal(found[0], before[0])
        before = found


def test_the_memory_forgets_the_longest_unused() -> None:
    memory = Memory(100)
    tensors = {name: torch.full((10,), i, dtype=torch.float32) for i, name in enumerate("abc")}
    memory.put(("a", ""), tensors["a"])
    memory.put(("b", ""), tensors["b"])
    assert memory.get(("a", "")) is tensors["a"]
    memory.put(("c", ""), tensors["c"])
    assert memory.get(("b", "")) is None
    assert memory.get(("a", "")) is tensors["a"]
    memory.put(("d", ""), torch.zeros(26))
    assert memory.get(("d", "")) is None


def test_trained_features_have_the_extractors_gradient(
    extractor: FeatureExtractor, monkeypatch: pytest.MonkeyPatch
) -> None:
    pictures = [*PICTURES, tiny.query(2, 5, (64, 64)), tiny.panorama(3)]

    def gradients(features: list[torch.Tensor]) -> list[torch.Tensor]:
        extractor.zero_grad()
        sum(f.square().mean() for f in features).backward()  # type: ignore[union-attr]
        return [p.grad.clone() for p in extractor.parameters() if p.grad is not None]

    wanted = gradients([expected(extractor, picture) for picture in pictures])
    for chunk in (CHUNK_PIXELS, 1):
        monkeypatch.setattr("placeproof.training.features.CHUNK_PIXELS", chunk)
        features = extract(TrainedExtraction(extractor), pictures)
        for picture, found in zip(pictures, features, strict=True):
            torch.testing.assert_close(found, expected(extractor, picture))
        torch.testing.assert_close(gradients(features), wanted, rtol=1e-3, atol=1e-5)


def test_pixels_of_another_size_are_an_error(extractor: FeatureExtractor) -> None:
    wrong = replace(PICTURES[1], size=(96, 96))
    with pytest.raises(TrainingError, match="96 x 96"):
        TrainedExtraction(extractor).fetch(wrong)
