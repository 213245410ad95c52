import dataclasses
import errno
import hashlib
import os
import pickle
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load, save_file
from torch import Tensor, nn

from placeproof.errors import StorageError, WeightsError, WeightsMismatchError
from placeproof.network.bupm import Bupm
from placeproof.network.checkpoint import (
    MAX_SIZE,
    Checkpoint,
    ModelCard,
    Operation,
    load_checkpoint,
    save_checkpoint,
)
from placeproof.network.projection import Projection

CARD = ModelCard(
    name="tiny",
    extractor="test_resnet",
    projection=128,
    hidden=24,
    background=40,
    operation=Operation(
        panorama_width=512,
        photo_side=160,
        temperature=1.5,
        consistent_from=0.8,
        inconsistent_to=0.2,
        least_variety=0.0,
        false_rate=0.05,
        miss_rate=0.05,
    ),
    training_data="none: random weights · Zürich",
    metrics={"made up: auc": 0.5},
    attribution="Jane Doe, CC BY 4.0",
    created="2026-11-24",
    seed=7,
)


def bupm(seed: int = 0, card: ModelCard = CARD) -> Bupm:
    """Random throughout, also where a new network has zeros."""
    torch.manual_seed(seed)
    network = card.network()
    with torch.no_grad():
        for tensor in network.state_dict().values():
            if not tensor.any():
                tensor.copy_(torch.rand(tensor.shape))
    return network


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(bupm(), CARD, path)
    return path


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    path = tmp_path_factory.mktemp("sound") / "tiny.safetensors"
    save_checkpoint(bupm(), CARD, path)
    return path.read_bytes()


def equal(one: Checkpoint, other: Checkpoint) -> bool:
    tensors, others = one.network.state_dict(), other.network.state_dict()
    return one.card == other.card and all(torch.equal(tensors[n], others[n]) for n in others)


def refusal(path: Path, kind: type[WeightsError] = WeightsError) -> str:
    """The message with which a file is refused."""
    with pytest.raises(WeightsError) as caught:
        load_checkpoint(path)
    assert type(caught.value) is kind
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)
    return str(caught.value)


# Saving and loading


def test_what_is_saved_is_loaded_in_half_precision(saved: Path) -> None:
    checkpoint, network = load_checkpoint(saved), bupm()
    assert checkpoint.card == CARD
    assert checkpoint.sha256 == hashlib.sha256(saved.read_bytes()).hexdigest()
    assert not checkpoint.network.training
    tensors = checkpoint.network.state_dict()
    assert tensors.keys() == network.state_dict().keys()
    for name, tensor in network.state_dict().items():
        expected = tensor.half().to(tensor.dtype) if tensor.is_floating_point() else tensor
        assert tensors[name].dtype == tensor.dtype
        assert torch.equal(tensors[name], expected)
    assert {t.dtype for t in load(saved.read_bytes()).values()} == {torch.float16, torch.int64}


def test_a_loaded_network_answers_as_the_saved_one_did(saved: Path) -> None:
    network = bupm()
    with torch.no_grad():
        for tensor in network.state_dict().values():
            tensor.copy_(tensor.half())
    reference, query = torch.rand(1, 3, 64, 128), torch.rand(1, 3, 64, 64)
    with torch.inference_mode():
        expected = network.eval()(reference, query)
        found = load_checkpoint(saved).network(reference, query)
    assert torch.equal(found.logit, expected.logit)
    assert torch.equal(found.query_mask, expected.query_mask)


def test_saving_a_loaded_checkpoint_gives_the_same_file(saved: Path, tmp_path: Path) -> None:
    checkpoint = load_checkpoint(saved)
    save_checkpoint(checkpoint.network, checkpoint.card, tmp_path / "again.safetensors")
    assert (tmp_path / "again.safetensors").read_bytes() == saved.read_bytes()
    assert equal(load_checkpoint(tmp_path / "again.safetensors"), checkpoint)


@pytest.mark.parametrize(
    ("projection", "hidden", "background"),
    [(None, None, None), (8, None, None), (8, 5, None), (None, None, 6), (8, None, 6), (8, 5, 6)],
)
def test_every_variant_of_the_network_is_saved_and_loaded(
    tmp_path: Path, projection: int | None, hidden: int | None, background: int | None
) -> None:
    card = dataclasses.replace(CARD, projection=projection, hidden=hidden, background=background)
    saved = bupm(card=card)
    save_checkpoint(saved, card, tmp_path / "w")
    loaded = load_checkpoint(tmp_path / "w")
    assert loaded.card == card
    network = loaded.network
    for name, tensor in saved.state_dict().items():
        assert torch.equal(network.state_dict()[name], tensor.half().to(tensor.dtype))
    if projection is None:
        assert isinstance(network.projection, nn.Identity)
    else:
        assert isinstance(network.projection, Projection)
        assert network.projection.linear.weight.shape[:2] == (projection, 96)
        assert (network.projection.hidden is None) == (hidden is None)
    if background is None:
        assert network.background is None
    else:
        assert network.background is not None
        assert network.background.patches.shape == (background, projection or 96)


