import csv
import dataclasses
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import make_training_data as tool
from make_training_data import (
    Panorama,
    Settings,
    development_groups,
    make_training_data,
    near,
    read_panoramas,
)
from placeproof.errors import PlaceproofError
from placeproof.location import Location
from placeproof.training.manifest import Row, read_manifest
from placeproof.training.places import ELSEWHERE_M

METRE = 1 / 111_195  # degrees of latitude


def panorama(name: str, group: str, latitude: float | None) -> Panorama:
    location = None if latitude is None else Location(latitude, 7.0)
    return Panorama(Path(f"/{name}.jpg"), name, group, location)


@pytest.fixture
def listing(tmp_path: Path) -> Path:
    """Two groups outdoors, one with panoramas 5 m apart, and a panorama indoors."""
    rows: list[tuple[str, str, int, object]] = [
        ("a1", "a", 1, 50.0),
        ("a2", "a", 1, 50.0 + 5 * METRE),
        ("a3", "a", 1, 50.0 + 30 * METRE),
        ("b1", "b", 1, ""),
        ("c1", "c", 0, ""),
    ]
    for number, (name, *_) in enumerate(rows):
        pixels = np.random.default_rng(number).integers(0, 256, (8, 16, 3), dtype=np.uint8)
        Image.fromarray(pixels).resize((128, 64)).save(tmp_path / f"{name}.png")
    with (tmp_path / "panoramas.csv").open("w", newline="") as file:
        table = csv.writer(file)
        table.writerow(["file", "group", "outdoor", "lat", "lon", "licence"])
        table.writerows(
            (f"{name}.png", group, outdoor, at, 7.0 if at else "", "CC0")
            for name, group, outdoor, at in rows
        )
    return tmp_path / "panoramas.csv"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "data", seed=1, width=128, photo_side=64)


def make(listing: Path, settings: Settings, *, views: int = 2, streets: int = 0) -> list[Row]:
    return make_training_data(listing, settings, views=views, streets=streets, photos=2, workers=1)


@pytest.fixture(scope="module")
def _rendered(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one rendered street and nothing else."""
    folder = tmp_path_factory.mktemp("rendered")
    (folder / "panoramas.csv").write_text("file,group,outdoor,lat,lon\n")
    make(folder / "panoramas.csv", Settings(folder, seed=1, width=128, photo_side=64), streets=1)
    return folder


@pytest.fixture
def with_street(settings: Settings, _rendered: Path) -> Settings:
    """Settings whose folder has a rendered street already."""
    shutil.copytree(_rendered, settings.folder)
    return settings


def files(folder: Path) -> dict[Path, tuple[bytes, int]]:
    return {
        path: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in folder.rglob("*")
        if path.is_file() and path.name != "pairs.csv"
    }


def test_photos_are_paired_with_their_own_panorama_and_near_ones(
    listing: Path, settings: Settings
) -> None:
    rows = make(listing, settings)
    assert read_manifest(settings.folder / "pairs.csv") == rows
    pairs = sorted(
        (row.query.stem, row.panorama.stem, row.mask is not None) for row in rows if row.query
    )
    assert pairs == sorted(
        [(f"{name}-00{n}", name, True) for name in ("a1", "a2", "a3", "b1") for n in (0, 1)]
        + [(f"a1-00{n}", "a2", False) for n in (0, 1)]
        + [(f"a2-00{n}", "a1", False) for n in (0, 1)]
    )
    assert {row.panorama.parent for row in rows} == {listing.parent}
    for row in rows:
        if row.query and row.mask:
            with Image.open(row.query) as query, Image.open(row.mask) as mask:
                assert max(query.size) == 64
                assert mask.size == (128, 64)
                assert 0.005 < np.asarray(mask).mean() < 0.3


def test_a_rendered_street_has_photos_near_its_panorama_and_a_panorama_far_away(
    listing: Path, with_street: Settings
) -> None:
    rows = make(listing, with_street, views=0, streets=1)
    assert read_manifest(with_street.folder / "pairs.csv") == rows
    distant = next(row for row in rows if row.query is None)
    photos = [row for row in rows if row.query is not None]
    assert len(photos) == 2
    for row in photos:
        assert row.panorama_location is not None
        assert row.query_location is not None
        assert 2 <= row.query_location.distance_m(row.panorama_location) <= 15.1
        assert distant.panorama_location is not None
        assert row.query_location.distance_m(distant.panorama_location) > ELSEWHERE_M
        assert row.elsewhere(distant)
        assert row.mask is not None
        assert np.asarray(Image.open(row.mask)).mean() >= 0.01


def test_what_is_there_is_not_made_again_and_what_is_damaged_is(
    listing: Path, with_street: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = with_street.folder
    rows = make(listing, with_street, streets=1)
    first = files(folder)
    with monkeypatch.context() as patch:
        for name in ("render_panorama", "render_photo", "cut"):
            patch.delattr(tool, name)
        assert make(listing, with_street, streets=1) == rows
    assert files(folder) == first

    query = folder / "queries" / "a2-001.jpg"
    query.write_bytes(query.read_bytes()[:300])
    (folder / "masks" / "street-0000-photo-01.png").unlink()
    (folder / "rendered" / "street-0000-panorama-1.jpg").write_bytes(b"")
    assert make(listing, with_street, streets=1) == rows
    again = files(folder)
    assert {path: data for path, (data, _) in again.items()} == {
        path: data for path, (data, _) in first.items()
    }

    more = make(listing, with_street, views=3)
    assert sum(row.query is not None for row in more) == 18
    assert files(folder).items() > again.items()


def test_a_folder_has_pictures_of_one_seed(listing: Path, settings: Settings) -> None:
    make(listing, settings, views=1)
    with pytest.raises(PlaceproofError, match="other settings"):
        make(listing, dataclasses.replace(settings, seed=2), views=1)
    other = dataclasses.replace(settings, seed=2, folder=settings.folder / "other")
    make(listing, other, views=1)
    queries = [(s.folder / "queries" / "a1-000.jpg").read_bytes() for s in (settings, other)]
    assert queries[0] != queries[1]


def test_of_two_positions_of_one_file_neither_is_trusted(listing: Path) -> None:
    with listing.open("a") as file:
        file.write("a3.png,a,1,51.0,7.0,CC0\na2.png,a,1,,,CC0\n")
    located = {found.name: found.location for found in read_panoramas(listing)}
    assert located == {"a1": Location(50.0, 7.0), "a2": None, "a3": None, "b1": None}


def test_indoor_panoramas_are_left_out(listing: Path) -> None:
    assert [found.name for found in read_panoramas(listing)] == ["a1", "a2", "a3", "b1"]


def test_near_needs_positions_and_one_group() -> None:
    here = panorama("a", "x", 50.0)
    assert near(here, panorama("b", "x", 50.0 + 19 * METRE))
    assert not near(here, panorama("c", "x", 50.0 + 21 * METRE))
    assert not near(here, panorama("d", "x", None))
    assert not near(here, panorama("e", "y", 50.0))
    assert not near(here, here)


def test_groups_are_held_out_whole_and_always_the_same() -> None:
    panoramas = [panorama(f"{g}{n}", f"group {g}", None) for g in range(20) for n in range(3)]
    panoramas += [
        panorama(f"near {g}{n}", f"near {g}", g + n * 5e-5) for g in range(6) for n in range(2)
    ]
    held_out = development_groups(panoramas)
    assert held_out == development_groups(panoramas[::-1])
    assert len(held_out) == 5 + 3
    assert sum(group.startswith("near") for group in held_out) == 3
