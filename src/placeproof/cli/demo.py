"""``placeproof demo``: the main job on a street that placeproof renders itself."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from placeproof.cli.options import Weights, checkpoint_file, progress_bar

if TYPE_CHECKING:
    from placeproof.demo import DemoCase
    from placeproof.panoramas.library import Library

_RENDERED = (
    "Nothing here is real: placeproof has rendered this street in 3-D, with all panoramas and "
    "photos, so the truth is known."
)


def demo(
    output: Annotated[
        Path, typer.Option(metavar="DIR", help="Where pictures and reports go.")
    ] = Path("demo-output"),
    weights: Weights = None,
) -> None:
    """Verify a true and a false claim about a street that is rendered, not real."""
    from placeproof.demo import run_demo

    checkpoint = checkpoint_file(weights)
    console = Console()
    console.print(Text(_RENDERED))
    with progress_bar() as progress:
        task = progress.add_task("", total=None)
        result = run_demo(
            output,
            weights=checkpoint,
            progress=lambda what, done, total: progress.update(
                task, description=what.capitalize(), completed=done, total=total
            ),
        )
    for case in result.cases:
        report, overlays = _write_evidence(case, result.library, output)
        files = [("Report", report), *(("Overlay", path) for path in overlays)]
        console.print()
        for line in (*_lines(case), *(f"  {name:<8}  {path}" for name, path in files)):
            console.print(Text(line), soft_wrap=True)


def _write_evidence(case: "DemoCase", library: "Library", folder: Path) -> tuple[Path, list[Path]]:
    """Writes a case's report, and an overlay for each panorama."""
    from placeproof.images import read_picture
    from placeproof.report.html import write_report
    from placeproof.report.pictures import Panoramas, write_overlays

    photo = read_picture(case.photo).pixels
    records = [evidence.record for evidence in case.verification.evidence]
    panoramas = Panoramas(library, records)
    report = case.photo.with_suffix(".html")
    write_report(case.verification, photo, panoramas, report)
    return report, write_overlays(case.verification, photo, panoramas, folder)


def _lines(case: "DemoCase") -> list[str]:
    """What was claimed, what was found, and whether that is right."""
    from placeproof.report.describe import bearing_text, verdict_words
    from placeproof.results import Verdict
    from placeproof.verdict import probability_text

    verification = case.verification
    right = Verdict.CONSISTENT if case.claim_is_true else Verdict.INCONSISTENT
    judgement = {right: "right", Verdict.INCONCLUSIVE: "undecided"}
    lines = [
        f"{case.title[0].upper()}{case.title[1:]}",
        f"  Claim     {case.claim}, which is {'true' if case.claim_is_true else 'false'}",
        f"  Verdict   {verdict_words(verification).headline}: "
        f"{judgement.get(verification.verdict, 'wrong')}",
    ]
    if verification.probability is not None:
        lines.append(f"  Match     probability {probability_text(verification.probability)}")
    if case.bearing is not None:
        found = "no direction found"
        if verification.decisive is not None:
            bearing = verification.evidence[verification.decisive].bearing
            if bearing is not None and case.bearing_error is not None:
                found = f"found {bearing_text(bearing)}, {case.bearing_error:.0f}° off"
        lines.append(f"  Camera    looked {bearing_text(case.bearing)}; {found}")
    if verification.decisive is not None:
        decided = verification.evidence[verification.decisive]
        truth = case.truth.get(decided.record.id)
        if truth is not None and truth.bearing is not None:
            lines.append(
                f"  Parallax  what it shows lies {bearing_text(truth.bearing)} of the panorama "
                f"that decided, {decided.distance_m:.0f} m away"
            )
    return lines
