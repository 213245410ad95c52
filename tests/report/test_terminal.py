import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from placeproof.report.terminal import print_comparison, print_verification
from placeproof.results import (
    Caution,
    CautionKind,
    Ground,
    PictureMatch,
    Provenance,
    Verdict,
    Verification,
)

HOSTILE = "\x1b[2J\x07[bold red]evil :smile: \u202egpj\udcff"
SHOWN = r"\x1b[2J\x07[bold red]evil :smile: \u202egpj\udcff"


def printed(result: Verification | PictureMatch, width: int = 80, *, colour: bool = False) -> str:
    """What is printed where nothing is known of the terminal but its width."""
    file = io.StringIO()
    system = "standard" if colour else None
    console = Console(
        file=file, width=width, force_terminal=colour, color_system=system, legacy_windows=False
    )
    if isinstance(result, Verification):
        print_verification(result, console)
    else:
        print_comparison(result, console)
    text = file.getvalue()
    text.encode()
    for line in text.splitlines():
        assert colour or cell_len(line) <= width
    return text


def words(text: str) -> str:
    """The text without its line breaks and columns."""
    return " ".join(text.split())


@pytest.mark.parametrize(
    ("verdict", "headline"),
    [
        (Verdict.CONSISTENT, "Consistent with the claimed place"),
        (Verdict.INCONSISTENT, "Inconsistent with the claimed place"),
        (Verdict.INCONCLUSIVE, "Inconclusive"),
    ],
)
def test_the_verdict_comes_first(consistent: Verification, verdict: Verdict, headline: str) -> None:
    lines = [line.rstrip() for line in printed(replace(consistent, verdict=verdict)).splitlines()]
    assert lines[:3] == [headline, "Match probability 0.94", ""]


def test_everything_is_said(consistent: Verification) -> None:
    text = words(printed(consistent))
    for fact in (
        "street.jpg (80 x 60)",
        "48.858400,2.294500, read from the photo's own EXIF data",
        "The photo matches a panorama. It is near.",
        "It means A panorama taken near the claimed place matches",
        "But It is no proof",
        "2 panoramas within 50 m",
        "> 111111111111 11 m 2023-05-01 WSW 247° 0.94 50% / 5% ENE 77°",
        " 222222222222 11 m unknown - 0.02 0% / 0%",
        "> decided the verdict.",
        "placeproof 0.1.0, weights placeproof-lite2 cdcdcdcd, photo abababab, 1.6 s",
    ):
        assert fact in text, fact


def test_what_speaks_for_and_against_is_told_apart(consistent: Verification) -> None:
    text = words(printed(consistent))
    assert "For it +2.5 Many points lie where they should." in text
    assert "Against -0.8 Other panoramas say nothing." in text
    alone = words(printed(replace(consistent, grounds=consistent.grounds[:1])))
    assert "Against" not in alone


def test_cautions_come_before_the_reasons(consistent: Verification) -> None:
    text = words(printed(consistent))
    assert "0.94 Beware. It was cut out of the panorama. Photo street.jpg" in text
    assert "Beware" not in printed(replace(consistent, cautions=()))


def test_the_prior_is_said_unless_it_is_even(consistent: Verification) -> None:
    assert "prior" not in printed(consistent)
    assert "0.94, given a prior of 0.001" in printed(replace(consistent, prior=0.001))


def test_only_the_decisive_panorama_is_marked(consistent: Verification) -> None:
    text = printed(replace(consistent, decisive=1))
    rows = [line for line in text.splitlines() if "1" * 12 in line or "2" * 12 in line]
    assert [row.lstrip()[0] for row in rows] == ["1", ">"]


def test_one_panorama_is_no_plural(consistent: Verification) -> None:
    text = printed(replace(consistent, evidence=consistent.evidence[:1]))
    assert "1 panorama within 50 m" in text


def test_no_coverage(no_coverage: Verification) -> None:
    text = printed(no_coverage)
    assert text.startswith("Inconclusive: nothing to compare with")
    assert "probability" not in text
    assert "0 panoramas" not in text
    assert "decided" not in text
    assert "does not mean false" in words(text)
    assert "photo abababab" in text


def test_a_comparison(picture_match: PictureMatch) -> None:
    text = words(printed(picture_match))
    for fact in (
        "Match probability 0.94: that both show the same place",
        "Query street.jpg (80 x 60)",
        "Reference wall.jpg (400 x 200) Matched",
        "50% of the query and 5% of the reference",
        "the box of 40 x 100 pixels from column 10, row 50",
        "no proof",
        "weights placeproof-lite2 cdcdcdcd",
    ):
        assert fact in text, fact


def test_a_comparison_with_a_panorama_and_no_match(
    picture_match: PictureMatch, consistent: Verification
) -> None:
    nothing = consistent.evidence[1].comparison
    text = words(printed(replace(picture_match, panorama=True, comparison=nothing)))
    assert "wall.jpg (400 x 200) as a panorama" in text
    assert "0% of the query and 0% of the reference But" in text
    assert "box" not in text


def test_no_colour_unless_the_terminal_has_it(
    consistent: Verification, no_coverage: Verification, picture_match: PictureMatch
) -> None:
    for result in (consistent, no_coverage, picture_match):
        assert "\x1b" not in printed(result)
        assert "\x1b[" in printed(result, colour=True)


def hostile(provenance: Provenance) -> Provenance:
    return replace(provenance, photo=Path(f"photo {HOSTILE}"), weights=f"weights {HOSTILE}")


def test_hostile_names_are_shown_and_do_nothing(
    consistent: Verification, picture_match: PictureMatch
) -> None:
    evidence = consistent.evidence[0]
    record = replace(evidence.record, id=HOSTILE, captured=f"[/]{HOSTILE}")
    verification = replace(
        consistent,
        reasons=(f"reason [/] {HOSTILE}",),
        grounds=(Ground(1.0, f"ground [/] {HOSTILE}"),),
        cautions=(Caution(CautionKind.COPY, f"caution [/] {HOSTILE}"),),
        evidence=(replace(evidence, record=record),),
        provenance=hostile(consistent.provenance),
    )
    comparison = replace(
        picture_match,
        reference=Path(f"reference {HOSTILE}"),
        provenance=hostile(picture_match.provenance),
    )
    for text in (printed(verification), printed(comparison)):
        assert "\x1b" not in text
        assert "\x07" not in text
        assert "\u202e" not in text
        assert f"photo {SHOWN}" in words(text)
        assert f"weights {SHOWN}" in words(text)
    for field in ("reason", "ground", "caution"):
        assert f"{field} [/] {SHOWN}" in words(printed(verification))
    assert f"reference {SHOWN}" in words(printed(comparison))
    assert SHOWN[:12] in printed(verification)


@pytest.mark.parametrize("name", ["x" * 300 + ".jpg", "東京駅" * 40 + ".jpg"])
def test_long_names_stay_within_the_line(
    consistent: Verification, picture_match: PictureMatch, name: str
) -> None:
    evidence = consistent.evidence[0]
    record = replace(evidence.record, id=name, captured=name)
    provenance = replace(consistent.provenance, photo=Path(name))
    verification = replace(
        consistent,
        evidence=(replace(evidence, record=record, distance_m=99_999.0),),
        provenance=provenance,
    )
    for result in (verification, replace(picture_match, provenance=provenance)):
        assert name in "".join(printed(result).split())


def test_a_narrow_terminal(consistent: Verification) -> None:
    assert "Consistent" in printed(consistent, width=40)
