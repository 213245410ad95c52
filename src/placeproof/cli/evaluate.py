"""``placeproof evaluate``: methods compared on the same pairs."""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import TaskID

from placeproof.cli.options import INTERRUPTED, AllowDownload, FeaturesFolder, progress_bar
from placeproof.cli.outputs import make_output_folder
from placeproof.errors import EvaluationError
from placeproof.evaluation.negatives import MILE_M


def _require_packages() -> None:
    """Raises EvaluationError if a package of the extra ``evaluate`` is missing."""
    for module in ("matplotlib", "reverse_geocode", "sklearn", "utm"):
        if find_spec(module) is None:
            raise EvaluationError(
                f"an evaluation needs {module}: run pip install 'placeproof[evaluate]'"
            )


def _list(wanted: bool) -> None:
    """Prints what can be named, and ends."""
    if not wanted:
        return
    _require_packages()
    from placeproof.evaluation.methods.registry import METHODS, VISMATCH
    from placeproof.evaluation.suites import LAYOUTS
    from placeproof.matchers.vismatch import PREFIX

    typer.echo("Methods (* runs when none is named):")
    for name, entry in METHODS.items():
        takes = f"={entry.weights}" if entry.weights else ""
        typer.echo(f"{'*' if entry.by_default else ' '} {name}{takes}: {entry.about}")
    typer.echo(f"  {PREFIX}NAME: {VISMATCH.about}")
    typer.echo("Layouts of a test set:")
    for name, layout in LAYOUTS.items():
        typer.echo(f"  {name}: {layout.about}")
    raise typer.Exit


def evaluate(
    suite: Annotated[
        Path,
        typer.Argument(
            metavar="SUITE",
            help="The test set: a CSV or Parquet of pairs, or a folder.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            metavar="RUN",
            help="Folder of the run. If it holds an interrupted run of this suite, that goes on.",
            show_default=False,
        ),
    ],
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="How the test set is laid out; see --list.",
            show_default="manifest, if it is a file",
        ),
    ] = None,
    method: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME[=FILE]",
            help="A method, with weights of your own; as often as you like. See --list.",
            show_default="all that run with what is installed",
        ),
    ] = None,
    against: Annotated[
        Path | None,
        typer.Option(
            metavar="RUN",
            help="An earlier run to compare with, on the same pairs.",
            show_default=False,
        ),
    ] = None,
    negatives: Annotated[
        int,
        typer.Option(
            metavar="N", min=1, help="Pairs of different places for each true pair, where drawn."
        ),
    ] = 1,
    least_distance: Annotated[
        float,
        typer.Option(
            metavar="METRES",
            min=0,
            help="From a photo to the references of other places, where these are drawn.",
        ),
    ] = MILE_M,
    seed: Annotated[int, typer.Option(metavar="N", min=0, help="Of all that is drawn.")] = 0,
    workers: Annotated[
        int,
        typer.Option(metavar="N", min=1, help="Processes.", show_default="one for each core"),
    ] = os.cpu_count() or 1,
    features: FeaturesFolder = None,
    costs: Annotated[
        bool, typer.Option(help="Measure seconds and memory of a pair, one method at a time.")
    ] = True,
    allow_download: AllowDownload = False,
    list_: Annotated[  # noqa: ARG001  its callback does it all
        bool,
        typer.Option(
            "--list", callback=_list, is_eager=True, help="List methods and layouts, and exit."
        ),
    ] = False,
) -> None:
    """Score methods on the same pairs, and write a report.

    Methods run one after the other, each on all cores. However a run ended,
    the same command goes on with what is missing.
    """
    _require_packages()
    from placeproof.evaluation.conclude import check_earlier, conclude
    from placeproof.evaluation.methods.registry import default_methods, parse_method
    from placeproof.evaluation.run import RunSettings
    from placeproof.evaluation.run import evaluate as run
    from placeproof.evaluation.suites import read_suite

    if against is not None:
        check_earlier(against)
    read = read_suite(
        suite,
        layout=layout,
        seed=seed,
        negatives_per_query=negatives,
        least_distance_m=least_distance,
    )
    if method:
        specs = [parse_method(text, allow_download=allow_download) for text in method]
    else:
        specs, left_out = default_methods()
        if left_out:
            typer.echo(
                f"placeproof: {', '.join(left_out)} are left out; to have them, run "
                "pip install 'placeproof[local-features]'",
                err=True,
            )
    make_output_folder(output)
    settings = RunSettings(output, features, workers, costs)
    try:
        with progress_bar() as bar:
            tasks: dict[str, TaskID] = {}

            def show(what: str, done: int, total: int) -> None:
                for other in [other for other in tasks if other != what]:
                    bar.remove_task(tasks.pop(other))
                if what not in tasks:
                    tasks[what] = bar.add_task(what, total=total)
                bar.update(tasks[what], completed=done)

            results = run(read, specs, settings, show)
    except KeyboardInterrupt as stop:
        typer.echo(f"placeproof: the same command goes on from what is in {output}", err=True)
        raise typer.Exit(INTERRUPTED) from stop
    report = conclude(read, results, output, against)
    typer.echo(f"\nthe report is {report}")
