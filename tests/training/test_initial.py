from pathlib import Path

import pytest
import timm
import tiny
import torch
from safetensors.torch import save_file
from torch import nn

from placeproof.errors import WeightsMismatchError
from placeproof.network.bupm import Bupm
from placeproof.training.initial import initial_network, whiten


@pytest.fixture
def published(tmp_path: Path) -> Path:
    torch.manual_seed(5)
    path = tmp_path / "model.safetensors"
    save_file(timm.create_model(tiny.EXTRACTOR).state_dict(), path)
    return path


def test_all_is_random_but_the_extractor(published: Path) -> None:
    torch.manual_seed(1)
    network, whitening = initial_network(tiny.RECIPE, published, allow_download=False)
    torch.manual_seed(2)
    again, _ = initial_network(tiny.RECIPE, published, allow_download=False)
    assert whitening
    same = {n: torch.equal(t, again.state_dict()[n]) for n, t in network.state_dict().items()}
    assert all(same.values())  # by the recipe's seed, whatever was drawn before
    torch.manual_seed(tiny.RECIPE.seed)
    random = Bupm(
        tiny.EXTRACTOR, tiny.RECIPE.projection, tiny.RECIPE.hidden, tiny.RECIPE.background
    )
    for part in ("detector", "verification"):
        for one, other in zip(
            getattr(network, part).parameters(), getattr(random, part).parameters(), strict=True
        ):
            assert torch.equal(one, other)
    first = next(network.extractor.parameters())
    assert not torch.equal(first, next(random.extractor.parameters()))


@pytest.mark.parametrize("channels", [96, 8])
def test_whitened_features_have_no_direction_of_their_own(channels: int) -> None:
    torch.manual_seed(0)
    mixing = torch.randn(96, 96) * torch.logspace(0, -1, 96)
    pictures = [(mixing @ torch.randn(96, 4000) + 3).reshape(96, 40, 100) for _ in range(3)]
    projection = nn.Conv2d(96, channels, 1)
    whiten(projection, pictures)
    with torch.no_grad():
        found = torch.cat([projection(p[None])[0].flatten(1) for p in pictures], dim=1)
    assert found.mean(dim=1).abs().max() < 0.1
    covariance = torch.cov(found)
    variances = covariance.diagonal()
    assert (covariance - torch.diag(variances)).abs().max() < 0.1
    # The weakest are held down: whitening must not raise what is hardly more than noise.
    assert variances.max() < 1.1
    assert variances[:8].min() > 0.8


def test_a_projection_cannot_add_directions() -> None:
    projection = nn.Conv2d(96, 97, 1)
    with pytest.raises(WeightsMismatchError, match="97 channels"):
        whiten(projection, [torch.rand(96, 4, 4)])
