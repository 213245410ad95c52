"""The pictures of a manifest, as a recipe feeds them to a training run."""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from torch import Tensor

from placeproof.errors import RecipeError, TrainingError
from placeproof.training.building_maps import Buildings
from placeproof.training.development import Example, development_pairs
from placeproof.training.examples import Batch, BatchSource, Input
from placeproof.training.manifest import Row
from placeproof.training.mining import mine_look_alikes
from placeproof.training.pairs import PairSource
from placeproof.training.pictures import PictureFiles
from placeproof.training.recipe import Recipe
from placeproof.training.synthetic import SyntheticSource

LOOKED_AT = 256  # training panoramas that a projection and a background begin with, at most
MASK_BATCHES, MASK_PAIRS = 8, 16  # synthetic pairs of development panoramas that are measured
EMPTY_MASKS = 4  # of these pairs
LOOK_ALIKES, MINED = 4, 24  # panoramas kept for each query, of so many that it is compared with
DEVELOPMENT = -1  # in the place of a phase's number, where seeds are made


class ManifestMaterial:
    """The pictures of a manifest, fed as a recipe says.

    Args:
        recipe: Says how.
        rows: The manifest's.
        stride: Pixels a patch of the extractor.
        buildings: Finds buildings in a panorama; without it, synthetic queries look anywhere.

    Raises:
        TrainingError: If the manifest lacks what one of the phases needs.
    """

    def __init__(
        self, recipe: Recipe, rows: Sequence[Row], stride: int, buildings: Buildings | None
    ) -> None:
        self._recipe = recipe
        self._rows = rows
        self._stride = stride
        self._buildings = buildings
        self._files = PictureFiles()
        width = recipe.data.panorama_width
        self._size = (width, width // 2)
        self._train = [row for row in rows if row.split == "train"]
        if width % (2 * stride):
            raise RecipeError(
                f"'panorama_width' is no multiple of {2 * stride}, so that patches of {stride} "
                f"pixels of '{recipe.extractor}' do not fill a panorama"
            )
        for phase in recipe.phase:
            queries = phase.data == "synthetic" or any(row.query for row in self._train)
            if not self._train or not queries:
                what = "panoramas" if phase.data == "synthetic" else "pairs"
                raise TrainingError(
                    f"phase '{phase.name}' needs {what} of split 'train': there are none"
                )
            masked = any(row.query and row.mask for row in self._train)
            if phase.data == "pairs" and phase.loss == "mask" and not masked:
                raise TrainingError(
                    f"phase '{phase.name}' needs masks of pairs of split 'train': there are none"
                )

    @property
    def panoramas(self) -> list[Input]:
        """See :class:`~placeproof.training.material.Material`; drawn by the recipe's seed."""
        paths = list(dict.fromkeys(row.panorama for row in self._train))
        random = np.random.default_rng(self._recipe.seed)
        drawn = random.choice(len(paths), min(LOOKED_AT, len(paths)), replace=False)
        return [self._files.panorama(paths[i], self._size) for i in sorted(drawn)]

    @property
    def masks(self) -> list[Batch]:
        """See :class:`~placeproof.training.material.Material`; always the same ones."""
        rows = [row for row in self._rows if row.split == "development"]
        if not rows:
            raise TrainingError("the manifest has no rows of split 'development' to choose on")
        source = self._synthetic_source(
            rows, MASK_PAIRS, EMPTY_MASKS, pool=0, seed=self._seed(DEVELOPMENT)
        )
        return [source.draw(*divmod(number, source.batches)) for number in range(MASK_BATCHES)]

    def source(self, number: int, look_alikes: Mapping[str, Sequence[str]] | None) -> BatchSource:
        """See :class:`~placeproof.training.material.Material`."""
        phase, data = self._recipe.phase[number], self._recipe.data
        if phase.data == "synthetic":
            return self._synthetic_source(
                self._train,
                phase.batch,
                phase.empty_masks,
                pool=data.pool,
                # Phases share a pool, and with it the features of its queries.
                seed=self._seed(0 if data.pool else number),
            )
        return PairSource(
            self._train,
            panorama_size=self._size,
            stride=self._stride,
            query_sizes=data.query_sizes,
            square=data.square,
            batch=phase.batch,
            negatives=phase.negatives,
            seed=self._seed(number),
            look_alikes={
                Path(query): [*map(Path, alike)] for query, alike in (look_alikes or {}).items()
            },
        )

    def mine(
        self,
        number: int,
        features: Callable[[Input], Tensor],
        progress: Callable[[int, int], None],
    ) -> dict[str, list[str]]:
        """See :class:`~placeproof.training.material.Material`; queries as photos will be."""
        size = self._recipe.operation.photo_side
        found = mine_look_alikes(
            self._train,
            lambda path: features(self._files.photo(path, size, self._stride, square=False)),
            lambda path: features(self._files.panorama(path, self._size)),
            keep=LOOK_ALIKES,
            candidates=MINED,
            seed=self._seed(number),
            progress=progress,
        )
        return {str(query): [*map(str, alike)] for query, alike in found.items()}

    def examples(self, size: int, *, square: bool, others: int) -> list[Example]:
        """See :class:`~placeproof.training.material.Material`."""
        return development_pairs(
            self._rows,
            lambda path: self._files.photo(path, size, self._stride, square=square),
            lambda path: self._files.panorama(path, self._size),
            others,
            self._recipe.seed,
        )

    def _synthetic_source(
        self, rows: Sequence[Row], batch: int, empty_masks: int, *, pool: int, seed: int
    ) -> BatchSource:
        data = self._recipe.data
        return SyntheticSource(
            rows,
            panorama_size=self._size,
            stride=self._stride,
            query_sizes=data.query_sizes,
            square=data.square,
            cut=data.cut,
            pool=pool,
            empty_masks=empty_masks,
            batch=batch,
            seed=seed,
            buildings=self._buildings,
        )

    def _seed(self, number: int) -> int:
        """Another one for each phase, so that none repeats what another drew."""
        text = f"{self._recipe.seed} {number}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1
