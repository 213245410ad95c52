"""Synthetic pairs: queries cut out of panoramas, with the mask of where they come from (4.2)."""

import functools
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from placeproof.buildings.detector import Region, building_regions
from placeproof.training.examples import Batch, Input, Pair
from placeproof.training.manifest import Row
from placeproof.training.pictures import (
    PictureFile,
    PictureFiles,
    empty_mask,
    input_key,
    read_panorama,
)
from placeproof.training.views import (
    VIEWS_VERSION,
    Camera,
    Window,
    coverage,
    cut,
    develop,
    draw_quadrilateral,
    draw_view,
    shown_patches,
)

Cut = Literal["spherical", "planar"]
Buildings = Callable[[Path], NDArray[np.float32]]
LARGEST_WINDOW = (90.0, 60.0)  # degrees; a whole street's fronts are one region, but no photo
_LONGEST_SHAPE = 2.0  # of a window: its longer side over its shorter one
_ORDER, _BATCH, _START, _QUERY, _COLOURS = range(1, 6)  # what a random stream is for


@dataclass(frozen=True, slots=True)
class SyntheticQuery:
    """A query cut out of a panorama; its pixels and mask are functions of it and the panorama.

    Attributes:
        camera: What took it, and what it shows of the panorama.
        size: Width and height in pixels.
        seed: Of its colours, noise and compression.
    """

    camera: Camera
    size: tuple[int, int]
    seed: tuple[int, ...]

    def pixels(self, panorama: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The query (H, W, 3) of a panorama (H, W, 3), sRGB."""
        return develop(cut(panorama, self.camera, self.size), self.seed)

    def mask(self, columns: int, rows: int) -> NDArray[np.float32]:
        """M_R as it should be, (rows, columns): how much of each patch the query shows."""
        return coverage(self.camera, columns, rows)

    def matches(self, columns: int, rows: int, stride: int) -> NDArray[np.int64]:
        """The panorama patch, row * columns + column, that each of the query's patches shows."""
        width, height = self.size
        return shown_patches(self.camera, (width / stride, height / stride), columns, rows)


def draw_query(
    regions: Sequence[Window],
    seed: tuple[int, ...],
    *,
    kind: Cut,
    size: int,
    square: bool,
) -> SyntheticQuery:
    """Draws a query of a panorama; the paper's section 4.2 where ``kind`` is planar.

    One region is drawn, large ones more often, and of one that is larger than a photo shows a
    part. The view is placed on it. Without regions, it is placed anywhere over the horizon. What
    it shows does not depend on ``size``.

    Args:
        regions: The panorama's buildings.
        seed: Draws all.
        kind: A true perspective view, or a part of the image plane in random perspective.
        size: The longer side, or both if ``square``, in pixels.
        square: Whether the picture is squeezed into a square.
    """
    random = np.random.default_rng(seed)
    window = _draw_window(regions, random)
    camera: Camera
    if kind == "spherical":
        camera = draw_view(window, size, random)
        shape = camera.width, camera.height
    else:
        camera = draw_quadrilateral(window, random)
        shape = camera.shape(size)
    return SyntheticQuery(camera, (size, size) if square else shape, (*seed, _COLOURS))


def _draw_window(regions: Sequence[Window], random: np.random.Generator) -> Window:
    if not regions:
        # Photos look up rather than down, and show about so much.
        return Window(random.uniform(-180.0, 180.0), random.uniform(-5.0, 15.0), 60.0, 45.0)
    areas = np.array([region.width * region.height for region in regions])
    region = regions[int(random.choice(len(regions), p=areas / areas.sum()))]
    width = min(region.width, LARGEST_WINDOW[0], _LONGEST_SHAPE * region.height)
    height = min(region.height, LARGEST_WINDOW[1], _LONGEST_SHAPE * region.width)
    return Window(
        region.yaw + random.uniform(-0.5, 0.5) * (region.width - width),
        region.pitch + random.uniform(-0.5, 0.5) * (region.height - height),
        width,
        height,
    )


class SyntheticSource:
    """Batches of panoramas and queries cut out of them.

    An epoch shows every panorama at most once, in random order: what does not fill a batch is
    left out, others in every epoch. A batch compares each of its panoramas with a query of its
    own, and in ``empty_masks`` pairs more a query with a panorama of the batch that surely shows
    another place, whose mask is empty.

    Args:
        rows: Whose panoramas are used, each once; their places and positions say which of them
            show different places.
        panorama_size: Width and height at which the network sees panoramas, pixels.
        stride: Pixels a patch; it divides both.
        query_sizes: One is drawn for each batch: the longer side in pixels.
        square: Whether queries are squeezed into a square, as in the paper.
        cut: How queries are cut out.
        pool: How many different queries a panorama has (of each size); 0: any number.
        empty_masks: Pairs of each batch whose query is of another place.
        batch: Panoramas of each batch.
        seed: Draws all.
        buildings: Building probability (H, W) in [0, 1] of a panorama, on a grid that covers it;
            None where views are not chosen by what they show.

    Raises:
        ValueError: If there is no panorama, or the stride does not divide the panorama's sides.
    """

    def __init__(
        self,
        rows: Sequence[Row],
        *,
        panorama_size: tuple[int, int],
        stride: int,
        query_sizes: Sequence[int],
        square: bool,
        cut: Cut,
        pool: int,
        empty_masks: int,
        batch: int,
        seed: int,
        buildings: Buildings | None,
    ) -> None:
        if not rows:
            raise ValueError("there is no panorama to cut queries out of")
        if panorama_size[0] % stride or panorama_size[1] % stride:
            raise ValueError(f"patches of {stride} pixels do not fill {panorama_size}")
        self._rows = list({row.panorama: row for row in rows}.values())
        self._panorama_size = panorama_size
        self._stride = stride
        self._grid = panorama_size[0] // stride, panorama_size[1] // stride
        self._query_sizes = tuple(query_sizes)
        self._square = square
        self._cut: Cut = cut
        self._pool = pool
        self._empty_masks = empty_masks
        self._batch = min(batch, len(self._rows))
        self._seed = seed
        self._buildings = buildings
        self._files = PictureFiles()
        self._regions: dict[Path, tuple[Window, ...]] = {}
        self._detecting = threading.Lock()  # batches may be drawn in several threads

    @property
    def batches(self) -> int:
        """How many batches an epoch has."""
        return len(self._rows) // self._batch

    def draw(self, epoch: int, number: int) -> Batch:
        """Batch ``number`` of an epoch, a pure function of the seed and the arguments.

        Raises:
            PlaceproofError: If a panorama cannot be read.
        """
        order = np.random.default_rng((self._seed, _ORDER, epoch)).permutation(len(self._rows))
        chosen = order[number * self._batch : (number + 1) * self._batch].tolist()
        random = np.random.default_rng((self._seed, _BATCH, epoch, number))
        size = int(random.choice(self._query_sizes))
        drawn = [self._query(index, epoch, size) for index in chosen]
        pairs = [
            Pair(
                i,
                i,
                same=True,
                mask=functools.partial(query.mask, *self._grid),
                matches=functools.partial(query.matches, *self._grid, self._stride),
            )
            for i, query in enumerate(drawn)
        ]
        rows = [self._rows[index] for index in chosen]
        return Batch(
            queries=tuple(self._input(row, query) for row, query in zip(rows, drawn, strict=True)),
            references=tuple(
                self._files.panorama(row.panorama, self._panorama_size) for row in rows
            ),
            pairs=(*pairs, *self._empty_pairs(rows, random)),
        )

    def _query(self, index: int, epoch: int, size: int) -> SyntheticQuery:
        """The query that panorama ``index`` has in an epoch."""
        path = self._rows[index].panorama
        # By its content, so that other panoramas beside it do not change its queries.
        panorama = int(self._files.file(path).sha256[:16], 16)
        number = epoch
        if self._pool:
            # Every panorama goes through its queries in turn, but not all begin with the first.
            start = np.random.default_rng((self._seed, _START, panorama)).integers(self._pool)
            number = int(start + epoch) % self._pool
        seed = (self._seed, _QUERY, panorama, number)
        return draw_query(self._windows(path), seed, kind=self._cut, size=size, square=self._square)

    def _windows(self, path: Path) -> tuple[Window, ...]:
        if self._buildings is None:
            return ()
        with self._detecting:
            if path not in self._regions:
                probability = self._buildings(path)
                height, width = probability.shape
                self._regions[path] = tuple(
                    _window(region, width, height) for region in building_regions(probability)
                )
            return self._regions[path]

    def _input(self, row: Row, query: SyntheticQuery) -> Input:
        file = self._files.file(row.panorama)
        size = self._panorama_size
        key = input_key("synthetic", VIEWS_VERSION, file.sha256, size, query)
        return Input(key, query.size, False, functools.partial(_take, query, file, size))

    def _empty_pairs(self, rows: Sequence[Row], random: np.random.Generator) -> list[Pair]:
        """As many as are asked for, or as there are."""
        possible = [
            (query, reference)
            for query, row in enumerate(rows)
            for reference, other in enumerate(rows)
            if row.place != other.place and row.elsewhere(other)
        ]
        count = min(self._empty_masks, len(possible))
        drawn = random.choice(len(possible), count, replace=False).tolist()
        mask = functools.partial(empty_mask, self._grid)
        return [
            Pair(query, reference, same=False, mask=mask)
            for query, reference in (possible[index] for index in drawn)
        ]


def _window(region: Region, width: int, height: int) -> Window:
    """A region of a grid that covers a panorama, as angles."""
    box = region.box
    return Window(
        yaw=((box.left + box.width / 2) / width - 0.5) * 360,
        pitch=(0.5 - (box.top + box.height / 2) / height) * 180,
        width=box.width / width * 360,
        height=box.height / height * 180,
    )


def _take(query: SyntheticQuery, file: PictureFile, size: tuple[int, int]) -> NDArray[np.uint8]:
    return query.pixels(read_panorama(file, size))
