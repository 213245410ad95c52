"""``placeproof weights``: the networks that photos are verified with."""

import dataclasses
import json
from typing import Annotated

import typer
from rich import box
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

app = typer.Typer(help="See and download the weights of networks.", no_args_is_help=True)


@app.command()
def fetch(
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME",
            help="A Hugging Face repository with a checkpoint, as owner/name; or an extractor "
            "to train from: resnet50, efficientnet-lite2 or any timm model.",
            show_default=False,
        ),
    ],
) -> None:
    """Download weights into the user's cache folder.

    An interrupted download goes on where it broke off, and what arrives is compared with the
    checksum that the hub states. HF_ENDPOINT names another hub, HF_TOKEN gives access to what
    is not public, HF_HUB_OFFLINE=1 forbids all requests.
    """
    from placeproof.weights_store import fetch as fetch_weights

    with bytes_progress() as progress:
        task = progress.add_task(f"Downloading {name}", total=None)
        path = fetch_weights(
            name, lambda here, total: progress.update(task, completed=here, total=total)
        )
    typer.echo(f"{name} is in {path}")


@app.command("list")
def list_weights() -> None:
    """List the weights that ship with placeproof and those that have been downloaded."""
    from placeproof.weights_store import CHECKPOINT_FILE, SHIPPED, SHIPPED_FILE, downloaded

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("Name", no_wrap=True)
    table.add_column("What", no_wrap=True)
    table.add_column("Size", no_wrap=True, justify="right")
    table.add_column("File", overflow="fold")
    rows = [(SHIPPED, "checkpoint, ships with placeproof", SHIPPED_FILE)]
    for file in downloaded():
        kind = "checkpoint" if file.filename == CHECKPOINT_FILE else "extractor to train from"
        rows.append((file.name, f"{kind}, downloaded", file.path))
    for name, what, path in rows:
        size = f"{path.stat().st_size / 1e6:.1f} MB" if path.is_file() else "missing"
        table.add_row(Text(name), what, size, Text(str(path)))
    Console().print(table)


@app.command()
def show(
    weights: Annotated[
        str,
        typer.Argument(
            metavar="NAME|FILE",
            help="A checkpoint, as `placeproof weights list` names it, or a file.",
            show_default=False,
        ),
    ],
    as_json: Annotated[bool, typer.Option("--json", help="Print the card as JSON.")] = False,
) -> None:
    """Check a checkpoint and print its model card: what it is and what it was measured at."""
    from placeproof.network.checkpoint import load_checkpoint
    from placeproof.weights_store import find_checkpoint

    path = find_checkpoint(weights, allow_download=False)
    checkpoint = load_checkpoint(path)
    card = dataclasses.asdict(checkpoint.card)
    if as_json:
        card |= {"file": str(path), "sha256": checkpoint.sha256}
        typer.echo(json.dumps(card, indent=2, ensure_ascii=False))
        return
    _print_card(card | {"file": path, "SHA-256": checkpoint.sha256})


def bytes_progress() -> Progress:
    """A progress bar for downloads on stderr, only on a terminal, that is gone afterwards."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        DownloadColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )


def _print_card(card: dict[str, object]) -> None:
    """Two columns; what is a group in the card is one here."""
    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column(style="bold", no_wrap=True)
    table.add_column(overflow="fold")
    for key, value in card.items():
        label = key[0].upper() + key[1:].replace("_", " ")
        if isinstance(value, dict):
            for inner, number in value.items():
                table.add_row(label, Text(f"{inner.replace('_', ' ')}: {number}"))
                label = ""
        else:
            table.add_row(label, Text("none" if value is None else str(value)))
    Console().print(table)
