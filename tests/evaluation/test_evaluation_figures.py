import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import matplotlib
import numpy as np
import pytest
from evaluated import (
    COST,
    HEIGHT,
    WIDTH,
    answer,
    make_suite,
    method,
    rectangle,
    save,
    scored,
    with_mask,
    with_pair,
)
from numpy.typing import NDArray
from PIL import Image

from placeproof.evaluation.figures.cost import draw_cost
from placeproof.evaluation.figures.countries import countries, draw_countries
from placeproof.evaluation.figures.curves import draw_curves
from placeproof.evaluation.figures.drawn import Drawn
from placeproof.evaluation.figures.errors import draw_errors, hardest
from placeproof.evaluation.figures.gallery import draw_all
from placeproof.evaluation.figures.grid import chosen_pairs, draw_grid
from placeproof.evaluation.figures.histograms import draw_histograms
from placeproof.evaluation.figures.reliability import draw_reliability
from placeproof.evaluation.figures.style import COLOURS, label, looks
from placeproof.evaluation.figures.thumbnails import Thumbnails
from placeproof.evaluation.measuring import measure
from placeproof.evaluation.scored import MethodResult
from placeproof.evaluation.suite import Suite
from placeproof.geometry import WrappedBox
from placeproof.location import Location
from placeproof.metrics import average_precision, calibration_bins, roc_auc

HOSTILE = "$x^{ \ud800\x1b 漢 <b>" + "long " * 20


@pytest.fixture
def suite(tmp_path: Path) -> Suite:
    return make_suite(tmp_path)


@pytest.fixture(autouse=True)
def _settings_of_the_user() -> Iterator[None]:
    """Figures take nothing from a user's own settings, and leave them as they were."""
    with matplotlib.rc_context({"font.size": 31, "axes.facecolor": "red"}):
        before = dict(matplotlib.rcParams)
        yield
        assert dict(matplotlib.rcParams) == before


def labels(suite: Suite) -> NDArray[np.bool_]:
    return np.array([pair.same for pair in suite.pairs])


def picture(drawn: Drawn) -> NDArray[np.uint8]:
    image = Image.open(io.BytesIO(drawn.encoded()))
    assert image.format == ("JPEG" if drawn.photos else "PNG")
    return np.asarray(image.convert("RGB"))


def assert_nothing_is_cut_off(drawn: Drawn) -> None:
    """All that is drawn lies on the canvas, so that its outermost pixels are white."""
    pixels = picture(drawn)
    for edge in (pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]):
        assert edge.min() > 200, drawn.name  # JPEG lets neighbours shine through


# Style


def test_many_methods_look_different_each_the_same_everywhere(suite: Suite) -> None:
    results = [scored(suite, f"method-{number}", 1) for number in range(28)]
    look = looks(results)
    assert len({(found.colour, found.line) for found in look.values()}) == 28
    assert len({(found.colour, found.marker) for found in look.values()}) == 28
    drawn = draw_curves(suite, results[:9])
    for axes in drawn.figure.axes[:2]:
        for line in axes.get_lines():
            name = line.get_label().split("  ")[-1].lower()  # type: ignore[union-attr]
            if name in look:
                assert line.get_color() == look[name].colour


def test_the_colours_differ_in_lightness_too() -> None:
    """So that most neighbours can be told apart in grey, and all lines seen on white."""
    rgb = np.array([matplotlib.colors.to_rgb(colour) for colour in COLOURS])
    lightness = rgb @ (0.299, 0.587, 0.114)
    assert lightness.max() < 0.75
    assert len({round(value, 2) for value in lightness}) == len(COLOURS)


def test_labels_hold_only_what_the_font_can_draw() -> None:
    assert label("Café – 30° − ÅÉ ß") == "Café – 30° − ÅÉ ß"
    assert label("漢字") == "??"
    assert label("\x1b\ud800") == "\\x1b\\ud800"
    assert label("a" * 44) == "a" * 44
    assert label("a" * 45) == "a" * 43 + "…"


@pytest.mark.filterwarnings("error")
def test_names_of_strangers_are_drawn_as_they_are(suite: Suite) -> None:
    answers = [answer(float(n), probability=0.5) for n in range(len(suite.pairs))]
    masks = {0: np.ones((4, 8), np.float32)}
    results = [method("a", answers, masks, title=HOSTILE, cost=COST)]
    for drawn in draw_all(suite, results, measure(suite, results, resamples=5)):
        assert len(drawn.encoded()) > 1000


