"""``placeproof collect``: photos and panoramas of the open world to train on."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from placeproof.cli.options import INTERRUPTED, LibraryFolder, progress_bar
from placeproof.cli.outputs import make_output_folder

# They load torch, which takes seconds: only the command imports them.
if TYPE_CHECKING:
    from placeproof.collect.finish import Summary


def collect(
    areas: Annotated[
        str,
        typer.Argument(
            metavar="AREAS",
            help="WEST,SOUTH,EAST,NORTH in degrees, or a CSV or GeoJSON of named areas.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="Folder of the collection. If it holds one, that goes on.",
            show_default=False,
        ),
    ],
    library: LibraryFolder,
    panoramas: Annotated[
        str,
        typer.Option(
            metavar="NAME", help="Where panoramas come from: mapillary, panoramax or library."
        ),
    ] = "panoramax",
    max_distance: Annotated[
        str, typer.Option(metavar="METRES", help="From a photo to its panorama at most.")
    ] = "10m",
    cameras: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="CSV (make,model; * for anything) of the cameras whose positions are good.",
            show_default="phones since 2015",
        ),
    ] = None,
    building_share: Annotated[
        float,
        typer.Option(metavar="SHARE", help="Of a photo's pixels that show buildings, at least."),
    ] = 0.1,
    brightness: Annotated[
        float, typer.Option(metavar="N", help="Mean grey value of a photo at least, 0 to 255.")
    ] = 40.0,
    sharpness: Annotated[
        float,
        typer.Option(metavar="N", help="Variance of a photo's Laplacian at 512 pixels, at least."),
    ] = 60.0,
    most: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, help="Stop when so many are accepted.", show_default="no limit"
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(metavar="N", min=0, help="Draws development places and examples.")
    ] = 0,
) -> None:
    """Collect pairs of a photo and a panorama to train on, from Mapillary's photos.

    Needs a Mapillary token, in MAPILLARY_TOKEN. However a run ended, the same
    command goes on from there; other areas may be added to a collection.
    """
    from placeproof.collect.areas import read_areas
    from placeproof.collect.cameras import DEFAULT_CAMERAS, read_cameras
    from placeproof.collect.criteria import Criteria
    from placeproof.collect.finish import finish
    from placeproof.collect.run import Collector
    from placeproof.collect.sources import PHOTOS, make_sources
    from placeproof.collect.store import Store
    from placeproof.location import parse_radius
    from placeproof.net.client import HttpClient

    places = read_areas(areas)
    criteria = Criteria(
        photos=PHOTOS,
        panoramas=panoramas,
        cameras=tuple(read_cameras(cameras or DEFAULT_CAMERAS)),
        max_distance_m=parse_radius(max_distance),
        building_share=building_share,
        least_brightness=brightness,
        least_sharpness=sharpness,
        seed=seed,
    )
    with HttpClient() as client:
        sources = make_sources(panoramas, library, output, client)
        make_output_folder(output)
        with Store(output, criteria.settings()) as store:
            collector = Collector(output, store, sources, criteria)
            try:
                with progress_bar() as bar:
                    task = bar.add_task("Collecting")

                    def show(
                        area: str, done: int, total: int, accepted: int, rejected: int
                    ) -> None:
                        words = f"{area}: {accepted} accepted, {rejected} rejected; tiles"
                        bar.update(task, description=words, completed=done, total=total)

                    collector.run(places, show, most)
                summary = finish(output, store, criteria, complete=collector.complete)
            except KeyboardInterrupt as stop:
                typer.echo(f"placeproof: the same command goes on from {output}", err=True)
                raise typer.Exit(INTERRUPTED) from stop
    _report(output, summary, collector.undecided)


def _report(output: Path, summary: "Summary", undecided: int) -> None:
    """Prints what the collection holds, and where it is."""
    from placeproof.collect import page, pairs

    table = Table(box=None, pad_edge=False, show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for kind, number in summary.totals.items():
        if number:
            table.add_row(kind, f"{number:,}")
    Console().print(table)
    found = summary.pairs
    left_out = f", {found.left_out:,} left out between them" if found.left_out else ""
    typer.echo(
        f"{found.train:,} pairs to train on, {found.development:,} for development{left_out}; "
        f"the manifest is {output / pairs.FILE}, the page {output / page.FILE}"
    )
    if summary.totals["accepted"] and not found.development:
        typer.echo(
            "placeproof: all pairs are of one place of 250 m; add areas before you train", err=True
        )
    if undecided:
        typer.echo(
            f"placeproof: {undecided:,} photos could not be fetched; the same command tries again",
            err=True,
        )
    if not summary.countries_known:
        typer.echo(
            "placeproof: to count countries, run pip install 'placeproof[evaluate]' and the same "
            "command",
            err=True,
        )
