"""Options and progress that several commands share."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from placeproof.cli.weights import bytes_progress


def _default_library_folder() -> Path:
    from placeproof.panoramas.library import default_library_folder

    return default_library_folder()


INTERRUPTED = 130  # exit code of a command that the user interrupts

LibraryFolder = Annotated[
    Path,
    typer.Option(
        "--library",
        metavar="DIR",
        envvar="PLACEPROOF_LIBRARY",
        default_factory=_default_library_folder,
        show_default="the user's data folder",
        help="Folder of the panorama library.",
    ),
]

Weights = Annotated[
    str | None,
    typer.Option(
        metavar="NAME|FILE",
        help="Weights to compute with, as `placeproof weights list` names them, or a file.",
        show_default="those that ship with placeproof",
    ),
]
AllowDownload = Annotated[
    bool, typer.Option("--allow-download", help="Download the weights if they are not here yet.")
]
FeaturesFolder = Annotated[
    Path | None,
    typer.Option(
        "--features",
        metavar="DIR",
        help="Folder in which features are kept; several runs may share it.",
        show_default="features, in the output",
    ),
]
AsJson = Annotated[
    bool, typer.Option("--json", help="Print one JSON document, described in docs/json.md.")
]


def checkpoint_file(name: str | None, *, allow_download: bool = False) -> Path:
    """What ``--weights`` names, downloaded first where that is needed and allowed.

    Raises:
        PlaceproofError: See :func:`placeproof.weights_store.find_checkpoint`.
    """
    from placeproof.weights_store import find_checkpoint

    with bytes_progress() as progress:
        task = progress.add_task(f"Downloading {name}", visible=False)
        return find_checkpoint(
            name,
            allow_download=allow_download,
            progress=lambda here, total: progress.update(
                task, completed=here, total=total, visible=True
            ),
        )


def progress_bar() -> Progress:
    """A progress bar on stderr, only on a terminal, that is gone when the work is done."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
