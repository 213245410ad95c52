"""``placeproof library``: the panoramas that photos are compared with."""

import json
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from placeproof.cli.options import LibraryFolder, progress_bar
from placeproof.errors import CorruptLibraryError, LibraryError

# The library itself loads torch, which takes seconds: only the commands import it.
if TYPE_CHECKING:
    from placeproof.panoramas.library import AddResult
    from placeproof.panoramas.library_check import Finding

_ID_DIGITS = 12  # of 64; enough to tell the panoramas of any library apart

app = typer.Typer(help="Keep the panoramas that photos are compared with.", no_args_is_help=True)


@app.command()
def add(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH",
            help="Panoramas, folders of them, or a CSV or GeoJSON that lists them.",
            show_default=False,
        ),
    ],
    library: LibraryFolder,
) -> None:
    """Copy panoramas into the library; makes it if need be.

    Positions come from a CSV or GeoJSON beside the pictures (columns or
    properties file, lat, lon and, if known, heading, captured, source, licence),
    else from GPano XMP or EXIF. Adding again is harmless: it completes an
    interrupted run and takes over changed positions.
    """
    from placeproof.panoramas.intake import gather
    from placeproof.panoramas.library import Library, Outcome

    store = Library.create_or_open(library)
    candidates = gather(paths)
    outcomes: Counter[Outcome] = Counter()
    with progress_bar() as progress:
        task = progress.add_task("Adding", total=len(candidates))
        for candidate in candidates:
            result = store.add_candidate(candidate)
            outcomes[result.outcome] += 1
            progress.console.print(_line(result), soft_wrap=True)
            progress.advance(task)
    summary = ", ".join(f"{outcomes[outcome]} {outcome}" for outcome in Outcome)
    typer.echo(f"{summary}; the library {library} now holds {len(store)} panoramas")
    if outcomes.total() == outcomes[Outcome.REJECTED]:
        raise LibraryError(
            "nothing was added: " + ("see above" if outcomes else "no pictures found")
        )


@app.command("list")
def list_panoramas(
    library: LibraryFolder,
    as_json: Annotated[
        bool,
        typer.Option("--json", help="Print a JSON array with all fields, also size and licence."),
    ] = False,
) -> None:
    """List the library's panoramas: where, when and by whom they were taken."""
    from placeproof.panoramas.library import Library
    from placeproof.panoramas.record_file import record_as_dict

    records = Library.open(library).records()
    if as_json:
        typer.echo(json.dumps([record_as_dict(record) for record in records], indent=2))
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name, width in (("Id", 12), ("Latitude,longitude", 18), ("Heading", 7), ("Captured", 10)):
        table.add_column(name, min_width=width, no_wrap=True)
    table.add_column("Source", overflow="fold")
    for record in records:
        table.add_row(
            record.id[:_ID_DIGITS],
            str(record.location),
            "" if record.heading is None else f"{record.heading:.1f}°",
            (record.captured or "")[:10],
            Text(record.source),
        )
    Console().print(table)


@app.command("check")
def check_library(
    library: LibraryFolder,
    mend: Annotated[
        bool,
        typer.Option(
            "--repair",
            help="Rebuild the index and move what is damaged to the folder set-aside.",
        ),
    ] = False,
) -> None:
    """Check every picture's hash, every record and the index; exit with 31 if any is wrong."""
    from placeproof.panoramas.library import Library
    from placeproof.panoramas.library_check import check, repair

    console = Console(stderr=True)
    if mend:
        for finding in repair(Library.find(library)):
            console.print(_finding_line(finding), soft_wrap=True)
    store = Library.open(library)
    problems = 0
    with progress_bar() as progress:
        task = progress.add_task("Checking", total=len(store))
        for finding in check(store):
            if finding.problem:
                problems += 1
                progress.console.print(_finding_line(finding), soft_wrap=True)
            progress.advance(task)
    if problems:
        raise CorruptLibraryError(
            f"{problems} of the library's files are wrong; add the damaged originals again, or "
            "run: placeproof library check --repair"
        )
    typer.echo(f"all {len(store)} panoramas of {library} are sound")


@app.command()
def remove(
    ids: Annotated[
        list[str],
        typer.Argument(
            metavar="ID",
            help="Ids as `library list` shows them, or their first digits.",
            show_default=False,
        ),
    ],
    library: LibraryFolder,
) -> None:
    """Delete panoramas from the library, with their records and cached features."""
    from placeproof.panoramas.library import Library

    store = Library.open(library)
    for record in [store.resolve(prefix) for prefix in ids]:  # all, before any is deleted
        store.remove(record.id)
        typer.echo(f"removed {record.id}")


def _line(result: "AddResult") -> Text:
    """One line on one file; a Text, since file names may hold rich's markup."""
    style = "green" if result.record else "red"
    line = Text.assemble((f"{result.outcome:13}", style), " ", str(result.path))
    if result.record:
        line.append(f"  {result.record.id[:_ID_DIGITS]}  {result.record.location}", "dim")
    if result.reason:
        line.append(f": {result.reason}")
    return line


def _finding_line(finding: "Finding") -> Text:
    return Text(f"{finding.path}: {finding.problem}")
