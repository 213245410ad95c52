from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tiny
import torch
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import RecipeError, TrainingError
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.training.building_maps import BuildingMaps
from placeproof.training.examples import Batch, BatchSource, Input
from placeproof.training.manifest import Row
from placeproof.training.manifest_material import ManifestMaterial
from placeproof.training.recipe import Phase, Recipe

TRAINED, DEVELOPED = 5, 3  # places
MASKS = Phase("masks", "synthetic", "mask", "adam", 1e-3, 3, ("detector",), 1, empty_masks=2)
PHASES = (tiny.FEATURES, MASKS, tiny.PHASES[2])


def recipe(phases: Sequence[Phase] = PHASES, seed: int = 0, **data: Any) -> Recipe:
    fed = replace(tiny.RECIPE.data, **{"cut": "spherical", **data})
    return replace(tiny.RECIPE, seed=seed, phase=tuple(phases), data=fed)


@pytest.fixture
def rows(tmp_path: Path) -> list[Row]:
    """Places of one colour each; photos are 120 x 90."""
    made = []
    for place in range(TRAINED + DEVELOPED):
        colour = (25 * place, 200 - 20 * place, 90)
        files = tmp_path / f"photo{place}.png", tmp_path / f"panorama{place}.png"
        for file, size in zip(files, ((120, 90), (512, 256)), strict=True):
            Image.new("RGB", size, colour).save(file)
        split = "train" if place < TRAINED else "development"
        made.append(Row(files[0], None, files[1], None, str(place), split, None))  # type: ignore[arg-type]
    return made


def batches(source: BatchSource, epochs: int) -> list[Batch]:
    return [
        source.draw(epoch, number) for epoch in range(epochs) for number in range(source.batches)
    ]


def queries(source: BatchSource, epochs: int) -> set[str]:
    return {query.key for batch in batches(source, epochs) for query in batch.queries}


def colour(picture: Input) -> tuple[int, ...]:
    return tuple(picture.load()[0, 0].tolist())


def places(pictures: Sequence[Input]) -> list[int]:
    return sorted(round(colour(picture)[0] / 25) for picture in pictures)


def test_synthetic_phases_share_a_pool(rows: list[Row]) -> None:
    material = ManifestMaterial(recipe(pool=2, query_sizes=(64,)), rows, tiny.STRIDE, None)
    features, masks = (material.source(number, None) for number in (0, 1))
    assert {len(batch.pairs) for batch in batches(features, 1)} == {4}
    assert {len(batch.pairs) for batch in batches(masks, 1)} == {3 + 2}
    pool = queries(features, 12)
    assert len(pool) == 2 * TRAINED
    assert queries(masks, 12) == pool
    other = ManifestMaterial(recipe(pool=2, seed=1), rows, tiny.STRIDE, None)
    assert not queries(other.source(0, None), 4) & pool


def test_without_a_pool_no_query_comes_twice(rows: list[Row]) -> None:
    material = ManifestMaterial(recipe(pool=0), rows, tiny.STRIDE, None)
    drawn = [queries(material.source(number, None), 6) for number in (0, 1)]
    assert [len(each) for each in drawn] == [6 * 4, 6 * 3]
    assert not set.intersection(*drawn)
    again = ManifestMaterial(recipe(pool=0), rows, tiny.STRIDE, None)
    assert queries(again.source(0, None), 6) == drawn[0]