def test_the_hash_of_features_depends_on_extractor_and_projection_only(tmp_path: Path) -> None:
    def hashes(change: Callable[[Bupm], nn.Parameter | Tensor | None]) -> tuple[str, str]:
        network = bupm()
        with torch.no_grad():
            tensor = change(network)
            if tensor is not None:
                tensor[(0,) * tensor.dim()] += 1
        save_checkpoint(network, CARD, tmp_path / "w")
        checkpoint = load_checkpoint(tmp_path / "w")
        return checkpoint.sha256, checkpoint.features_sha256

    same, features = hashes(lambda _: None)
    assert hashes(lambda _: None) == (same, features)
    for other_file, same_features in (
        hashes(lambda network: network.detector.join.weight),
        hashes(lambda network: next(network.verification.parameters())),
        hashes(lambda network: network.get_buffer("background.patches")),
    ):
        assert other_file != same
        assert same_features == features
    for _, other_features in (
        hashes(lambda network: network.get_parameter("projection.linear.weight")),
        hashes(lambda network: network.get_parameter("projection.hidden.weight")),
        hashes(lambda network: network.get_parameter("projection.added.bias")),
        hashes(lambda network: next(network.extractor.parameters())),
        hashes(lambda network: next(network.extractor.backbone.buffers())),
    ):
        assert other_features != features
    save_checkpoint(bupm(), dataclasses.replace(CARD, name="x", seed=1), tmp_path / "w")
    assert load_checkpoint(tmp_path / "w").features_sha256 == features


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ({"projection": 0}, "projection = 0"),
        ({"hidden": 0}, "hidden = 0"),
        ({"hidden": 2.5}, r"hidden = 2\.5"),
        ({"background": MAX_SIZE + 1}, "background = "),
        ({"projection": None}, "no projection"),
    ],
)
def test_a_card_of_no_possible_network_cannot_be_made(sizes: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(CARD, **sizes)
    dataclasses.replace(CARD, projection=None, hidden=None, background=MAX_SIZE)


# Files that are refused


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_flipped_bytes_are_noticed_wherever_they_are(
    sound: bytes, tmp_path: Path, data: st.DataObject
) -> None:
    names_and_card = 8 + int.from_bytes(sound[:8], "little")
    anywhere = st.one_of(st.integers(0, names_and_card - 1), st.integers(0, len(sound) - 1))
    damaged = bytearray(sound)
    for place in data.draw(st.lists(anywhere, min_size=1, max_size=4, unique=True)):
        damaged[place] = data.draw(st.one_of(st.integers(0, 255), st.sampled_from(b'0123e"{}[]:')))
    path = tmp_path / "damaged.safetensors"
    path.write_bytes(damaged)
    try:
        checkpoint = load_checkpoint(path)
    except WeightsError as error:
        assert "\n" not in str(error)
    else:
        path.write_bytes(sound)
        assert equal(checkpoint, load_checkpoint(path))


@pytest.mark.parametrize(
    ("before", "after"),
    [(rb"(projection\W+)128", rb"\g<1>1e8"), (rb"0\.8", b"0.1"), (b"Jane Doe", b"Jane Roe")],
)
def test_a_letter_of_the_card_that_makes_sense_is_noticed_too(
    sound: bytes, tmp_path: Path, before: bytes, after: bytes
) -> None:
    path = tmp_path / "damaged.safetensors"
    damaged, count = re.subn(before, after, sound, count=1)
    assert count == 1
    assert len(damaged) == len(sound)
    path.write_bytes(damaged)
    refusal(path)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_truncated_file_is_refused(sound: bytes, tmp_path: Path, data: st.DataObject) -> None:
    length = data.draw(st.one_of(st.integers(0, 3000), st.integers(0, len(sound) - 1)))
    path = tmp_path / "cut.safetensors"
    path.write_bytes(sound[:length])
    refusal(path)


def test_no_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    assert "No such file" in refusal(tmp_path / "none.safetensors")
    assert "directory" in refusal(tmp_path)


class Explosive:
    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return (os.mkdir, ("exploded",))


@pytest.mark.parametrize("make", [pickle.dumps, None])
def test_a_pickle_is_refused_and_not_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[object], bytes] | None
) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "weights.pt"
    if make is None:
        torch.save({"payload": Explosive()}, path)
    else:
        path.write_bytes(make(Explosive()))
    refusal(path)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\x00" * 8,
        b"\xff" * 100,
        b"PK\x03\x04" + bytes(100),
        b"\x89PNG\r\n\x1a\n" + bytes(100),
        (200_000).to_bytes(8, "little") + b"[" * 200_000,
        (4).to_bytes(8, "little") + b"null",
        (2).to_bytes(8, "little") + b"{}",
        (8).to_bytes(8, "little") + b"\xff" * 8,
        (20).to_bytes(8, "little") + b'{"__metadata__":[1]}',
        (19).to_bytes(8, "little") + b'{"__metadata__": 1}',
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "other.safetensors"
    path.write_bytes(data)
    refusal(path)


