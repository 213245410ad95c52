import base64
import io
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from evaluated import (
    COST,
    answer,
    make_suite,
    method,
    rectangle,
    scored,
    with_mask,
    with_pair,
)
from PIL import Image
from rich.console import Console

from placeproof.errors import NotAnImageError, StorageError
from placeproof.evaluation import wording
from placeproof.evaluation.compare import RunComparison, compare_runs
from placeproof.evaluation.measures import Estimate, Measures
from placeproof.evaluation.measuring import measure
from placeproof.evaluation.report import RunFacts, write_report
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.evaluation.summary import markdown
from placeproof.evaluation.terminal import print_measures
from placeproof.geometry import WrappedBox
from placeproof.metrics import Difference
from placeproof.results import Verdict

EMPTY = {"meta", "img", "br"}  # elements that have no end tag
NAME = "<img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}\x1b|"  # of files; no file's name has a slash
HOSTILE = f"{NAME}</td>\u202egpj\ud800"
SHOWN_NAME = "<img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}\\x1b|"
SHOWN = f"{SHOWN_NAME}</td>\\u202egpj\\ud800"
FACTS = RunFacts(
    "placeproof evaluate suite", "2026-01-02 03:04 UTC", "a machine", {"placeproof": "9.8.7"}
)


class Page(HTMLParser):
    """What a report holds."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.text = ""
        self.tags: list[str] = []
        self.headings: list[int] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.pictures: dict[str, bytes] = {}
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert self._open == []
        self.text = " ".join(self.text.split())
        self.rows = [[" ".join(cell.split()) for cell in row] for row in self.rows]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in EMPTY:
            self._open.append(tag)
        if re.fullmatch("h[1-6]", tag):
            self.headings.append(int(tag[1]))
        if tag == "tr":
            self.rows.append([])
        if tag in {"th", "td"}:
            self.rows[-1].append("")
        if tag == "img":
            values = {name: value or "" for name, value in attrs}
            assert values["alt"] not in self.pictures
            self.pictures[values["alt"]] = base64.b64decode(values["src"].split(",")[1])

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] == "style":
            return
        self.text += data + " "
        if {"th", "td"} & {*self._open}:
            self.rows[-1][-1] += data + " "


def assert_self_contained(page: Page) -> None:
    assert not {"script", "link", "iframe", "object", "embed", "base", "form", "a"} & {*page.tags}
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        assert name not in {"href", "srcset", "action", "background", "style"}, (tag, name)
        if name == "src":
            assert value is not None
            assert re.fullmatch(r"data:image/(jpeg|png);base64,[A-Za-z0-9+/=]+", value)
    style = page.source[page.source.index("<style>") : page.source.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style
    assert "http:" not in page.source
    assert "https:" not in page.source


def assert_accessible(page: Page) -> None:
    assert ("html", "lang", "en") in page.attributes
    assert page.headings[0] == 1
    assert page.headings.count(1) == 1
    steps = np.diff(page.headings)
    assert steps.max() <= 1, "no level is left out"
    assert page.tags.count("img") == len(page.pictures)
    assert all(len(alt) > 20 for alt in page.pictures)
    assert page.tags.count("caption") == page.tags.count("table") == page.tags.count("thead")
    scopes = [value for tag, name, value in page.attributes if (tag, name) == ("th", "scope")]
    assert len(scopes) == page.tags.count("th")
    names = [value for _, name, value in page.attributes if name == "id"]
    assert len(names) == len(set(names))
    named = [value for _, name, value in page.attributes if name == "aria-labelledby"]
    assert set(named) <= set(names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("evaluated")


@pytest.fixture(scope="module")
def suite(folder: Path) -> Suite:
    """With all that can be known, and with names and texts of strangers."""
    suite = make_suite(folder, name=NAME)
    suite = with_mask(suite, 0, rectangle(112, 16, 32, 32), folder)
    suite = with_mask(suite, 2, rectangle(32, 16, 32, 32), folder)
    suite = with_pair(suite, 0, bearing=-170.0)
    return replace(suite, name=f"suite {HOSTILE}", about=f"about {HOSTILE}")


@pytest.fixture(scope="module")
def results(suite: Suite) -> list[MethodResult]:
    mask = rectangle(112, 16, 32, 32).astype(np.float32)
    answers = [
        answer(
            pair.same + 0.01 * n,
            probability=0.05 + 0.9 * pair.same,
            verdict=Verdict.CONSISTENT if pair.same else Verdict.INCONCLUSIVE,
        )
        for n, pair in enumerate(suite.pairs)
    ]
    answers[0] = replace(answers[0], box=WrappedBox(112, 16, 32, 32), yaw=175.0)
    answers[1] = replace(answers[1], verdict=Verdict.CONSISTENT)  # wrongly
    answers[3] = replace(answers[3], verdict=Verdict.INCONSISTENT)
    rich = method(
        "rich",
        answers,
        {0: mask},
        cost=COST,
        title=f"title {HOSTILE}",
        source=f"source {HOSTILE}",
        weights=f"weights {HOSTILE}",
    )
    return [scored(suite, "plain", 0.5, weights="Not the published ones: stand-ins"), rich]


@pytest.fixture(scope="module")
def measures(suite: Suite, results: list[MethodResult]) -> Measures:
    return measure(suite, results, resamples=30)


@pytest.fixture(scope="module")
def comparison(suite: Suite, results: list[MethodResult]) -> RunComparison:
    earlier = [
        scored(suite, "plain", 0.1, seed=4, weights=f"earlier {HOSTILE}"),
        scored(suite, "gone", 1.0, title=f"gone {HOSTILE}"),
    ]
    fingerprint = suite.fingerprint()
    return compare_runs(suite, results, f"run {HOSTILE}", fingerprint, earlier, resamples=30)


@pytest.fixture(scope="module")
def page(
    suite: Suite,
    results: list[MethodResult],
    measures: Measures,
    comparison: RunComparison,
    folder: Path,
) -> Page:
    facts = RunFacts(
        f"command {HOSTILE}",
        f"started {HOSTILE}",
        f"machine {HOSTILE}",
        {"placeproof": f"version {HOSTILE}", f"package {HOSTILE}": "1"},
    )
    return Page(write_report(suite, results, measures, facts, folder, comparison))


def test_the_page_needs_nothing_else_and_anyone_can_read_it(page: Page) -> None:
    assert_self_contained(page)
    assert_accessible(page)
    policy = next(value for _, name, value in page.attributes if name == "content")
    assert policy is not None
    assert "default-src 'none'" in policy
    assert page.source.index("Content-Security-Policy") < page.source.index("<title>")
    assert len(page.source) < 3_000_000


def test_what_strangers_wrote_is_shown_and_does_nothing(page: Page) -> None:
    for field in (
        *("suite", "about", "title", "source", "weights", "gone", "earlier", "run"),
        *("command", "started", "machine", "version", "package"),
    ):
        assert f"{field} {SHOWN}" in page.text, field
    assert f"Pair 0: {SHOWN_NAME}-0.png and panorama-0.png" in page.text
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page.source)


def test_every_figure_is_a_file_and_in_the_page(page: Page, folder: Path) -> None:
    files = {path.name: path.read_bytes() for path in (folder / "figures").iterdir()}
    assert set(files) == {
        *("curves.png", "cost.png", "histograms.png", "reliability.png", "countries.png"),
        *("grid.jpg", "errors-rich.jpg", "errors-plain.jpg"),
    }
    assert sorted(page.pictures.values()) == sorted(files.values())
    for data in files.values():
        assert min(Image.open(io.BytesIO(data)).size) > 100


def test_the_tables_hold_the_measures(page: Page, measures: Measures) -> None:
    best, plain = measures.methods
    assert best.auc.value == 1
    header, first, second = page.rows[:3]
    assert header[:3] == ["Method", "AUC", "Average precision"]
    assert first[0] == f"title {SHOWN} weights {SHOWN}"
    assert first[1] == "1.000 1.000 to 1.000"
    assert first[-1] == "best"
    assert second[0] == "PLAIN Not the published ones: stand-ins", "stand-ins are marked in place"
    assert second[1] == f"{plain.auc.value:.3f} {plain.auc.low:.3f} to {plain.auc.high:.3f}"
    assert second[5:7] == ["–", "–"]
    assert plain.against_best is not None
    assert second[-1].startswith(f"−{-plain.against_best.value:.3f} −")
    assert f"p = {plain.against_best.p_value:.3f}" in second[-1]
    localization = next(row for row in page.rows if row[-1] == "1 of 1")
    assert localization[1].startswith("0.500"), "one of two masks was found"
    assert localization[6] == "15.0°"
    assert ["PLAIN", "Mask IoU"] not in page.rows
    cost = next(row for row in page.rows if "512 MB" in row)
    seconds = ["0.327 s", "0.025 s", "0.020 s", "0.300 s", "0.007 s", "0.005 s"]
    assert cost[1:] == [*seconds, "512 MB", "2", "5"]


def test_verdicts_have_a_table_with_those_methods_that_give_some(page: Page) -> None:
    at = next(n for n, row in enumerate(page.rows) if row == ["Method", *wording.VERDICT_COLUMNS])
    row = page.rows[at + 1]
    assert row[0] == f"title {SHOWN}"
    # All of one place right; of the others one wrong and one right; 10 of 16 concluded.
    shares = ["1.000", "0.000", "0.125", "0.125", "0.625", "0.100"]
    assert [cell.split()[0] for cell in row[1:]] == shares
    assert len(page.rows[at + 2]) != len(row), "the other method concludes nothing"


def test_the_page_says_how_to_read_and_repeat_it(page: Page, suite: Suite) -> None:
    assert "16 pairs: 8 of the same place, 8 of different places; 8 places." in page.text
    assert "30 bootstrap draws of the 8 places" in page.text
    assert "There are 8 pairs of different places, so that 1 % false positives means" in page.text
    assert "so that 0.1 % false positives means no false positive at all" in page.text
    assert suite.fingerprint() in page.text
    assert "30 draws of places, seed 0" in page.text


def test_the_page_says_what_has_changed_since_an_earlier_run(
    page: Page, comparison: RunComparison
) -> None:
    (change,) = comparison.changes
    row = next(row for row in page.rows if row[0].startswith("PLAIN Earlier weights: earlier"))
    assert row[1:3] == [f"{change.auc:.3f}", f"{change.earlier_auc:.3f}"]
    assert row[3].startswith(wording.signed(change.auc_difference.value))
    assert f"Only in the earlier run: gone {SHOWN}" in page.text
    assert f"Only in this run: title {SHOWN}" in page.text


def test_what_was_not_measured_has_no_section(tmp_path: Path) -> None:
    suite = make_suite(tmp_path)
    pairs = tuple(replace(pair, query_location=None) for pair in suite.pairs)
    suite = replace(suite, pairs=pairs)
    results = [scored(suite, "plain", 1.0)]
    found = measure(suite, results, resamples=10)
    page = Page(write_report(suite, results, found, FACTS, tmp_path))
    assert_self_contained(page)
    assert_accessible(page)
    names = {value for _, name, value in page.attributes if name == "id"}
    assert names == {"suite", "verification", "scores", "errors", "methods", "again"}
    assert len(page.pictures) == 3
    assert "1 method, all" in page.text


def test_a_page_that_cannot_be_written_or_drawn(
    suite: Suite, results: list[MethodResult], measures: Measures, tmp_path: Path
) -> None:
    with pytest.raises(StorageError):
        write_report(suite, results, measures, FACTS, tmp_path / "missing")
    gone = with_pair(suite, 15, query=tmp_path / "gone.png")
    with pytest.raises(NotAnImageError, match=r"gone\.png"):
        write_report(gone, results, measures, FACTS, tmp_path)
    assert not (tmp_path / "report.html").exists()


# Terminal and Markdown


def printed(measures: Measures, comparison: RunComparison | None = None, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    print_measures(measures, console, comparison)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_terminal_shows_all_in_80_columns(
    measures: Measures, comparison: RunComparison
) -> None:
    text = printed(measures, comparison)
    assert max(map(len, text.splitlines())) <= 80
    assert "\x1b" not in text
    assert "…" not in text, "nothing is cut off"
    plain = measures.methods[1]
    line = next(line for line in text.splitlines() if line.strip().startswith("PLAIN"))
    assert line.split()[:3] == [
        "PLAIN",
        f"{plain.auc.value:.3f}",
        f"{plain.auc.low:.3f}–{plain.auc.high:.3f}",
    ]
    assert plain.against_best is not None
    assert f"{-plain.against_best.value:.3f}" in line
    assert "16 pairs: 8 of the same place" in text
    assert "15.0°" in text
    assert "512 MB" in text
    assert "Against run" in text
    heading = text.index("Verdicts: shares; the rest is inconclusive")
    shares = "1.000 0.000 0.125 0.125 0.625 0.100"
    assert shares in " ".join(text[heading:].split())
    assert wording.signed(comparison.changes[0].auc_difference.value) in text


def test_the_terminal_leaves_out_what_was_not_measured(tmp_path: Path) -> None:
    suite = make_suite(tmp_path)
    text = printed(measure(suite, [scored(suite, "a", 1.0)], resamples=10))
    assert "Localization" not in text
    assert "Cost" not in text
    assert "Verdicts" not in text
    assert "Against" not in text


def test_the_summary_is_sound_markdown(measures: Measures, comparison: RunComparison) -> None:
    text = markdown(measures, comparison)
    tables = re.findall(r"(?:^\|.*\|\n)+", text + "\n", re.MULTILINE)
    assert len(tables) == 5
    for table in tables:
        columns = {len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}
        assert len(columns) == 1, table
    assert "<img" not in text.replace("\\<img", "")
    assert "\x1b" not in text
    text.encode()
    plain = measures.methods[1]
    assert f"| PLAIN | {wording.with_interval(plain.auc)} |" in text
    assert "Weights: Not the published ones: stand-ins" in text
    (header, _, row) = tables[1].splitlines()
    assert header == f"| {' | '.join(('Method', *wording.VERDICT_COLUMNS))} |"
    assert [cell.split()[0] for cell in row.split(" | ")[-4:]] == [
        *("0.125", "0.125", "0.625", "0.100"),
    ]
    assert text.endswith("\n")
    assert len(re.findall(r"^\|", markdown(measures), re.MULTILINE)) < text.count("\n|")


# Words


def test_numbers_in_words() -> None:
    assert wording.number(-0.1234) == "−0.123"
    assert wording.number(-0.0001) == "0.000", "no negative nothing"
    assert (wording.signed(0.5), wording.signed(-0.5), wording.signed(-0.0)) == (
        *("+0.500", "−0.500"),
        "0.000",
    )
    assert wording.with_interval(Estimate(0.98, 0.96, 0.99)) == "0.980 (0.960 to 0.990)"
    assert wording.with_interval(Estimate(0.98, None, None)) == "0.980"
    assert wording.with_interval(None) == "–"
    assert wording.difference(Difference(-0.1, -0.2, 0.01, 0.04)) == (
        "−0.100 (−0.200 to +0.010), p = 0.040"
    )
    assert wording.p_value(Difference(0, 0, 0, 0.0001)) == "p < 0.001"
    assert [wording.seconds(value) for value in (0.0124, 4.101, 12.34)] == [
        *("0.012 s", "4.10 s"),
        "12.3 s",
    ]
    assert wording.megabytes(1_512_000_000) == "1,512 MB"
    assert wording.megabytes(None) == "–"


def test_few_pairs_of_different_places_are_pointed_out(measures: Measures) -> None:
    for pairs, said in ((1008, False), (1007, True)):
        text = " ".join(wording.notes(replace(measures, pairs=pairs, same=8)))
        assert ("0.1 % false positives means" in text) == said
        assert " 1 % false positives means" not in text
    one = " ".join(wording.notes(replace(measures, places=1)))
    assert "no intervals" in one
