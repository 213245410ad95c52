"""What a trained network is shipped with: thresholds and measures on development pairs."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from torch import nn

from placeproof.errors import TrainingError
from placeproof.metrics import roc_auc
from placeproof.network.bupm import Bupm
from placeproof.network.checkpoint import ModelCard, Operation, save_checkpoint
from placeproof.training.calibration import calibrate, fit_shift
from placeproof.training.development import OTHERS
from placeproof.training.manifest import Row
from placeproof.training.recipe import Recipe
from placeproof.training.scores import Scores
from placeproof.training.trainer import EPOCH_OTHERS, Trainer

DIGITS = 4  # of the card's measures


def finish(trainer: Trainer, about_data: str, path: Path, *, write: bool) -> ModelCard:
    """Calibrates a trained network, measures it, and writes it with its card.

    It is first rounded to what the checkpoint holds, so that what is measured is what is used.

    Args:
        trainer: All phases of which are done.
        about_data: What the card says of the training data.
        path: The checkpoint.
        write: Whether this process is the one that writes it.

    Raises:
        TrainingError: If the network says the same of every pair.
        StorageError: If the checkpoint cannot be written.
        Interrupted: If that was asked for.
    """
    recipe, network = trainer.recipe, trainer.network
    network.requires_grad_(False)
    round_to_half(network)
    side = recipe.operation.photo_side
    examples = trainer.material.examples(side, square=False, others=OTHERS)
    scores = trainer.measure(examples, on_disk=True)
    if np.ptp(scores.logits) == 0:  # about 1 seed in 100
        raise TrainingError(
            "every unit of the decision has died: the network says the same of every pair; give "
            "the recipe another seed"
        )
    hard = scores.look_alikes()
    scores = shift(network, scores, fit_shift(scores.logits[hard], scores.same[hard]))
    operation = _calibrated(recipe, scores)
    metrics = {f"development, {n}": v for n, v in scores.card(operation.temperature).items()}
    for size in recipe.data.query_sizes:
        if size == side and not recipe.data.square:
            continue  # measured above
        examples = trainer.material.examples(size, square=recipe.data.square, others=EPOCH_OTHERS)
        found = trainer.measure(examples, on_disk=True)
        shape = f"{size} x {size}" if recipe.data.square else f"{size}"
        metrics[f"development, queries of {shape} pixels: AUC"] = roc_auc(found.same, found.logits)
    card = ModelCard(
        name=recipe.name,
        extractor=recipe.extractor,
        projection=recipe.projection,
        hidden=recipe.hidden,
        background=recipe.background,
        operation=operation,
        training_data=about_data,
        metrics={name: round(value, DIGITS) for name, value in metrics.items()},
        attribution=recipe.attribution,
        created=datetime.now(UTC).date().isoformat(),
        seed=recipe.seed,
    )
    if write:
        save_checkpoint(network, card, path)
    return card


def round_to_half(network: nn.Module) -> None:
    """Rounds all weights to half precision, in place."""
    for tensor in network.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())


def shift(network: Bupm, scores: Scores, by: float) -> Scores:
    """Adds a number to all logits: to the bias of the decision's last layer, in place.

    Returns:
        The scores that go with it, rounding included.
    """
    bias = [m for m in network.verification.modules() if isinstance(m, nn.Linear)][-1].bias
    with torch.no_grad():
        before = bias.clone()
        bias.add_(by).copy_(bias.half())
        moved = float(bias - before)
    return replace(scores, logits=scores.logits + moved)


def _calibrated(recipe: Recipe, scores: Scores) -> Operation:
    """Of pairs of the same place and of look-alikes: those that thresholds have to part."""
    hard = scores.look_alikes()
    near = scores.near & hard
    try:
        return calibrate(
            scores.logits[hard],
            scores.same[hard],
            scores.photos[hard].tolist(),
            near[hard],
            panorama_width=recipe.data.panorama_width,
            photo_side=recipe.operation.photo_side,
            least_variety=recipe.operation.least_variety,
            false_rate=recipe.operation.false_rate,
            miss_rate=recipe.operation.miss_rate,
        )
    except ValueError as error:
        raise TrainingError(f"cannot calibrate on the development pairs: {error}") from error


def describe_data(rows: Sequence[Row], manifest: str, about: str | None) -> str:
    """What a manifest holds, for the card."""
    parts = []
    for split in ("train", "development"):
        of_split = [row for row in rows if row.split == split]
        parts.append(
            f"{split}: {sum(row.query is not None for row in of_split)} pairs and "
            f"{len({row.panorama for row in of_split})} panoramas of "
            f"{len({row.place for row in of_split})} places"
        )
    return f"{manifest}; {'; '.join(parts)}." + (f" {about}" if about else "")
