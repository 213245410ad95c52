import socket

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn
from torch.nn import functional as F

from placeproof.errors import WeightsError
from placeproof.network import features
from placeproof.network.features import NAMED, Backbone, FeatureExtractor

ALL = ["resnet50", "efficientnet-lite2", "test_resnet", "test_efficientnet", "test_vit"]
CONVOLUTIONAL = ALL[:4]


def extractor(name: str) -> FeatureExtractor:
    """With random weights under which every layer counts (timm starts some at zero)."""
    torch.manual_seed(0)
    network = FeatureExtractor(name)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            nn.init.uniform_(module.weight, 0.5, 1.5)
            nn.init.normal_(module.bias, 0, 0.2)
    return network


@pytest.fixture(scope="module")
def extractors() -> dict[str, FeatureExtractor]:
    return {name: extractor(name) for name in ALL}


@pytest.fixture
def shallow(monkeypatch: pytest.MonkeyPatch) -> FeatureExtractor:
    """Sees at most 57 pixels to each side, fewer than are taken from across the seam."""
    monkeypatch.setitem(NAMED, "shallow", Backbone("resnet18", (4, 8)))
    network = extractor("shallow")
    assert (network.stride, network.channels) == (4, 64 + 128)
    return network


def picture(height: int, width: int, batch: int = 1, seed: int = 0) -> Tensor:
    return torch.rand((batch, 3, height, width), generator=torch.Generator().manual_seed(seed))


def difference(one: Tensor, other: Tensor) -> Tensor:
    """1 - cosine of what tells patches apart: (rows, columns)."""
    mean = one.mean(dim=(2, 3), keepdim=True)
    return 1 - F.cosine_similarity(one - mean, other - mean, dim=1)[0]


@pytest.mark.parametrize(
    ("name", "channels", "stride"),
    [
        ("resnet50", 2048, 32),
        ("efficientnet-lite2", 120 + 352, 16),
        ("test_resnet", 96, 32),
        ("test_efficientnet", 64, 32),
        ("test_vit", 64, 16),
    ],
)
def test_channels_and_stride(
    extractors: dict[str, FeatureExtractor], name: str, channels: int, stride: int
) -> None:
    network = extractors[name]
    assert (network.name, network.channels, network.stride) == (name, channels, stride)


