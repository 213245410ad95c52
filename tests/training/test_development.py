from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tiny
import torch

from placeproof.errors import TrainingError
from placeproof.location import Location
from placeproof.network.bupm import Bupm
from placeproof.network.matching import similarity
from placeproof.training.development import (
    Example,
    development_pairs,
    measure,
    take_samples,
)
from placeproof.training.distributed import Processes
from placeproof.training.examples import Input
from placeproof.training.features import FrozenExtraction, Memory
from placeproof.training.manifest import Row
from placeproof.training.scores import Scores


def row(place: int, split: str = "development", query: bool = True) -> Row:
    return Row(
        query=Path(f"photo{place}") if query else None,
        query_location=None,
        panorama=Path(f"panorama{place}"),
        panorama_location=None,
        place=str(place),
        split=split,  # type: ignore[arg-type]
        mask=None,
    )


def picture(path: Path) -> Input:
    return replace(tiny.panorama(0), key=str(path))


def pairs(rows: list[Row], others: int = 3) -> list[tuple[int, str, str, bool, bool]]:
    return [
        (e.photo, e.query.key, e.reference.key, e.same, e.near)
        for e in development_pairs(rows, picture, picture, others, seed=0)
    ]


def test_each_photo_meets_its_panoramas_and_others_of_the_same_split() -> None:
    rows = [row(place) for place in range(6)]
    rows.append(replace(rows[0], panorama=Path("panorama0b")))
    rows += [row(10, "train"), row(11, query=False)]
    found = pairs(rows)
    assert {p[0] for p in found} == set(range(6))
    same = [(photo, panorama) for _, photo, panorama, same, _ in found if same]
    assert len(same) == 7
    assert {("photo0", "panorama0"), ("photo0", "panorama0b")} < set(same)
    for photo in range(6):
        others = [p[2] for p in found if p[0] == photo and not p[3]]
        assert len(others) == len(set(others)) == 3
        assert f"panorama{photo}" not in others
    assert not {"panorama10"} & {p[2] for p in found}
    assert found == pairs(rows)
    everything = pairs(rows, others=100)
    assert "panorama11" in {p[2] for p in everything}
    assert "panorama0b" not in {p[2] for p in everything if p[1] == "photo0" and not p[3]}


def test_a_photo_made_of_its_panorama_has_no_parallax() -> None:
    here, near = Location(50.0, 7.0), Location(50.0001, 7.0)
    rows = [
        replace(row(0), query_location=here, panorama_location=here),
        replace(row(0), panorama=Path("near"), query_location=here, panorama_location=near),
        row(1),
    ]
    parallax = {p[2]: p[4] for p in pairs(rows) if p[3]}
    assert parallax == {"panorama0": False, "near": True, "panorama1": True}


@pytest.mark.parametrize("rows", [[], [row(0)], [row(0, "train"), row(1, "train")]])
def test_too_few_development_pairs(rows: list[Row]) -> None:
    with pytest.raises(TrainingError, match="development"):
        pairs(rows)


def measured(
    network: Bupm,
    examples: Sequence[Example],
    *,
    matched: Memory | None = None,
    projects: bool = False,
    stop: bool = False,
) -> Scores | None:
    extraction = FrozenExtraction(
        network.extractor,
        Memory(2**24),
        None,
        projection=network.projection if projects else None,
    )
    masks = tiny.TinyMaterial().masks
    matched = matched or Memory(0)
    told: list[tuple[int, int]] = []
    scores = measure(
        network,
        extraction,
        examples,
        masks,
        matched,
        Processes(),
        lambda: stop,
        lambda *each: told.append(each),
    )
    assert told == ([] if stop else [(i, len(examples)) for i in range(len(examples))])
    return scores


def test_pairs_that_were_matched_before_are_measured_alike(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    network, matched = tiny.network(), Memory(2**24)
    examples = tiny.TinyMaterial().examples(64, square=False, others=3)[:6]
    first = measured(network, examples, matched=matched)
    with torch.no_grad():
        network.detector.join.bias.add_(0.5)
    expected = measured(network, examples)
    masks = sum(pair.mask is not None for pair in tiny.TinyMaterial().masks[0].pairs)
    seen = []
    original = Bupm.match
    monkeypatch.setattr(Bupm, "match", lambda *arguments: [seen.append(1), original(*arguments)][1])
    found = measured(network, examples, matched=matched)
    assert len(seen) == masks  # synthetic pairs alone
    assert first is not None
    assert expected is not None
    assert found is not None
    assert found.logits.tolist() == expected.logits.tolist() != first.logits.tolist()
    assert found.cosines.tolist() == expected.cosines.tolist() == first.cosines.tolist()


def test_what_is_measured_is_what_the_network_says() -> None:
    network = tiny.network()
    assert network.background is not None
    network.background.patches.normal_(generator=torch.Generator().manual_seed(1))
    material = tiny.TinyMaterial()
    examples = material.examples(64, square=False, others=3)
    found = measured(network, examples)
    assert found is not None
    assert found.same.sum() == 4
    said = zip(examples, found.logits, found.cosines, strict=True)
    for example, logit, cosine in list(said)[::5]:
        images = [
            torch.from_numpy(p.load())[None].permute(0, 3, 1, 2) / 255
            for p in (example.reference, example.query)
        ]
        with torch.no_grad():
            expected = network(*images).logit[0]
            all_with_all = similarity(
                network.features(images[0], wraps=True), network.features(images[1], wraps=False)
            )
        assert float(expected) == pytest.approx(float(logit), abs=1e-2)
        best = float(all_with_all.amax(dim=(1, 2)).mean())
        assert best == pytest.approx(float(cosine), abs=1e-2)
    again = measured(network, examples)
    assert again is not None
    assert again.correspondence_loss == found.correspondence_loss > 0
    without = measured(network, [])
    assert without is not None
    assert without.summary().keys() == {"correspondence loss", "mask loss", "mask IoU"}
    same = measured(network, examples, projects=True)
    assert same is not None
    np.testing.assert_allclose(same.logits, found.logits, atol=1e-2)  # not projected twice
    with torch.no_grad():
        network.detector.join.weight.zero_()
        network.detector.join.bias.fill_(50.0)  # masks are full
    full = measured(network, examples)
    assert full is not None
    (batch,) = material.masks
    true = [pair.mask() for pair in batch.pairs if pair.mask is not None]
    assert full.overlap == pytest.approx(np.mean([mask.mean() for mask in true if mask.any()]))
    outside = np.mean([1 - mask.mean() for mask in true])
    assert full.mask_loss == pytest.approx(50 * outside, rel=1e-4)
    stopped = measured(network, examples, stop=True)
    assert stopped is None


def test_samples_are_of_all_kinds() -> None:
    network = tiny.network().eval()
    extraction = FrozenExtraction(network.extractor, Memory(2**24), None)
    material = tiny.TinyMaterial()
    examples = material.examples(64, square=False, others=3)
    samples = take_samples(network, extraction, examples, material.masks)
    assert [s.true_mask is not None for s in samples].count(True) == 1
    assert {s.same for s in samples if s.true_mask is None} == {True, False}
    assert all(s.panorama_mask.shape == (tiny.ROWS, tiny.COLUMNS) for s in samples)
