"""``placeproof match``: does one picture show what another shows?"""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from placeproof.cli.options import AllowDownload, AsJson, Weights, checkpoint_file
from placeproof.cli.outputs import check_output

_SUFFIXES = (".png", ".jpg", ".jpeg")


def match(
    query: Annotated[
        Path,
        typer.Argument(metavar="QUERY", help="The picture to find.", show_default=False),
    ],
    reference: Annotated[
        Path,
        typer.Argument(metavar="REFERENCE", help="Where to find it.", show_default=False),
    ],
    panorama: Annotated[
        bool | None,
        typer.Option(
            "--panorama/--no-panorama",
            help="Whether the reference is a full equirectangular panorama; by default it is "
            "one if it is twice as wide as high and its GPano XMP says nothing else.",
            show_default=False,
        ),
    ] = None,
    weights: Weights = None,
    allow_download: AllowDownload = False,
    as_json: AsJson = False,
    overlay: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="Write a picture of the comparison, as .png or .jpg.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Compare two pictures, with no claim about places (template matching, splicing)."""
    if overlay is not None and overlay.suffix.lower() not in _SUFFIXES:
        raise typer.BadParameter(f"its name has to end in one of {', '.join(_SUFFIXES)}")

    from placeproof.images import read_picture
    from placeproof.picture_match import match_pictures
    from placeproof.report.document import comparison_document, document_text
    from placeproof.report.overlay import overlay as draw
    from placeproof.report.pictures import write_picture
    from placeproof.report.terminal import print_comparison

    checkpoint = checkpoint_file(weights, allow_download=allow_download)
    if overlay is not None:
        check_output(overlay, query, reference, checkpoint)
    result = match_pictures(query, reference, panorama=panorama, weights=checkpoint)
    if as_json:
        typer.echo(document_text(comparison_document(result)), nl=False)
    else:
        print_comparison(result, Console())
    if overlay is not None:
        pictures = read_picture(query).pixels, read_picture(reference).pixels
        write_picture(draw(result.comparison, *pictures, ("Query", "Reference")), overlay)
        typer.echo(f"overlay written to {overlay}", err=True)
