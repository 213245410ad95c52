"""A whole training run: from a recipe and a manifest to a checkpoint."""

from dataclasses import dataclass
from pathlib import Path

import torch

from placeproof.network.checkpoint import ModelCard
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.training.building_maps import BuildingMaps, detector_of
from placeproof.training.distributed import processes
from placeproof.training.final import describe_data, finish
from placeproof.training.initial import initial_network
from placeproof.training.interruption import Interruption
from placeproof.training.journal import Journal
from placeproof.training.manifest import read_manifest
from placeproof.training.manifest_material import ManifestMaterial
from placeproof.training.recipe import Recipe
from placeproof.training.state import run_id
from placeproof.training.trainer import STATE_FILE, Machine, Trainer

FEATURES_FOLDER = "features"


@dataclass(frozen=True, slots=True)
class Settings:
    """What a run takes besides its recipe and its manifest.

    Attributes:
        output: Folder of the run, which exists.
        init: Weights to begin with; see :func:`~placeproof.training.initial.initial_network`.
        allow_download: Whether the user has asked for downloads.
        device: Where the network is.
        features: Folder of cached features; None: ``features`` in the output.
        memory: Bytes of features that are kept in memory.
        workers: Batches that are prepared at the same time.
        tensorboard: Whether measures also go to TensorBoard.
        about_data: What the card says of the data, such as their licences.
    """

    output: Path
    init: Path | None
    allow_download: bool
    device: torch.device
    features: Path | None
    memory: int
    workers: int
    tensorboard: bool
    about_data: str | None


def train(recipe: Recipe, manifest: Path, settings: Settings) -> tuple[Path, ModelCard]:
    """Trains a network, or goes on where the run in the same folder was interrupted.

    Returns:
        The checkpoint and its card.

    Raises:
        Interrupted: If that was asked for; the same call goes on.
        PlaceproofError: If an input cannot be used, or an output cannot be written.
    """
    # The signals first: what comes below may take minutes.
    with Interruption() as interruption, processes(settings.device) as group:
        rows = read_manifest(manifest)
        run = run_id(recipe.sha256, manifest.read_bytes())
        machine = Machine(
            processes=group,
            features=settings.features or settings.output / FEATURES_FOLDER,
            memory=settings.memory,
            workers=settings.workers,
        )
        if group.from_first((settings.output / STATE_FILE).exists()):
            network, new = recipe.network(), False
        else:
            network, new = initial_network(
                recipe, settings.init, allow_download=settings.allow_download
            )
        network = network.to(settings.device)
        buildings = None
        if recipe.data.buildings is not None:
            detector = detector_of(recipe.data.buildings, allow_download=settings.allow_download)
            buildings = BuildingMaps(detector, FeatureCache(machine.features))
        material = ManifestMaterial(recipe, rows, network.extractor.stride, buildings)
        trainer = Trainer(recipe, run, material, network, settings.output, machine, interruption)
        if new:
            trainer.prepare()
        if group.first:
            step = trainer.position.step if trainer.resumed else None
            with Journal(settings.output, step, tensorboard=settings.tensorboard) as journal:
                trainer.run(journal)
        else:
            trainer.run(None)
        path = settings.output / f"{recipe.name}.safetensors"
        about = describe_data(rows, manifest.name, settings.about_data)
        return path, finish(trainer, about, path, write=group.first)
