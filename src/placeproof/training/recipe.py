"""A recipe: everything that a training run depends on, but for the pictures and the machine.

It is a TOML file that is read strictly: a key that is not known, missing, of another type or out
of its range is an error. ``recipes/paper.toml`` is the paper's (section 4.3).
"""

import dataclasses
import hashlib
import json
import tomllib
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from placeproof.errors import RecipeError
from placeproof.network.bupm import Bupm
from placeproof.network.checkpoint import MAX_SIZE
from placeproof.training.losses import LOSSES

Part = Literal["extractor", "projection", "detector", "verification"]
Negatives = Literal["disordered", "neighbourhood", "distant", "look-alike"]


@dataclass(frozen=True, slots=True)
class DataSpec:
    """How pictures are fed.

    Attributes:
        panorama_width: Panoramas are scaled to this many pixels across and half as many down.
        query_sizes: One is drawn for each batch: pixels of a query's longer side.
        square: Whether queries are squeezed into a square, as in the paper.
        cut: Synthetic queries are cut from the sphere, or from the picture's plane.
        pool: Different synthetic queries of a panorama; 0: every one is new.
        buildings: Building detector that says where synthetic queries look: "buildings-lite2", or
            a segmenter's folder or repository. Without one they look anywhere.
    """

    panorama_width: int
    query_sizes: tuple[int, ...]
    square: bool
    cut: Literal["spherical", "planar"]
    pool: int
    buildings: str | None = None

    def __post_init__(self) -> None:
        _require(self.panorama_width >= 64, "panorama_width", "is below 64")
        _require(self.panorama_width % 2 == 0, "panorama_width", "is odd")
        _require(len(self.query_sizes) > 0, "query_sizes", "is empty")
        _require(min(self.query_sizes) >= 32, "query_sizes", "has a size below 32")
        _require(len(set(self.query_sizes)) == len(self.query_sizes), "query_sizes", "repeats one")
        _require(self.pool >= 0, "pool", "is negative")


@dataclass(frozen=True, slots=True)
class OperationSpec:
    """How the trained network will be used; see :class:`~placeproof.network.checkpoint.Operation`.

    Attributes:
        photo_side: Longer side of photos, pixels.
        least_variety: Below it a photo says nothing.
        false_rate: For which the threshold of "consistent" is set.
        miss_rate: For which the threshold of "inconsistent" is set.
    """

    photo_side: int
    least_variety: float
    false_rate: float
    miss_rate: float

    def __post_init__(self) -> None:
        _require(self.photo_side >= 32, "photo_side", "is below 32")
        for key in ("least_variety", "false_rate", "miss_rate"):
            _require(0 <= getattr(self, key) < 1, key, "is not from 0 to below 1")


@dataclass(frozen=True, slots=True)
class Phase:
    """One phase of the training: one data set, one loss, one optimiser.

    Attributes:
        name: What it is called in messages and measures.
        data: Synthetic pairs with exact masks (paper, 4.2), or the manifest's pairs (4.1).
        loss: A key of :data:`~placeproof.training.losses.LOSSES`.
        optimiser: Stochastic gradient descent without momentum, or Adam.
        learning_rate: Of all steps; it does not decay.
        batch: Pairs in a batch, those of all processes together.
        train: Parts of the network that change; all others are frozen.
        epochs: At most so many.
        patience: Stops after so many epochs, a multiple of ``measure_every``, without a better
            development measure; without it, all epochs are run. The best epoch counts in any
            case.
        negatives: Kinds of pairs of different places ("pairs" only), drawn equally often.
        measure_every: So many epochs lie between two measurements on development pairs.
        empty_masks: Pairs more in each batch, of a query and a panorama of another place, whose
            mask is empty ("synthetic" only).
    """

    name: str
    data: Literal["synthetic", "pairs"]
    loss: str
    optimiser: Literal["sgd", "adam"]
    learning_rate: float
    batch: int
    train: tuple[Part, ...]
    epochs: int
    patience: int | None = None
    measure_every: int = 1
    negatives: tuple[Negatives, ...] = ()
    empty_masks: int = 0

    def __post_init__(self) -> None:
        _require(self.loss in LOSSES, "loss", f"is none of {', '.join(sorted(LOSSES))}")
        _require(0 < self.learning_rate < float("inf"), "learning_rate", "is not above 0")
        _require(self.epochs >= 1, "epochs", "is below 1")
        _require(self.patience is None or self.patience >= 1, "patience", "is below 1")
        _require(self.measure_every >= 1, "measure_every", "is below 1")
        measured = self.patience is None or self.patience % self.measure_every == 0
        _require(measured, "patience", "is no multiple of measure_every")
        _require(len(self.train) > 0, "train", "is empty")
        _require(len(set(self.train)) == len(self.train), "train", "repeats a part")
        for part in self.train:
            reached = part in LOSSES[self.loss].reaches
            _require(reached, "train", f"has '{part}', which the loss '{self.loss}' does not reach")
        if self.data == "pairs":
            _require(len(self.negatives) > 0, "negatives", "is missing or empty")
            _require(len(set(self.negatives)) == len(self.negatives), "negatives", "repeats one")
            _require(self.empty_masks == 0, "empty_masks", 'is only for data = "synthetic"')
            matched = self.loss != "correspondence"
            _require(matched, "loss", 'is "correspondence", which is only for data = "synthetic"')
            _require(self.batch >= 2 and self.batch % 2 == 0, "batch", "is not even and above 0")
        else:
            _require(not self.negatives, "negatives", 'is only for data = "pairs"')
            _require(self.batch >= 1, "batch", "is below 1")
            _require(self.empty_masks >= 0, "empty_masks", "is negative")