# Curves


def test_the_curves_enclose_what_the_legends_say(suite: Suite) -> None:
    random = np.random.default_rng(0)
    same = labels(suite)
    scores = {
        "ties": np.rint(random.normal(size=16) + same),
        "good": random.normal(size=16) + 3 * same,
        "bad": random.normal(size=16) - 1 * same,
    }
    results = [method(name, [answer(v) for v in values]) for name, values in scores.items()]
    drawn = draw_curves(suite, results)
    roc, precision, *legends = drawn.figure.axes
    for axes, below, metric in (
        (roc, legends[0], roc_auc),
        (precision, legends[1], average_precision),
    ):
        lines = {str(line.get_label()): line for line in axes.get_lines()}
        for name, values in scores.items():
            expected = metric(same, values)
            (line,) = (line for text, line in lines.items() if text.endswith(name.upper()))
            x, y = (np.asarray(data, float) for data in line.get_data())
            assert np.trapezoid(y, x) == pytest.approx(expected)
            assert str(line.get_label()).startswith(f"{expected:.3f}")
            assert x[0] == 0
            assert x[-1] == 1
        ordered = [text.get_text() for text in below.get_legend().get_texts()]
        assert ordered == sorted(ordered, reverse=True)
        assert len(ordered) == 3
    assert "GOOD" in drawn.alt
    assert f"{roc_auc(same, scores['good']):.3f}" in drawn.alt
    assert_nothing_is_cut_off(drawn)


def test_all_methods_have_their_line_in_the_legend(suite: Suite) -> None:
    results = [
        scored(suite, f"m{n}", 1, n, title=f"Method {n} of a rather long name (stand-in)")
        for n in range(20)
    ]
    assert_nothing_is_cut_off(draw_curves(suite, results))


# Countries


def test_countries_are_those_of_known_places(suite: Suite) -> None:
    for pair, (latitude, longitude) in enumerate(
        ((35.659, 139.7), (40.713, -74.006), (52.2, 0.12), (-33.86, 151.2), (64.147, -21.94))
    ):
        suite = with_pair(suite, pair, query_location=Location(latitude, longitude))
    suite = with_pair(suite, 5, query_location=None, reference_location=Location(52.52, 13.4))
    suite = with_pair(suite, 6, query_location=None)
    found = countries(suite)
    assert {name: count.total() for name, count in found.items()} == {
        "France": 9,
        "Australia": 1,
        "Germany": 1,
        "Iceland": 1,
        "Japan": 1,
        "United Kingdom": 1,
        "United States": 1,
        "unknown": 1,
    }
    assert next(iter(found)) == "France"
    assert list(found)[-1] == "unknown"
    assert (found["Japan"][True], found["Japan"][False]) == (1, 0)
    assert (found["United States"][True], found["United States"][False]) == (0, 1)
    drawn = draw_countries(suite)
    assert drawn is not None
    bars = [bar.get_width() for bar in drawn.figure.axes[0].patches]
    assert sum(bars) == 16
    assert "7 countries" in drawn.alt
    assert "France (9 of 16)" in drawn.alt
    assert_nothing_is_cut_off(drawn)


def test_without_positions_there_is_no_chart(suite: Suite) -> None:
    pairs = tuple(replace(pair, query_location=None) for pair in suite.pairs)
    assert draw_countries(replace(suite, pairs=pairs)) is None


