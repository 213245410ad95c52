"""``placeproof train``: weights of one's own."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from placeproof.cli.options import INTERRUPTED, AllowDownload, FeaturesFolder
from placeproof.cli.outputs import make_output_folder
from placeproof.errors import TrainingError


def train(
    recipe: Annotated[
        Path,
        typer.Argument(
            metavar="RECIPE.toml",
            help="What to train, how: see recipes/ and docs/training.md.",
            show_default=False,
        ),
    ],
    manifest: Annotated[
        Path,
        typer.Option(
            metavar="PAIRS",
            help="CSV or Parquet of the pairs to train on and to choose by.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder of the run. If it holds an interrupted run of this recipe and manifest, "
            "that goes on.",
            show_default=False,
        ),
    ],
    init: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.safetensors",
            help="Weights to begin with: a checkpoint of placeproof, or a timm model's.",
            show_default="the extractor's published ones",
        ),
    ] = None,
    allow_download: AllowDownload = False,
    device: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="cpu, cuda or cuda:1.", show_default="a GPU, if any"),
    ] = None,
    features: FeaturesFolder = None,
    memory: Annotated[
        float, typer.Option(metavar="GB", min=0, help="Features kept in memory as well.")
    ] = 2.0,
    workers: Annotated[
        int, typer.Option(metavar="N", min=1, help="Batches prepared at the same time.")
    ] = 2,
    tensorboard: Annotated[
        bool, typer.Option("--tensorboard", help="Keep measures for TensorBoard, too.")
    ] = False,
    about_data: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="What the model card says of the data: their names and licences.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Train a network phase by phase, calibrate it, and write it with its model card.

    Ctrl-C stops after the current step and saves the state, a second one stops
    at once. However the run ended, the same command goes on from the last state.
    torchrun starts several processes that train together.
    """
    if find_spec("sklearn") is None:
        raise TrainingError("training needs scikit-learn: run pip install 'placeproof[train]'")
    from placeproof.training.distributed import choose_device
    from placeproof.training.interruption import Interrupted
    from placeproof.training.recipe import read_recipe
    from placeproof.training.run import Settings
    from placeproof.training.run import train as run

    make_output_folder(output)
    try:
        settings = Settings(
            output=output,
            init=init,
            allow_download=allow_download,
            device=choose_device(device),
            features=features,
            memory=round(memory * 1e9),
            workers=workers,
            tensorboard=tensorboard,
            about_data=about_data,
        )
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--device") from error
    try:
        path, card = run(read_recipe(recipe), manifest, settings)
    except Interrupted as stop:
        typer.echo(f"placeproof: the same command goes on from the state in {output}", err=True)
        raise typer.Exit(INTERRUPTED) from stop
    if os.environ.get("RANK", "0") != "0":  # of several processes, one speaks
        return
    for name, value in card.metrics.items():
        typer.echo(f"{name}: {value:g}")
    typer.echo(f"the weights are in {path}")