@dataclass(frozen=True, slots=True)
class Recipe:
    """A whole training run.

    Attributes:
        name: Of the weights that it makes.
        seed: Of everything that is drawn.
        extractor: Name of the feature extractor.
        projection: Channels of the map behind it, if there is one. It begins as the PCA whitening
            of the training panoramas' features.
        hidden: Hidden units of that map, if it has any.
        background: Patches of training panoramas that a match has to beat, if there are any.
        attribution: Whose work the weights build on, and under which licences; for the card.
        data: How pictures are fed.
        operation: How the trained network will be used.
        phase: The phases, in order.
    """

    name: str
    seed: int
    extractor: str
    attribution: str
    data: DataSpec
    operation: OperationSpec
    phase: tuple[Phase, ...]
    projection: int | None = None
    hidden: int | None = None
    background: int | None = None

    def __post_init__(self) -> None:
        _require(0 <= self.seed < 2**31, "seed", "is not from 0 to 2147483647")
        for key in ("projection", "hidden", "background"):
            size = getattr(self, key)
            _require(size is None or 1 <= size <= MAX_SIZE, key, f"is not from 1 to {MAX_SIZE}")
        linear = self.hidden is None or self.projection is not None
        _require(linear, "hidden", "needs a projection")
        _require(len(self.phase) > 0, "phase", "is empty")
        names = [phase.name for phase in self.phase]
        _require(len(set(names)) == len(names), "phase", "has one name twice")
        for phase in self.phase:
            trained = "projection" not in phase.train or self.projection is not None
            _require(trained, "train", f"of '{phase.name}' has a projection that there is not")

    def network(self) -> Bupm:
        """The network that is trained, with random weights: always the same ones."""
        torch.manual_seed(self.seed)
        return Bupm(self.extractor, self.projection, self.hidden, self.background).eval()

    @property
    def sha256(self) -> str:
        """Tells recipes apart by what they say, whatever the order and the comments."""
        text = json.dumps(dataclasses.asdict(self), sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()


def read_recipe(path: Path) -> Recipe:
    """Reads a recipe.

    Raises:
        RecipeError: If it cannot be read, or anything in it is unknown, missing or impossible.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise RecipeError(f"cannot read recipe '{path}': {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"recipe '{path}' is no TOML: {error}") from error
    try:
        recipe: Recipe = _record(Recipe, table, "")
    except ValueError as error:
        raise RecipeError(f"recipe '{path}': {error}") from error
    return recipe


def _require(condition: bool, key: str, problem: str) -> None:
    if not condition:
        raise ValueError(f"'{key}' {problem}")


def _record(kind: type[Any], table: dict[str, Any], where: str) -> Any:
    """A dataclass from a table whose keys are its fields; ``where`` goes before what is wrong."""
    fields = {field.name: field for field in dataclasses.fields(kind)}
    for key in table:
        if key not in fields:
            raise ValueError(f"{where}'{key}' is no known key")
    for name, field in fields.items():
        if name not in table and field.default is dataclasses.MISSING:
            raise ValueError(f"{where}'{name}' is missing")
    hints = typing.get_type_hints(kind)
    values = {key: _value(hints[key], value, key, where) for key, value in table.items()}
    try:
        return kind(**values)
    except ValueError as error:
        raise ValueError(f"{where}{error}") from error


def _value(hint: Any, value: Any, key: str, where: str) -> Any:
    """A value of the hint's type, never one that is converted but for whole numbers to floats."""
    if typing.get_origin(hint) is types.UnionType:  # X | None: TOML has no null
        hint = next(option for option in typing.get_args(hint) if option is not types.NoneType)
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise ValueError(f"{where}'{key}' is not a table [{key}]")
        name = value.get("name", "")
        inner = f"{key} '{name}': " if isinstance(name, str) and name else f"[{key}] "
        return _record(hint, value, where + inner)
    if typing.get_origin(hint) is tuple:
        if not isinstance(value, list):
            raise ValueError(f"{where}'{key}' is not a list")
        return tuple(_value(typing.get_args(hint)[0], item, key, where) for item in value)
    if typing.get_origin(hint) is Literal:
        options = typing.get_args(hint)
        if value not in options:
            raise ValueError(f"{where}'{key}' has {value!r}, which is none of {', '.join(options)}")
        return value
    if hint is float and type(value) is int:
        return float(value)
    if type(value) is not hint:
        kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "a text"}
        raise ValueError(f"{where}'{key}' is {value!r}, not {kinds[hint]}")
    if hint is str and not value.strip():
        raise ValueError(f"{where}'{key}' is empty")
    return value