class Right:
    """Says that the right half of everything is buildings."""

    name = "right"

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self, pixels: NDArray[np.uint8], *, wraps: bool = False) -> NDArray[np.float32]:
        assert wraps
        self.asked += 1
        found = np.zeros((pixels.shape[0] // 16, pixels.shape[1] // 16), np.float32)
        found[4:10, 16:] = 0.9
        return found


def test_synthetic_queries_look_at_buildings(rows: list[Row], tmp_path: Path) -> None:
    detector = Right()
    for buildings in (BuildingMaps(detector, FeatureCache(tmp_path / "cache")), None):
        material = ManifestMaterial(recipe(), rows, tiny.STRIDE, buildings)
        seen = np.zeros((tiny.ROWS, tiny.COLUMNS))
        drawn = [*batches(material.source(0, None), 8), *batches(material.source(1, None), 2)]
        for batch in (*drawn, *material.masks):
            seen += sum(pair.mask() for pair in batch.pairs if pair.mask is not None)
        right = seen[:, tiny.COLUMNS // 2 :].sum() / seen.sum()
        assert (right > 0.8) == (buildings is not None)
    assert detector.asked == TRAINED + DEVELOPED  # once each, for all phases


def test_pictures_are_of_their_split(rows: list[Row]) -> None:
    material = ManifestMaterial(recipe(), rows, tiny.STRIDE, None)
    assert places(material.panoramas) == [*range(TRAINED)]
    assert {picture.size for picture in material.panoramas} == {tiny.SIZE}
    for number in range(3):
        for batch in batches(material.source(number, None), 2):
            assert set(places(batch.references)) <= {*range(TRAINED)}
    kept = material.masks
    for batch in kept:
        assert places(batch.references) == [*range(TRAINED, TRAINED + DEVELOPED)]
        known = [pair.matches is not None for pair in batch.pairs]
        assert known == [pair.same for pair in batch.pairs]
        assert known.count(False) == 4
    assert [[q.key for q in batch.queries] for batch in material.masks] == [
        [q.key for q in batch.queries] for batch in kept
    ]
    assert len({q.key for batch in kept for q in batch.queries}) == len(kept) * DEVELOPED
    examples = material.examples(60, square=False, others=2)
    assert {example.query.size for example in examples} == {(60, 45)}
    assert set(places([e.query for e in examples])) == {*range(TRAINED, TRAINED + DEVELOPED)}
    assert [e.same for e in examples].count(False) == 2 * DEVELOPED
    square = material.examples(64, square=True, others=1)
    assert {example.query.size for example in square} == {(64, 64)}


def test_mined_look_alikes_become_negatives(rows: list[Row]) -> None:
    material = ManifestMaterial(recipe(), rows, tiny.STRIDE, None)
    sizes = set()

    def features(picture: Input) -> torch.Tensor:
        sizes.add(picture.size)
        return torch.tensor(colour(picture)).float()[:, None, None]

    done: list[tuple[int, int]] = []
    mined = material.mine(2, features, lambda *each: done.append(each))
    assert sizes == {tiny.SIZE, (64, 48)}  # queries as photos will be
    assert done[-1] == (TRAINED, TRAINED)
    # Colours change little by little: the neighbours' are the likest.
    first = str(rows[0].query)
    assert [Path(path).stem for path in mined[first]] == [f"panorama{i}" for i in (1, 2, 3, 4)]
    assert mined.keys() == {str(row.query) for row in rows[:TRAINED]}
    likest = {query: alike[:1] for query, alike in mined.items()}
    for batch in batches(material.source(2, likest), 2):
        negatives = [pair for pair in batch.pairs if not pair.same]
        assert negatives
        for pair in negatives:
            query = places([batch.queries[pair.query]])[0]
            reference = batch.references[pair.reference]
            assert places([reference]) == [int(Path(likest[str(rows[query].query)][0]).stem[-1])]


@pytest.mark.parametrize(
    ("phases", "keep", "named"),
    [
        ((tiny.FEATURES,), "development", "phase 'features' needs panoramas of split 'train'"),
        ((tiny.PHASES[1],), "development", "phase 'decision' needs pairs of split 'train'"),
        (
            (replace(MASKS, data="pairs", negatives=("disordered",), batch=4, empty_masks=0),),
            "",
            "phase 'masks' needs masks of pairs of split 'train'",
        ),
    ],
)
def test_what_a_phase_lacks(
    phases: tuple[Phase, ...], keep: str, named: str, rows: list[Row]
) -> None:
    kept = [row for row in rows if keep in row.split]
    with pytest.raises(TrainingError, match=named):
        ManifestMaterial(recipe(phases), kept, tiny.STRIDE, None)


def test_patches_have_to_fill_a_panorama(rows: list[Row]) -> None:
    with pytest.raises(RecipeError, match="no multiple of 64"):
        ManifestMaterial(recipe(panorama_width=288), rows, tiny.STRIDE, None)


def test_there_has_to_be_something_to_develop_on(rows: list[Row]) -> None:
    material = ManifestMaterial(recipe(), rows[:TRAINED], tiny.STRIDE, None)
    with pytest.raises(TrainingError, match="no rows of split 'development'"):
        _ = material.masks
    with pytest.raises(TrainingError, match="too few development pairs"):
        material.examples(64, square=False, others=1)
