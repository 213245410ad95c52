"""What a collection leaves: the manifest, licences, countries, and the page."""

import csv
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.collect.collect_world import (
    AREA,
    CRITERIA,
    World,
    WorldPhoto,
    collect,
    photo,
    small_world,
)

from placeproof.collect import countries
from placeproof.location import Location
from placeproof.training.manifest import Row, read_manifest
from placeproof.training.places import ELSEWHERE_M


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def street(photos: int) -> World:
    """Photos every 25 m along a street, so that no gap divides it into places."""
    step = 25 / 111_195
    return World(
        [
            replace(photo("good", n), location=Location(48.0005 + n * step, 2.0005))
            for n in range(photos)
        ]
    )


def distance(row: Row, other: Row) -> float:
    return min(
        a.distance_m(b)
        for a in (row.query_location, row.panorama_location)
        for b in (other.query_location, other.panorama_location)
        if a and b
    )


def test_training_reads_the_manifest_and_no_place_is_in_two_splits(tmp_path: Path) -> None:
    _, summary = collect(street(70), tmp_path / "c")
    rows = read_manifest(tmp_path / "c" / "pairs.csv")
    train, development = (
        [row for row in rows if row.split == split] for split in ("train", "development")
    )
    pairs = summary.pairs
    assert (len(train), len(development)) == (pairs.train, pairs.development)
    assert pairs.train + pairs.development + pairs.left_out == summary.totals["accepted"] == 70
    assert train
    assert development
    assert pairs.left_out > 0
    assert not {row.place for row in train} & {row.place for row in development}
    assert min(distance(a, b) for a in train for b in development) >= ELSEWHERE_M
    assert len({row.place for row in rows}) <= pairs.places


def test_another_seed_draws_other_places(tmp_path: Path) -> None:
    manifests = set()
    for seed in range(3):
        criteria = replace(CRITERIA, seed=seed, development_share=0.4)
        collect(street(40), tmp_path / str(seed), criteria)
        manifests.add((tmp_path / str(seed) / "pairs.csv").read_text())
    assert len(manifests) > 1


def test_an_area_without_a_pair_has_an_empty_manifest(tmp_path: Path) -> None:
    _, summary = collect(World([photo("sky", 0)]), tmp_path / "c")
    assert rows_of(tmp_path / "c" / "pairs.csv") == []
    assert summary.pairs.places == 0
    assert "0 of 1 photos accepted" in (tmp_path / "c" / "collection.html").read_text()


def test_every_picture_has_its_licence_and_who_took_it(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    collect(small_world(2), folder)
    rows = rows_of(folder / "licences.csv")
    files = {
        path.relative_to(folder).as_posix()
        for kind in ("photos", "panoramas")
        for path in (folder / kind).glob("*/*")
    }
    assert {row["file"] for row in rows} == files
    by_kind = {kind: [row for row in rows if row["kind"] == kind] for kind in ("photo", "panorama")}
    assert {row["licence"] for row in by_kind["photo"]} == {"CC BY-SA 4.0"}
    assert {row["creator"] for row in by_kind["photo"]} == {"somebody"}
    assert {row["area"] for row in by_kind["photo"]} == {AREA.name}
    assert {row["licence"] for row in by_kind["panorama"]} == {"CC BY 4.0, Town"}
    assert {row["source"] for row in rows} == {"Photos", "Panoramas"}


def test_countries_are_counted(tmp_path: Path) -> None:
    pytest.importorskip("reverse_geocode")
    entries = [photo("good", n) for n in range(3)]
    entries[0] = replace(entries[0], location=Location(41.9, 12.5))
    areas = (AREA, replace(AREA, name="Rome", west=12.49, south=41.89, east=12.51, north=41.91))
    collect(World(entries), tmp_path / "c", areas=areas)
    assert rows_of(tmp_path / "c" / "countries.csv") == [
        {"country": "France", "photos": "2"},
        {"country": "Italy", "photos": "1"},
    ]
    assert "France" in (tmp_path / "c" / "collection.html").read_text()


def test_without_the_package_the_rest_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(countries, "find_spec", lambda _name: None)
    _, summary = collect(small_world(1), tmp_path / "c")
    assert not summary.countries_known
    assert not (tmp_path / "c" / "countries.csv").exists()
    assert "placeproof[evaluate]" in (tmp_path / "c" / "collection.html").read_text()


class Page(HTMLParser):
    """Counts pictures, and gathers whatever a page would load or lead to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.tags: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = dict(attrs)
        self.tags.add(tag)
        self.loaded += [v for name in ("src", "srcset") if (v := values.get(name))]
        self.links += [v for v in [values.get("href")] if v]


def test_the_page_shows_accepted_and_rejected_examples_and_needs_nothing_else(
    tmp_path: Path,
) -> None:
    collect(small_world(2), tmp_path / "c")
    text = (tmp_path / "c" / "collection.html").read_text()
    page = Page(text)
    # 2 pairs, and 2 of each of 6 kinds that can be shown
    assert len(page.loaded) == 2 * 2 + 2 * 6
    assert all(source.startswith("data:image/jpeg;base64,") for source in page.loaded)
    assert "script" not in page.tags
    assert "2 of 22 photos accepted" in text
    for reason in ("Too dark", "Blurred", "Duplicate", "Too little of it shows buildings"):
        assert f"<h3>{reason}</h3>" in text
    assert "CC BY-SA 4.0; CC BY 4.0, Town" in text


def test_what_strangers_write_is_text_on_the_page(tmp_path: Path) -> None:
    def hostile(number: int, page: str) -> WorldPhoto:
        name = "<script>alert(1)</script>\u202e"
        return replace(photo("good", number), creator=name, licence=name, page=page)

    entries = [hostile(0, "javascript:alert(1)"), hostile(1, "https://safe.example/1")]
    collect(World(entries), tmp_path / "c")
    text = (tmp_path / "c" / "collection.html").read_text()
    page = Page(text)
    assert "script" not in page.tags
    assert page.links == ["https://safe.example/1"]
    assert "\u202e" not in text
    assert re.search(r"&lt;script&gt;alert\(1\)&lt;/script&gt;\\u202e", text)


def test_leftovers_of_killed_runs_are_removed_when_all_is_decided(tmp_path: Path) -> None:
    folder = tmp_path / "c"
    _, _ = collect(small_world(1), folder, most=1)
    strays = [folder / "photos" / "ab" / "abcd.jpg", folder / "panoramas" / "ab" / ".1234.tmp"]
    for stray in strays:
        stray.parent.mkdir(parents=True, exist_ok=True)
        stray.write_bytes(b"stray")
    collect(small_world(1), folder, most=1)
    assert all(stray.exists() for stray in strays)  # they may be of photos yet undecided
    collect(small_world(1), folder)
    assert not any(stray.exists() for stray in strays)
    assert len(list(folder.glob("p*/*/*.jpg"))) == 2
