"""Results for the terminal: complete in 80 columns, and without colour."""

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from placeproof.fusion import probability
from placeproof.grounds import contradicts, supports
from placeproof.report.describe import (
    bearing_text,
    claim_words,
    matched_share,
    printable,
    share_text,
    verdict_words,
)
from placeproof.results import (
    Comparison,
    Ground,
    PanoramaEvidence,
    PictureMatch,
    Provenance,
    Verdict,
    Verification,
)
from placeproof.verdict import probability_text

_STYLES = {
    Verdict.CONSISTENT: "bold green",
    Verdict.INCONSISTENT: "bold red",
    Verdict.INCONCLUSIVE: "bold yellow",
}
_ID_CHARACTERS = 12
_HASH_DIGITS = 8
_DATE_CHARACTERS = 10
_LEGEND = (
    "> decided the verdict. Probability: by this panorama alone, at even odds before.\n"
    "Camera: where it looked, if the match is right; several are about as good.\n"
    "Matched: share of the photo / of the panorama."
)


def print_verification(verification: Verification, console: Console) -> None:
    """Prints the verdict, its grounds, the panoramas compared and the provenance."""
    words = verdict_words(verification)
    claim = verification.claim
    console.print(Text(words.headline, _STYLES[verification.verdict]))
    if verification.probability is not None:
        prior = "" if verification.prior == 0.5 else f", given a prior of {verification.prior:g}"
        said = probability_text(verification.probability)
        console.print(Text(f"Match probability {said}{prior}"))
    console.print()
    for caution in verification.cautions:
        console.print(Text(f"Beware. {printable(caution.text)}", "bold yellow"))
        console.print()
    console.print(
        _facts(
            ("Photo", _picture(verification.provenance.photo.name, verification.photo_size)),
            ("Claim", f"{claim.location}, {claim_words(claim)}"),
            ("Reasons", "\n".join(printable(reason) for reason in verification.reasons)),
            *_grounds("For it", supports(verification.grounds)),
            *_grounds("Against", contradicts(verification.grounds)),
            ("It means", words.meaning),
            ("But", words.caution),
        )
    )
    if verification.evidence:
        console.print()
        console.print(_panoramas(verification))
        console.print(Text(_LEGEND, "dim"))
    console.print()
    console.print(_provenance_line(verification.provenance))


def print_comparison(match: PictureMatch, console: Console) -> None:
    """Prints what the network says of two pictures."""
    comparison = match.comparison
    probability = probability_text(comparison.probability)
    console.print(Text(f"Match probability {probability}: that both show the same place", "bold"))
    console.print()
    kind = " as a panorama" if match.panorama else ""
    console.print(
        _facts(
            ("Query", _picture(match.provenance.photo.name, match.query_size)),
            ("Reference", _picture(match.reference.name, match.reference_size) + kind),
            ("Matched", _matched_words(comparison)),
            ("But", "A match is no proof: places and objects can look alike."),
        )
    )
    console.print()
    console.print(_provenance_line(match.provenance))


def _facts(*facts: tuple[str, str]) -> Table:
    """Names and texts, the texts wrapped beside the names."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in facts:
        table.add_row(Text(name, "dim"), Text(text))
    return table


def _grounds(name: str, grounds: Sequence[Ground]) -> list[tuple[str, str]]:
    """What speaks for or against the claim, strongest first; log-odds in front."""
    lines = [f"{ground.log_odds:+.1f}  {printable(ground.text)}" for ground in grounds]
    return [(name, "\n".join(lines))] if lines else []


def _picture(name: str, size: tuple[int, int]) -> str:
    return f"{printable(name)} ({size[0]} x {size[1]})"


def _matched_words(comparison: Comparison) -> str:
    area = (
        f"{share_text(matched_share(comparison.query_mask.pixels()))} of the query and "
        f"{share_text(matched_share(comparison.reference_mask.pixels()))} of the reference"
    )
    if comparison.box is None:
        return area
    found = comparison.box
    return (
        f"{area}, there in the box of {found.width} x {found.height} pixels "
        f"from column {found.left}, row {found.top}"
    )


def _panoramas(verification: Verification) -> Table:
    """One row for each panorama; the one that decided says so."""
    count = len(verification.evidence)
    table = Table(
        box=box.SIMPLE_HEAD,
        pad_edge=False,
        padding=(0, 1, 0, 0),
        title=f"{count} panorama{'s' if count > 1 else ''} within {verification.radius_m:g} m",
        title_justify="left",
    )
    for name in ("  Panorama", "Distance", "Date", "Camera", "Probability", "Matched"):
        table.add_column(name, no_wrap=True, justify="right" if name == "Distance" else "left")
    for index, evidence in enumerate(verification.evidence):
        comparison = evidence.comparison
        decided = index == verification.decisive
        table.add_row(
            Text(f"{'>' if decided else ' '} {printable(evidence.record.id)[:_ID_CHARACTERS]}"),
            f"{evidence.distance_m:.0f} m",
            Text(printable(evidence.record.captured or "unknown")[:_DATE_CHARACTERS]),
            _camera_words(evidence),
            probability_text(probability(evidence.log_odds)),
            f"{share_text(matched_share(comparison.query_mask.pixels()))} / "
            f"{share_text(matched_share(comparison.reference_mask.pixels()))}",
            style="bold" if decided else "",
        )
    return table


def _camera_words(evidence: PanoramaEvidence) -> str:
    """The bearings that the camera may have looked in, one below the other."""
    if evidence.bearing is None:
        return "-"
    return "\n".join(map(bearing_text, (evidence.bearing, *evidence.other_bearings)))


def _provenance_line(provenance: Provenance) -> Text:
    return Text(
        f"placeproof {provenance.versions['placeproof']}, "
        f"weights {printable(provenance.weights)} {provenance.weights_sha256[:_HASH_DIGITS]}, "
        f"photo {provenance.photo_sha256[:_HASH_DIGITS]}, "
        f"{sum(provenance.seconds.values()):.1f} s",
        "dim",
    )