def test_many_countries_end_in_one_bar(suite: Suite, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("placeproof.evaluation.figures.countries._SHOWN", 1)
    suite = with_pair(suite, 4, query_location=Location(35.659, 139.7))
    suite = with_pair(suite, 5, query_location=Location(40.713, -74.006))
    drawn = draw_countries(suite)
    assert drawn is not None
    axes = drawn.figure.axes[0]
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names == ["France", "2 more countries", "unknown"]
    assert sum(bar.get_width() for bar in axes.patches) == 16


# Scores


def test_histograms_show_each_kind_whole(suite: Suite) -> None:
    scores = [1e6 if n == 3 else float(n) for n in range(16)]
    drawn = draw_histograms(suite, [method("a", [answer(score) for score in scores])])
    axes = drawn.figure.axes[0]
    filled = [bar.get_height() for bar in axes.patches if hasattr(bar, "get_height")]
    assert sum(filled) == pytest.approx(2), "the pairs of each kind make 1"
    assert axes.get_xlim()[1] < 100, "a huge score does not squeeze the others"
    assert_nothing_is_cut_off(drawn)


def test_histograms_of_equal_scores(suite: Suite) -> None:
    mostly = [5.0 if n == 3 else 1.0 for n in range(16)]
    drawn = draw_histograms(suite, [method("a", [answer(score) for score in mostly])])
    assert drawn.figure.axes[0].get_xlim()[1] >= 5
    picture(draw_histograms(suite, [method("a", [answer(1.0)] * 16)]))


def test_the_reliability_diagram_shows_the_bins(suite: Suite) -> None:
    probability = np.linspace(0.05, 0.95, 16)
    stated = method("a", [answer(0.0, probability=p) for p in probability])
    assert draw_reliability(suite, [scored(suite, "b", 1)]) is None
    drawn = draw_reliability(suite, [scored(suite, "b", 1), stated])
    assert drawn is not None
    (axes,) = drawn.figure.axes
    bins = calibration_bins(labels(suite), probability)
    diagonal, curve, *_ = axes.get_lines()
    assert np.asarray(diagonal.get_data()).tolist() == [[0, 1], [0, 1]]
    assert np.asarray(curve.get_data()) == pytest.approx(np.stack([bins.probability, bins.share]))
    for segment, share in zip(axes.collections[0].get_segments(), bins.share, strict=True):
        assert segment[0][1] <= share <= segment[1][1]
        assert segment[1][1] - segment[0][1] > 0.3, "a bin of a pair or two is no evidence"
    assert_nothing_is_cut_off(drawn)


# Cost


def test_costs_lie_where_they_were_measured(suite: Suite) -> None:
    slow = replace(COST, reference_seconds=20.0)
    results = [
        scored(suite, "fast", 1, cost=COST),
        scored(suite, "untimed", 1),
        scored(suite, "slow", 2, cost=slow),
    ]
    measures = measure(suite, results, resamples=20)
    drawn = draw_cost(measures, results)
    assert drawn is not None
    points = {
        (round(line.get_xdata()[0], 6), round(line.get_ydata()[0], 6)): line
        for line in drawn.figure.axes[0].get_lines()
        if len(line.get_xdata()) == 1
    }
    by_name = {m.name: m.auc.value for m in measures.methods}
    look = looks(results)
    for name, cold in (("fast", 0.327), ("slow", 20.027)):
        for seconds, face in ((cold, look[name].colour), (0.025, "white")):
            point = points[(seconds, round(by_name[name], 6))]
            assert point.get_markerfacecolor() == face
            assert point.get_color() == look[name].colour
    assert len(points) == 4
    assert_nothing_is_cut_off(drawn)
    nothing = [scored(suite, "untimed", 1)]
    assert draw_cost(measure(suite, nothing, resamples=5), nothing) is None


# Pictures


def test_the_pairs_of_the_grid_are_spread_over_the_scores(suite: Suite) -> None:
    answers = [answer(float(number)) for number in range(16)]
    assert chosen_pairs(suite, method("a", answers)) == [12, 8, 4, 0]
    few = replace(suite, pairs=suite.pairs[:4])
    assert chosen_pairs(few, method("a", answers[:4])) == [2, 0]


def test_the_grid_shows_masks_and_boxes_of_methods_that_localize(
    suite: Suite, tmp_path: Path
) -> None:
    suite = with_mask(suite, 12, rectangle(112, 16, 32, 32), tmp_path)
    for pair in suite.pairs:
        save(np.full((HEIGHT, WIDTH, 3), 200, np.uint8), pair.reference)
    mask = rectangle(112, 16, 32, 32).astype(np.float32)
    box = WrappedBox(112, 16, 32, 32)
    answers = [answer(float(n), box=box if n in (12, 8) else None) for n in range(16)]
    masked = method("masked", answers, {12: mask})
    boxed = method("boxed", answers)
    plain = scored(suite, "plain", 1)
    assert draw_grid(suite, [plain], Thumbnails()) is None
    drawn = draw_grid(suite, [plain, masked, boxed], Thumbnails())
    assert drawn is not None
    rows = np.array(drawn.figure.axes).reshape(4, 4)
    assert [row[0].get_ylabel() for row in rows] == ["Query", "Reference", "MASKED", "BOXED"]
    assert [axes.get_title() for axes in rows[0]] == ["Pair 12", "Pair 8", "Pair 4", "Pair 0"]
    lit = rows[2, 0].get_images()[0].get_array()
    assert lit is not None
    assert lit[mask > 0].min() > 195
    assert lit[mask == 0].max() < 70
    unlit = rows[2, 2].get_images()[0].get_array()
    assert unlit is not None
    assert unlit.max() < 70, "nothing was found"
    for axes, colour in (
        (rows[1, 0], "white"),
        (rows[2, 0], looks([plain, masked, boxed])["masked"].colour),
        (rows[3, 1], looks([plain, masked, boxed])["boxed"].colour),
    ):
        first, second = axes.get_lines()
        assert first.get_color() == second.get_color() == colour
        # Open towards the seam: no line runs down either edge.
        assert first.get_xdata() == pytest.approx([127.5, 111.5, 111.5, 127.5])
        assert second.get_xdata() == pytest.approx([-0.5, 15.5, 15.5, -0.5])
        for part in (first, second):
            assert sorted(part.get_ydata()) == pytest.approx([15.5, 15.5, 47.5, 47.5])
    assert len(rows[1, 1].get_lines()) == 0, "no truth is known of this pair"
    assert len(rows[3, 2].get_lines()) == 0
    assert drawn.details[0] == "Pair 12: query-6.png and panorama-6.png"
    assert "MASKED, BOXED" in drawn.alt
    assert picture(drawn).shape[1] == pytest.approx(1265, abs=2)


def test_a_box_within_the_picture_is_closed(suite: Suite) -> None:
    answers = [answer(float(n), box=WrappedBox(2, 1, 2, 2)) for n in range(16)]
    masks = {n: np.zeros((4, 8), np.float32) for n in range(16)}
    drawn = draw_grid(suite, [method("a", answers, masks)], Thumbnails())
    assert drawn is not None
    (line,) = drawn.figure.axes[-1].get_lines()
    assert line.get_xdata() == pytest.approx([31.5, 63.5, 63.5, 31.5, 31.5])
    assert line.get_ydata() == pytest.approx([15.5, 15.5, 47.5, 47.5, 15.5])


def test_the_hardest_errors_are_those_of_the_scores(suite: Suite) -> None:
    scores = np.random.default_rng(0).permutation(16).astype(float)
    result = method("a", [answer(score) for score in scores])
    for same in (True, False):
        found = hardest(suite, result, same=same)
        kind = np.flatnonzero(labels(suite) == same)
        order = kind[np.argsort(scores[kind] if same else -scores[kind])]
        assert found == order[:4].tolist()
    drawn = draw_errors(suite, result, Thumbnails())
    assert drawn.photos
    assert drawn.name == "errors-a"
    wrong = hardest(suite, result, same=False)[0]
    assert drawn.details[0].startswith(f"Pair {wrong}: query-{wrong // 2}.png and panorama-")
    assert len(drawn.details) == 8
    assert_nothing_is_cut_off(drawn)


def test_pictures_are_read_once_and_made_small(
    suite: Suite, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    large = save(np.full((600, 1200, 3), 90, np.uint8), tmp_path / "large.png")
    thumbnails = Thumbnails()
    assert thumbnails.get(large).size == (480, 240)
    assert thumbnails.size(large) == (1200, 600)
    assert thumbnails.get(suite.pairs[0].query).size == (64, 48), "not enlarged"
    monkeypatch.setattr("placeproof.evaluation.figures.thumbnails.read_picture", None)
    assert thumbnails.get(large).size == (480, 240)


# All of them


def test_every_figure_is_described_and_always_the_same(suite: Suite, tmp_path: Path) -> None:
    suite = with_mask(suite, 0, rectangle(1, 2, 30, 30), tmp_path)
    results: list[MethodResult] = [
        method(
            "a",
            [answer(float(n), probability=n / 16) for n in range(16)],
            {0: np.ones((4, 8), np.float32)},
            cost=COST,
        ),
        scored(suite, "b", 2),
    ]
    measures = measure(suite, results, resamples=5)
    drawn = {figure.name: figure for figure in draw_all(suite, results, measures)}
    assert list(drawn) == [
        *("curves", "cost", "histograms", "reliability", "countries", "grid"),
        *(f"errors-{m.name}" for m in measures.methods),
    ]
    for figure in drawn.values():
        assert len(figure.alt) > 30
        assert len(figure.caption) > 30
        assert figure.file_name == f"{figure.name}.{'jpg' if figure.photos else 'png'}"
    again = draw_cost(measures, results), draw_errors(suite, results[0], Thumbnails())
    for figure in again:
        assert figure is not None
        assert figure.encoded() == drawn[figure.name].encoded(), figure.name
