import base64
import errno
import io
import os
import re
import weakref
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from pixel_mask import pixel_mask
from placeproof.errors import StorageError
from placeproof.geometry import WrappedBox
from placeproof.report.html import write_report
from placeproof.results import Caution, CautionKind, Ground, PatchMatch, Verdict, Verification

Pixels = NDArray[np.uint8]
TEAL, GREEN, BLUE = (30, 160, 160), (30, 160, 30), (30, 30, 200)
YELLOW = np.array((255, 255, 0))
EMPTY = {"meta", "img", "path", "circle", "line"}  # elements that have no end tag


def plain(colour: tuple[int, int, int], width: int, height: int) -> Pixels:
    return np.full((height, width, 3), colour, np.uint8)


PHOTO = plain(TEAL, 80, 60)
PANORAMAS = [plain(GREEN, 400, 200), plain(BLUE, 400, 200)]


class Page(HTMLParser):
    """What a report holds: its text, its elements and its pictures by their descriptions."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.text = ""
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.pictures: dict[str, Image.Image] = {}
        self._open: list[str] = []
        self.feed(self.source)
        self.close()
        assert self._open == []
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in EMPTY:
            self._open.append(tag)
        if tag == "img":
            values = {name: value or "" for name, value in attrs}
            data = base64.b64decode(values["src"].removeprefix("data:image/jpeg;base64,"))
            assert values["alt"] not in self.pictures
            self.pictures[values["alt"]] = Image.open(io.BytesIO(data))

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in EMPTY
        self.handle_starttag(tag, attrs)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] != "style":
            self.text += data + (" " if data.strip() else "")

    def picture(self, beginning: str) -> NDArray[np.int16]:
        (found,) = (picture for alt, picture in self.pictures.items() if alt.startswith(beginning))
        return np.asarray(found.convert("RGB")).astype(np.int16)


def report(
    verification: Verification,
    folder: Path,
    photo: Pixels = PHOTO,
    panoramas: Sequence[Pixels] = PANORAMAS,
) -> Page:
    path = folder / "report.html"
    write_report(verification, photo, panoramas, path)
    return Page(path)


def one_panorama(verification: Verification, **changes: Any) -> Verification:
    """The first panorama alone, with changes to its comparison."""
    evidence = verification.evidence[0]
    comparison = replace(evidence.comparison, **changes)
    return replace(verification, evidence=(replace(evidence, comparison=comparison),))


def near(pixels: NDArray[np.int16], colour: Sequence[int] | NDArray[Any]) -> NDArray[np.bool_]:
    """Which pixels have about this colour; JPEG changes it a little."""
    near_it: NDArray[np.bool_] = np.abs(pixels - np.asarray(colour)).max(axis=2) < 40
    return near_it


def assert_self_contained(page: Page) -> None:
    assert not {"script", "link", "iframe", "object", "embed", "base", "form"} & {*page.tags}
    for tag, name, value in page.attributes:
        assert not name.startswith("on"), (tag, name)
        if name == "href":  # followed by people alone
            assert tag == "a"
            assert value is not None
            assert value.startswith(("https://", "http://"))
            continue
        assert name not in {"srcset", "action", "background", "xlink:href"}, (tag, name)
        if name == "src":
            assert value is not None
            assert re.fullmatch(r"data:image/jpeg;base64,[A-Za-z0-9+/=]+", value)
    style = page.source[page.source.index("<style>") : page.source.index("</style>")]
    assert "url(" not in style
    assert "@import" not in style


def test_a_report_needs_nothing_else(
    consistent: Verification, no_coverage: Verification, tmp_path: Path
) -> None:
    for verification in (consistent, no_coverage):
        page = report(verification, tmp_path)
        assert_self_contained(page)
        assert "http:" not in page.source
        assert "https:" not in page.source


def test_the_page_forbids_itself_to_load_anything(consistent: Verification, tmp_path: Path) -> None:
    page = report(consistent, tmp_path)
    policy = next(value for _, name, value in page.attributes if name == "content")
    assert policy is not None
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert "script-src" not in rules
    # It holds only for what comes after it.
    assert page.source.index("Content-Security-Policy") < page.source.index("<title>")


HOSTILE = "<img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}\x1b[2J\x00\u202egpj\ud800"
SHOWN = "<img src=x onerror=alert(1)>\"'&{{ 7 * 7 }}\\x1b[2J\\x00\\u202egpj\\ud800"


def test_what_strangers_wrote_is_shown_and_does_nothing(
    consistent: Verification, tmp_path: Path
) -> None:
    evidence = consistent.evidence[0]
    record = replace(
        evidence.record,
        id=f"id {HOSTILE}",
        captured=f"captured {HOSTILE}",
        source=f"source {HOSTILE}",
        licence=f"licence {HOSTILE}",
        page=f"javascript:page {HOSTILE}",
        content_hash=f"hash {HOSTILE}",
    )
    provenance = replace(
        consistent.provenance,
        photo=Path(f"name {HOSTILE}"),
        photo_sha256=f"photo {HOSTILE}",
        weights=f"weights {HOSTILE}",
        weights_sha256=f"file {HOSTILE}",
        extractor=f"extractor {HOSTILE}",
        versions={"placeproof": f"version {HOSTILE}", f"package {HOSTILE}": "1"},
        started=f"started {HOSTILE}",
        seconds={f"stage {HOSTILE}": 1.0},
    )
    verification = replace(
        consistent,
        reasons=(f"reason {HOSTILE}",),
        grounds=(Ground(1.0, f"ground {HOSTILE}"),),
        cautions=(Caution(CautionKind.INSET, f"caution {HOSTILE}"),),
        evidence=(replace(evidence, record=record),),
        provenance=provenance,
    )
    page = report(verification, tmp_path)
    assert_self_contained(page)
    assert page.tags.count("img") == len(page.pictures)
    for field in (
        *("id", "captured", "source", "licence", "hash", "page", "ground", "caution"),
        *("name", "photo", "weights", "file", "extractor"),
        *("version", "package", "started", "stage", "reason"),
    ):
        assert f"{field} {SHOWN}" in page.text, field
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", page.source)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_verdicts(consistent: Verification, tmp_path: Path, verdict: Verdict) -> None:
    page = report(replace(consistent, verdict=verdict), tmp_path)
    assert "Match probability 0.94" in page.text
    assert ("main", "class", verdict.value) in page.attributes
    for reason in consistent.reasons:
        assert reason in page.text


def test_no_coverage(no_coverage: Verification, tmp_path: Path) -> None:
    page = report(no_coverage, tmp_path, panoramas=[])
    assert "Inconclusive: nothing to compare with" in page.text
    assert "No probability" in page.text
    assert "Match probability" not in page.text
    assert "0 panoramas" in page.text
    assert list(page.pictures) == ["The photo that was verified"]


def test_all_that_identifies_the_inputs_is_there(consistent: Verification, tmp_path: Path) -> None:
    page = report(consistent, tmp_path)
    for fact in (
        "street.jpg",
        "80 × 60 pixels",
        "48.858400,2.294500",
        "within 50 m",
        "2 panoramas",
        "11.1 m",
        "ab" * 32,
        "cd" * 32,
        "placeproof-lite2",
        "efficientnet-lite2",
        "Seed of the training 7",
        "placeproof 0.1.0, python 3.12.3, torch 2.9.0",
        "2026-10-01T12:00:00+00:00",
        "read photo 0.12, match 1.50",
        "Panorama id " + "1" * 64,
        "SHA-256 " + "1" * 64,
        "Panorama id " + "2" * 64,
        "geovisio",
        "Taken 2023-05-01T10:00:00",
        "Taken unknown",
        "Licence CC-BY-SA 4.0",
        "Licence not stated",
        "48.858500,2.294500",
        "Heading of its centre ENE 67°",
        "Heading of its centre unknown",
        "400 × 200 pixels",
        "west-southwest (WSW), 247 degrees",
    ):
        assert fact in page.text, fact


def test_the_compass_points_where_the_camera_looked(
    consistent: Verification, tmp_path: Path
) -> None:
    page = report(consistent, tmp_path)
    assert ("svg", "aria-label", "Compass: WSW 247°") in page.attributes
    assert ("path", "transform", "rotate(247.0)") in page.attributes
    assert page.tags.count("svg") == 2  # the map, too; of the other panorama no direction is known


def test_the_second_look_is_drawn_where_it_found_points(
    consistent: Verification, tmp_path: Path
) -> None:
    page = report(consistent, tmp_path)
    drawn = page.picture("Points of the photo joined with the same points of panorama 1")
    left, right = drawn[:, : drawn.shape[1] // 2], drawn[:, -drawn.shape[1] // 4 :]
    assert near(left, TEAL).mean() > 0.6
    assert near(right, GREEN).mean() > 0.6
    assert len([alt for alt in page.pictures if alt.startswith("Points")]) == 1
    assert "3 points of the photo that one geometry of two cameras explains" in page.text
    assert "nothing is concluded about the camera" not in page.text
    look = consistent.evidence[0].second_look
    assert look is not None
    doubtful = replace(consistent.evidence[0], second_look=replace(look, surprise=1.0))
    page = report(replace(consistent, evidence=(doubtful,)), tmp_path)
    assert "nothing is concluded about the camera" in page.text


def test_what_weighs_is_said_strongest_first(consistent: Verification, tmp_path: Path) -> None:
    page = report(consistent, tmp_path)
    facts = (
        *("Beware. It was cut out of the panorama.", "What speaks for the claim"),
        *("For it", "+2.5 Many points lie where they should."),
        *("Against it", "-0.8 Other panoramas say nothing.", "The photo and the claim"),
    )
    places = [page.text.index(fact) for fact in facts]
    assert places == sorted(places)
    widths = [value for tag, name, value in page.attributes if (tag, name) == ("span", "style")]
    assert widths == ["width: 100.0%", "width: 30.0%"]
    nothing = report(replace(consistent, grounds=(), cautions=()), tmp_path)
    assert "Nothing weighs enough to be named." in nothing.text
    assert "Beware" not in nothing.text
    assert "For it" not in nothing.text


@pytest.mark.parametrize(("prior", "said"), [(0.5, "0.5"), (0.001, "0.001")])
def test_the_prior_is_stated(
    consistent: Verification, tmp_path: Path, prior: float, said: str
) -> None:
    page = report(replace(consistent, prior=prior), tmp_path)
    assert f"the claim was taken to be true with probability {said}." in page.text


def test_the_map_shows_panoramas_and_both_bearings(
    consistent: Verification, tmp_path: Path
) -> None:
    page = report(consistent, tmp_path)
    classes = [value for tag, name, value in page.attributes if name == "class"]
    assert classes.count("wedge") == 2
    assert classes.count("dot") + classes.count("dot decisive-dot") == 2
    assert classes.count("tick") == 1  # of the other panorama no heading is known
    assert classes.count("towards") == 1
    assert "1: 11 m" in page.text
    assert "Wedges, each about as good: where the camera looked" in page.text
    assert "its field of view is not known" not in page.text
    assert "It may as well have looked east-northeast (ENE), 77 degrees" in page.text


def test_the_panoramas_page_is_linked(consistent: Verification, tmp_path: Path) -> None:
    evidence = consistent.evidence[0]
    record = replace(evidence.record, page='https://example.org/?a="1"&b=2')
    page = report(replace(consistent, evidence=(replace(evidence, record=record),)), tmp_path)
    assert ("a", "href", 'https://example.org/?a="1"&b=2') in page.attributes
    assert_self_contained(page)
    for elsewhere in ("javascript:alert(1)", "data:text/html,x", "HTTPS-like", " https://x"):
        record = replace(evidence.record, page=elsewhere)
        page = report(replace(consistent, evidence=(replace(evidence, record=record),)), tmp_path)
        assert "a" not in page.tags
        assert elsewhere.strip() in page.text


def test_of_a_picture_that_may_not_be_kept_masks_are_shown_and_nothing_else(
    consistent: Verification, tmp_path: Path
) -> None:
    class Forbidden(list[Pixels]):
        def __getitem__(self, index: object) -> NoReturn:
            raise AssertionError("the picture was asked for")

    evidence = consistent.evidence[0]
    secret = replace(evidence, record=replace(evidence.record, may_keep=False))
    page = report(replace(consistent, evidence=(secret,)), tmp_path, panoramas=Forbidden())
    assert {*page.pictures} == {
        "The photo that was verified",
        "The photo, 50% of it tinted as found in panorama 1",
        "Mask of the photo, compared with panorama 1",
        "Mask of panorama 1",
    }
    assert "neither it nor a part of it is shown here" in page.text
    assert "Licence CC-BY-SA 4.0" in page.text
    assert "neither it nor" not in report(consistent, tmp_path).text


def test_a_panorama_that_shows_nothing_is_said_to_say_nothing(
    consistent: Verification, tmp_path: Path
) -> None:
    assert "blank or covered" not in report(consistent, tmp_path).text
    blank = replace(consistent.evidence[0], shows=False)
    page = report(replace(consistent, evidence=(blank,)), tmp_path)
    assert "it is blank or covered there" in page.text


def test_pictures_show_photo_and_panoramas(consistent: Verification, tmp_path: Path) -> None:
    page = report(consistent, tmp_path)
    assert near(page.picture("The photo that was verified"), TEAL).all()
    assert near(page.picture("Panorama 1,"), GREEN).mean() > 0.7
    assert near(page.picture("Panorama 2,"), BLUE).all()  # nothing matched, nothing is drawn


def test_masks_box_and_tint(consistent: Verification, tmp_path: Path) -> None:
    page = report(one_panorama(consistent, matches=()), tmp_path)
    mask = page.picture("Mask of panorama 1")[..., 0]
    scale = mask.shape[1] / 400
    assert mask.shape == (round(200 * scale), round(400 * scale))
    inside = mask[round(60 * scale) : round(140 * scale)]
    assert inside[:, : round(15 * scale)].min() > 215
    assert inside[:, round(385 * scale) :].min() > 215
    assert inside[:, round(30 * scale) : round(370 * scale)].max() < 20

    panorama = page.picture("Panorama 1,")
    yellow = near(panorama, YELLOW)[60:140].mean(axis=0) > 0.9
    assert yellow[17:23].any()
    assert yellow[377:383].any()
    assert near(panorama[:, 40:360], GREEN).all()
    assert not near(panorama[60:140, :10], GREEN).any()
    assert not near(panorama[60:140, 390:], GREEN).any()

    photo = page.picture("The photo, 50% of it tinted")
    assert not near(photo[:25], TEAL).all(axis=1).any()
    assert near(photo[35:], TEAL).all()


def test_the_matched_region_is_enlarged(consistent: Verification, tmp_path: Path) -> None:
    page = report(consistent, tmp_path)
    region = page.picture("The box in panorama 1")
    assert max(region.shape) == 900
    assert "the photo (5% of it)" in page.text
    assert "in two parts" in page.text
    elsewhere = one_panorama(consistent, box=WrappedBox(10, 50, 40, 100))
    assert "in two parts" not in report(elsewhere, tmp_path).text


def test_patches_are_cut_out_around_the_match(consistent: Verification, tmp_path: Path) -> None:
    photo, panorama = PHOTO.copy(), PANORAMAS[0].copy()
    photo[20, 60] = panorama[90, 399] = (255, 255, 255)
    matches = (
        PatchMatch((60.5, 20.5), (399.5, 90.5), 0.91),  # its surroundings run across the seam
        PatchMatch((10.0, 50.0), (200.0, 10.0), 0.8),
    )
    page = report(one_panorama(consistent, matches=matches), tmp_path, photo, [panorama])
    for number, (ground, other) in enumerate(((TEAL, GREEN), (TEAL, GREEN)), start=1):
        for where, colour in (("photo", ground), ("panorama", other)):
            patch = page.picture(f"Patch {number} in the {where}")
            assert patch.shape == (192, 192, 3)
            assert near(patch, colour).mean() > 0.7
            white = (patch.min(axis=2) > 200).nonzero()
            assert (white[0].size > 0) == (number == 1)
            if number == 1:
                ring = near(patch, YELLOW).nonzero()
                centre = [float(axis.min() + axis.max()) / 2 for axis in ring]
                assert [float(axis.mean()) for axis in white] == pytest.approx(centre, abs=8)
    assert "1: similarity 0.91" in page.text
    assert "2: similarity 0.80" in page.text


def test_the_panorama_that_decided_is_open_and_first(
    consistent: Verification, tmp_path: Path
) -> None:
    first, second = consistent.evidence
    page = report(replace(consistent, evidence=(second, first), decisive=1), tmp_path)
    assert [name for tag, name, _ in page.attributes if tag == "details"] == ["open"]
    assert page.tags.count("details") == 2
    order = [page.source.index(f'aria-label="Panorama {number}"') for number in (2, 1)]
    assert order == sorted(order)
    assert page.source.index("<details open>") < order[1]
    assert "Panorama 2 of 2, 11 m from the claimed place: match probability 0.94; " in page.text


class Lazy(Sequence[Pixels]):
    """Makes panoramas when they are asked for, and watches that the last one is gone by then."""

    def __init__(self) -> None:
        self.asked: list[int] = []
        self._last: weakref.ref[Pixels] | None = None

    def __len__(self) -> int:
        return 2

    def __getitem__(self, index: Any) -> Any:
        assert self._last is None or self._last() is None
        self.asked.append(index)
        pixels = plain(BLUE, 400, 200)
        self._last = weakref.ref(pixels)
        return pixels


def test_one_panorama_is_in_memory_at_a_time(consistent: Verification, tmp_path: Path) -> None:
    panoramas = Lazy()
    report(consistent, tmp_path, panoramas=panoramas)
    assert panoramas.asked == [0, 1]


def test_a_huge_panorama_makes_a_small_page(consistent: Verification, tmp_path: Path) -> None:
    width, height = 10_000, 5_000
    mask = np.zeros((height, width), np.float32)
    mask[2000:3000, 100:1100] = 1
    verification = one_panorama(
        consistent,
        reference_mask=pixel_mask(mask),
        box=WrappedBox(100, 2000, 1000, 1000),
        matches=(PatchMatch((20, 20), (600, 2500), 0.9),),
    )
    page = report(verification, tmp_path, panoramas=[np.zeros((height, width, 3), np.uint8)])
    assert page.picture("Panorama 1,").shape == (800, 1600, 3)
    assert page.picture("Mask of panorama 1").shape == (450, 900, 3)
    assert page.picture("The box in panorama 1").shape == (900, 900, 3)
    assert len(page.source) < 300_000


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2000), (2000, 3)])
def test_odd_photos(consistent: Verification, tmp_path: Path, width: int, height: int) -> None:
    verification = one_panorama(
        consistent,
        query_mask=pixel_mask(np.ones((height, width), np.float32)),
        matches=(PatchMatch((width, height), (400, 200), 0.9),),  # on the very edge
    )
    page = report(verification, tmp_path, plain(TEAL, width, height))
    assert page.picture("Patch 1 in the photo").shape == (192, 192, 3)
    assert max(page.picture("The photo that was verified").shape[:2]) == min(
        max(width, height), 1600
    )


def test_pictures_carry_no_metadata(consistent: Verification, tmp_path: Path) -> None:
    for picture in report(consistent, tmp_path).pictures.values():
        assert not picture.getexif()
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_the_same_result_makes_the_same_page(consistent: Verification, tmp_path: Path) -> None:
    assert report(consistent, tmp_path).source == report(consistent, tmp_path).source


def test_a_full_disk_leaves_the_old_report(
    consistent: Verification, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_file: int) -> NoReturn:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    path = tmp_path / "report.html"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageError, match=r"report\.html': No space left on device"):
        write_report(consistent, PHOTO, PANORAMAS, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_missing_folder(consistent: Verification, tmp_path: Path) -> None:
    with pytest.raises(StorageError):
        write_report(consistent, PHOTO, PANORAMAS, tmp_path / "missing" / "report.html")