def test_safetensors_of_another_program_or_version_are_refused(
    tmp_path: Path, sound: bytes
) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"a": torch.zeros(3)}, path)
    assert "no checkpoint of placeproof" in refusal(path)
    save_file({"a": torch.zeros(3)}, path, {"format": "pt"})
    assert "no checkpoint of placeproof" in refusal(path)
    path.write_bytes(sound.replace(b"placeproof-checkpoint/1", b"placeproof-checkpoint/9"))
    assert "no checkpoint of placeproof" in refusal(path)


def rewritten(tmp_path: Path, change: Callable[[dict[str, object]], object]) -> Path:
    """A file that its author signed soundly, but whose card has been changed."""
    card = dataclasses.asdict(CARD)
    replacement = change(card)
    path = tmp_path / "odd.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(dataclasses, "asdict", lambda _: card if replacement is None else replacement)
        save_checkpoint(bupm(), CARD, path)
    return path


ODD_CARDS: dict[str, Callable[[dict[str, object]], object]] = {
    "an unknown field": lambda card: card.update(colour="red"),
    "a missing field": lambda card: card.pop("attribution") and None,
    "nothing of hidden units": lambda card: card.pop("hidden") and None,
    "nothing of a background": lambda card: card.pop("background") and None,
    "no object": lambda _: ["a", "list"],
    "no operation": lambda card: card.update(operation=None),
    "an unknown field in the operation": lambda card: card.update(
        operation=dataclasses.asdict(CARD.operation) | {"colour": "red"}
    ),
    "an extractor that is no text": lambda card: card.update(extractor=["test_resnet"]),
    "an unknown extractor": lambda card: card.update(extractor="nonsense"),
    "a projection that is no number": lambda card: card.update(projection="128"),
    "a negative projection": lambda card: card.update(projection=-128),
    "a fractional projection": lambda card: card.update(projection=128.5),
    "an endless projection": lambda card: card.update(projection=10**15),
    "hidden units that are no number": lambda card: card.update(hidden="24"),
    "less than no hidden units": lambda card: card.update(hidden=-24),
    "endless hidden units": lambda card: card.update(hidden=MAX_SIZE + 1),
    "hidden units of no projection": lambda card: card.update(projection=None),
    "a background that is no number": lambda card: card.update(background=[40]),
    "a background of nothing": lambda card: card.update(background=0),
    "an endless background": lambda card: card.update(background=MAX_SIZE + 1),
    "no temperature": lambda card: card["operation"].update(temperature=0.0),
    "no size": lambda card: card["operation"].update(photo_side=0),
    "thresholds that cross": lambda card: card["operation"].update(inconsistent_to=0.999),
}


@pytest.mark.parametrize("what", ODD_CARDS)
def test_a_card_that_cannot_be_used_is_refused(tmp_path: Path, what: str) -> None:
    path = rewritten(tmp_path, ODD_CARDS[what])
    with pytest.raises(WeightsError) as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"extractor": "test_efficientnet"},
        {"projection": 64},
        {"projection": None, "hidden": None},
        {"hidden": 23},
        {"hidden": None},
        {"background": 41},
        {"background": None},
    ],
)
def test_weights_of_another_network_have_an_exit_code_of_their_own(
    tmp_path: Path, change: dict[str, object]
) -> None:
    path = rewritten(tmp_path, lambda card: card.update(change))
    message = refusal(path, WeightsMismatchError)
    assert WeightsMismatchError.exit_code == 41
    assert str(change.get("extractor", CARD.extractor)) in message
    assert "tensors differ" in message


# Saving when it goes wrong


def test_a_full_disk_keeps_the_old_file(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    before = saved.read_bytes()
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match="No space left"):
        save_checkpoint(bupm(seed=1), CARD, saved)
    assert saved.read_bytes() == before
    assert [path.name for path in saved.parent.iterdir()] == [saved.name]


def test_a_missing_folder_is_said(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        save_checkpoint(bupm(), CARD, tmp_path / "none" / "w.safetensors")


@pytest.mark.parametrize("value", [1e6, float("inf"), float("nan")])
def test_weights_that_half_precision_cannot_hold_are_not_saved(
    tmp_path: Path, value: float
) -> None:
    network = bupm()
    with torch.no_grad():
        network.detector.join.bias.fill_(value)
    with pytest.raises(WeightsError, match=r"detector\.join\.bias"):
        save_checkpoint(network, CARD, tmp_path / "w")
    assert not (tmp_path / "w").exists()