@settings(max_examples=40)
@given(
    name=st.sampled_from(ALL[1:]),
    height=st.integers(1, 100),
    width=st.integers(1, 100),
    batch=st.integers(1, 2),
    wraps=st.booleans(),
)
def test_any_size_gives_one_feature_a_patch_the_last_perhaps_incomplete(
    extractors: dict[str, FeatureExtractor],
    name: str,
    height: int,
    width: int,
    batch: int,
    wraps: bool,
) -> None:
    network = extractors[name]
    with torch.inference_mode():
        found = network(picture(height, width, batch), wraps=wraps)
    stride = network.stride
    assert found.shape == (batch, network.channels, -(-height // stride), -(-width // stride))
    assert found.dtype == torch.float32
    assert found.isfinite().all()


def test_resnet50_is_the_papers_without_pooling_and_classifier(
    extractors: dict[str, FeatureExtractor],
) -> None:
    with torch.inference_mode():
        assert extractors["resnet50"](picture(70, 100), wraps=False).shape == (1, 2048, 3, 4)
    names = {name.split(".")[1] for name in extractors["resnet50"].state_dict()}
    assert names == {"conv1", "bn1", "layer1", "layer2", "layer3", "layer4"}
    # 25 557 032 parameters, as published, less the classifier's
    assert sum(p.numel() for p in extractors["resnet50"].parameters()) == 25_557_032 - 2_049_000


@pytest.mark.parametrize("name", CONVOLUTIONAL)
@torch.inference_mode()
def test_moving_the_picture_by_a_stride_moves_the_features_by_a_patch(
    extractors: dict[str, FeatureExtractor], name: str
) -> None:
    network = extractors[name]
    step = 32  # pixels: the coarsest stride
    wide = picture(448, 448)
    patches = step // network.stride
    # Deep backbones see hundreds of pixels, so only the middle is (nearly) free of the edges.
    middle = slice(6 * patches, 8 * patches)
    here = network(wide[:, :, :-step, :-step], wraps=False)
    moved = network(wide[:, :, step:, step:], wraps=False)
    moved = F.pad(moved, (patches, 0, patches, 0))[:, :, : here.shape[2], : here.shape[3]]
    apart = difference(here, moved)[middle, middle]
    other = difference(here, moved.roll(1, dims=3))[middle, middle]
    assert apart.max() < 0.15
    assert apart.mean() < other.mean() / 4


@pytest.mark.parametrize("name", CONVOLUTIONAL)
def test_a_patch_is_centred_on_its_pixels_to_within_half_a_stride(
    extractors: dict[str, FeatureExtractor], name: str
) -> None:
    network = extractors[name]
    image = picture(256, 256).requires_grad_()
    found = network(image, wraps=False)[0]
    at = found.shape[1] // 2
    influence = torch.zeros(256, 256)
    for seed in range(4):
        weights = torch.randn(len(found), generator=torch.Generator().manual_seed(seed))
        (gradient,) = torch.autograd.grad(
            (found[:, at, at] * weights).sum(), image, retain_graph=True
        )
        influence += gradient[0].square().sum(dim=0)
    pixels = torch.arange(256) + 0.5
    for dim in (0, 1):
        centre = float((influence.sum(dim=dim) * pixels).sum() / influence.sum())
        assert abs(centre / network.stride - (at + 0.5)) < 0.6  # 4 samples: not exact


@torch.inference_mode()
def test_a_panorama_has_no_seam(shallow: FeatureExtractor) -> None:
    panorama = picture(64, 256)
    expected = shallow(panorama, wraps=True)
    for shift in (8, 40, 128):
        rolled = shallow(panorama.roll(shift, dims=3), wraps=True)
        torch.testing.assert_close(rolled, expected.roll(shift // 4, dims=3))
    as_photo = difference(expected, shallow(panorama, wraps=False))
    assert as_photo[:, [0, -1]].mean() > 0.3, "so it matters"
    assert as_photo[:, 16:-16].max() < 1e-5, "and only near the seam"


@pytest.mark.parametrize("name", CONVOLUTIONAL)
@torch.inference_mode()
def test_deep_extractors_hardly_notice_the_seam(
    extractors: dict[str, FeatureExtractor], name: str
) -> None:
    """They see further than the 128 pixels across the seam that they are shown.

    So what they see near it differs a little with where the seam is, and more so with random
    weights, which look far. It is at most a third of what differs where nothing wraps.
    """
    network = extractors[name]
    panorama = picture(96, 256)
    shift = 96

    def seam(*, wraps: bool) -> Tensor:
        rolled = network(panorama.roll(shift, dims=3), wraps=wraps)
        return difference(
            network(panorama, wraps=wraps), rolled.roll(-shift // network.stride, dims=3)
        ).mean()

    assert seam(wraps=True) < seam(wraps=False) / 3


@settings(max_examples=15)
@given(width=st.integers(1, 90))
@torch.inference_mode()
def test_an_incomplete_last_patch_of_a_panorama_shows_what_follows_the_seam(width: int) -> None:
    torch.manual_seed(0)
    network = FeatureExtractor("test_resnet")
    panorama = picture(32, width)
    round_and_round = torch.cat([panorama] * (300 // width + 1), dim=3)
    columns = -(-width // 32)
    expected = network(
        torch.cat((panorama[:, :, :, torch.arange(-64, 0) % width], round_and_round), dim=3)[
            :, :, :, : 64 + columns * 32 + 64
        ],
        wraps=False,
    )[:, :, :, 2 : 2 + columns]
    torch.testing.assert_close(network(panorama, wraps=True), expected)


@torch.inference_mode()
def test_an_incomplete_last_patch_of_a_photo_is_filled_with_its_edge() -> None:
    torch.manual_seed(0)
    network = FeatureExtractor("test_resnet")
    photo = picture(45, 70)
    filled = F.pad(photo, (0, 26, 0, 19), mode="replicate")
    torch.testing.assert_close(network(photo, wraps=False), network(filled, wraps=False))


@torch.inference_mode()
def test_cosines_of_joined_strides_are_the_mean_of_theirs(
    extractors: dict[str, FeatureExtractor],
) -> None:
    found = extractors["efficientnet-lite2"](picture(64, 96), wraps=False)[0].flatten(1)
    fine, coarse = found[:120], found[120:]
    torch.testing.assert_close(fine.norm(dim=0), torch.ones(24))
    assert (coarse.norm(dim=0) <= 1 + 1e-5).all()
    assert coarse.norm(dim=0).mean() > 0.7  # between two patches, interpolation shortens
    joined = F.cosine_similarity(found[:, :, None], found[:, None], dim=0)
    mean = (
        F.cosine_similarity(fine[:, :, None], fine[:, None], dim=0)
        + F.cosine_similarity(coarse[:, :, None], coarse[:, None], dim=0)
    ) / 2
    torch.testing.assert_close(joined, mean, rtol=0, atol=0.1)


def test_normalisation_is_that_of_the_weights(extractors: dict[str, FeatureExtractor]) -> None:
    lite2, resnet = extractors["efficientnet-lite2"], extractors["resnet50"]
    assert ((127 / 255 - lite2.mean) / lite2.std).abs().max() < 1e-7
    torch.testing.assert_close((1 - lite2.mean) / lite2.std, torch.ones(1, 3, 1, 1))
    torch.testing.assert_close(resnet.mean.flatten(), torch.tensor([0.485, 0.456, 0.406]))
    torch.testing.assert_close(resnet.std.flatten(), torch.tensor([0.229, 0.224, 0.225]))
    assert not {"mean", "std"} & set(lite2.state_dict()), "no part of the weights"


def test_training_does_not_touch_the_stored_statistics() -> None:
    network = extractor("test_efficientnet")
    before = {name: tensor.clone() for name, tensor in network.state_dict().items()}
    photos = picture(64, 64, batch=2)
    expected = network.eval()(photos, wraps=False)
    found = nn.Sequential(network).train()[0](photos, wraps=False)
    assert torch.equal(found, expected)
    found.sum().backward()
    assert all(torch.equal(tensor, before[name]) for name, tensor in network.state_dict().items())
    assert all(p.grad is not None for p in network.parameters()), "but it can be trained"


@pytest.mark.parametrize(
    "name",
    [
        "nonsense",
        "",
        "resnet18.nonsense",
        "owner/model",
        "../resnet18",
        "swin_tiny_patch4_window7_224",  # pictures of one size only
        "test_mambaout",  # maps with the channels last
    ],
)
def test_other_names_are_an_error_of_one_line(name: str) -> None:
    with pytest.raises(WeightsError) as caught:
        FeatureExtractor(name)
    assert f"'{name}'" in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["hf-hub:timm/resnet18.a1_in1k", "hf_hub:a/b", "local-dir:/tmp"])
def test_no_name_makes_it_look_on_the_network_or_in_a_folder(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    with pytest.raises(WeightsError, match="part of timm"):
        FeatureExtractor(name)


def test_nothing_is_downloaded(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("it opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    for name in ("efficientnet-lite2", "test_resnet"):
        features.FeatureExtractor(name)
