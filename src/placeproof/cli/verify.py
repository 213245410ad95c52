"""``placeproof verify``: was this photo taken there?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from placeproof.cli.claim import LookUp, claimed_location
from placeproof.cli.options import (
    AllowDownload,
    AsJson,
    LibraryFolder,
    Weights,
    checkpoint_file,
    progress_bar,
)
from placeproof.cli.outputs import check_output, make_output_folder
from placeproof.cli.source import SourceName, open_source
from placeproof.location import parse_radius


def verify(
    photo: Annotated[Path, typer.Argument(metavar="PHOTO", help="The photo.", show_default=False)],
    library: LibraryFolder,
    at: Annotated[
        str | None,
        typer.Option(
            metavar="PLACE",
            help="Where it is claimed to have been taken: LAT,LON or any other notation, a link "
            "to a map, a plus code, a geohash, or with --look-up a name; without this, where its "
            "own EXIF GPS says.",
            show_default=False,
        ),
    ] = None,
    look_up: LookUp = False,
    source: Annotated[
        SourceName,
        typer.Option(
            help="Where panoramas come from: the library, or a provider. Providers get the "
            "claimed place, and never the photo.",
        ),
    ] = SourceName.LIBRARY,
    radius: Annotated[
        str,
        typer.Option(
            metavar="LENGTH", help="How far from there panoramas are compared: 50m, 0.2km."
        ),
    ] = "50m",
    prior: Annotated[
        float,
        typer.Option(
            metavar="P",
            help="How likely the claim is before anything is compared. The verdict's thresholds "
            "are for even odds; another prior can take a verdict away and never make one.",
        ),
    ] = 0.5,
    weights: Weights = None,
    allow_download: AllowDownload = False,
    as_json: AsJson = False,
    overlays: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Write a picture of each comparison into this folder.",
            show_default=False,
        ),
    ] = None,
    report: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.html",
            help="Write a web page with all evidence; it needs no other file.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Was this photo taken where it is claimed to have been taken?

    The answer is consistent, inconsistent or inconclusive. The exit code is 0
    for all three; any other means that there is no answer, and stderr says why.
    """
    claim = None if at is None else claimed_location(at, look_up=look_up)
    radius_m = parse_radius(radius)

    from placeproof.images import read_picture
    from placeproof.report.document import document_text, verification_document
    from placeproof.report.html import write_report
    from placeproof.report.pictures import Panoramas, write_overlays
    from placeproof.report.terminal import print_verification
    from placeproof.verify import Verifier

    panoramas_from, features = open_source(source, library)
    checkpoint = checkpoint_file(weights, allow_download=allow_download)
    if overlays is not None:
        make_output_folder(overlays, library)
    if report is not None:
        check_output(report, photo, checkpoint, library)
    verifier = Verifier(panoramas_from, features, checkpoint)
    with progress_bar() as progress:
        task = progress.add_task("Comparing", total=None)
        verification = verifier.verify(
            photo,
            claim,
            radius_m=radius_m,
            prior=prior,
            progress=lambda done, total: progress.update(task, completed=done, total=total),
        )
    if as_json:
        typer.echo(document_text(verification_document(verification)), nl=False)
    else:
        print_verification(verification, Console())
    if overlays is None and report is None:
        return
    pixels = read_picture(photo).pixels
    panoramas = Panoramas(panoramas_from, [evidence.record for evidence in verification.evidence])
    if overlays is not None:
        written = write_overlays(verification, pixels, panoramas, overlays)
        typer.echo(f"{len(written)} overlays written to {overlays}", err=True)
    if report is not None:
        write_report(verification, pixels, panoramas, report)
        typer.echo(f"report written to {report}", err=True)
