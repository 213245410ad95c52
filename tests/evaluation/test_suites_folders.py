from collections.abc import Iterable
from pathlib import Path

import pytest

from placeproof.errors import SuiteError
from placeproof.evaluation.suites import read_suite
from placeproof.location import Location


def make(folder: Path, name: str, files: Iterable[str]) -> None:
    (folder / name).mkdir(exist_ok=True)
    for file in files:
        (folder / name / file).parent.mkdir(exist_ok=True)
        (folder / name / file).touch()


def pairs(folder: Path, layout: str, **options: float) -> list[tuple[str, str, bool]]:
    suite = read_suite(folder, layout, **options)  # type: ignore[arg-type]
    return [(pair.query.name, pair.reference.name, pair.same) for pair in suite.pairs]


def test_equal_names_are_one_place(tmp_path: Path) -> None:
    make(tmp_path, "queries", ["a.jpg", "sub/b.jpg", ".hidden.jpg", "notes.txt"])
    make(tmp_path, "panoramas", ["a.png", "sub/b.PNG", "c.jpg"])
    suite = read_suite(tmp_path, "pairs-folder")
    positives = [pair for pair in suite.pairs if pair.same]
    assert [(pair.query.name, pair.reference.name, pair.place) for pair in positives] == [
        ("a.jpg", "a.png", "a"),
        ("b.jpg", "b.PNG", "sub/b"),
    ]
    assert len(suite.pairs) == 4
    assert all(pair.panorama for pair in suite.pairs)


def test_references_are_photos(tmp_path: Path) -> None:
    make(tmp_path, "queries", ["a.jpg", "b.jpg"])
    make(tmp_path, "references", ["a.jpg", "b.jpg"])
    assert not any(pair.panorama for pair in read_suite(tmp_path, "pairs-folder").pairs)


def test_positions_and_headings_come_from_a_list(tmp_path: Path) -> None:
    make(tmp_path, "queries", ["a.jpg"])
    make(tmp_path, "panoramas", ["a.jpg", "near.jpg", "far.jpg"])
    (tmp_path / "positions.csv").write_text(
        "file,lat,lon,heading\nqueries/a.jpg,50,7,350\npanoramas/a.jpg,50,7.0001,20\n"
        "panoramas/near.jpg,50.001,7,\npanoramas/far.jpg,50.002,7,\n"
    )
    first, second = read_suite(tmp_path, "pairs-folder", least_distance_m=200).pairs
    assert (first.query_location, first.bearing) == (Location(50, 7), pytest.approx(-30))
    assert second.reference.name == "far.jpg"
    assert second.reference_location == Location(50.002, 7)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("queries/a.jpg,95,7", "line 2: latitude 95"),
        ("queries/z.jpg,50,7", "z.jpg' does not exist"),
    ],
)
def test_a_wrong_position_is_named(tmp_path: Path, row: str, message: str) -> None:
    make(tmp_path, "queries", ["a.jpg"])
    make(tmp_path, "panoramas", ["a.jpg", "b.jpg"])
    (tmp_path / "positions.csv").write_text(f"file,lat,lon\n{row}\n")
    with pytest.raises(SuiteError, match=message):
        read_suite(tmp_path, "pairs-folder")


def test_a_table_that_is_none_is_an_error(tmp_path: Path) -> None:
    make(tmp_path, "queries", ["a.jpg"])
    make(tmp_path, "panoramas", ["a.jpg"])
    (tmp_path / "positions.csv").write_text("name,north\n")
    with pytest.raises(SuiteError, match=r"positions\.csv is no list of positions"):
        read_suite(tmp_path, "pairs-folder")


def test_missing_folders_and_pictures_are_named(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="no folder panoramas or references"):
        read_suite(tmp_path, "pairs-folder")
    make(tmp_path, "panoramas", ["a.jpg", "b.jpg"])
    with pytest.raises(SuiteError, match="no folder queries"):
        read_suite(tmp_path, "pairs-folder")
    make(tmp_path, "queries", [])
    with pytest.raises(SuiteError, match="queries holds no pictures"):
        read_suite(tmp_path, "pairs-folder")
    make(tmp_path, "queries", ["a.jpg", "lost.jpg"])
    with pytest.raises(SuiteError, match=r"lost\.jpg' has no picture of its name in panoramas"):
        read_suite(tmp_path, "pairs-folder")
    make(tmp_path, "queries", ["a.png"])
    with pytest.raises(SuiteError, match=r"both 'a\.jpg' and 'a\.png'"):
        read_suite(tmp_path, "pairs-folder")


def test_wikimedia_is_drawn_without_a_list(tmp_path: Path) -> None:
    make(tmp_path, "queries", ["a.jpg", "b.jpg"])
    make(tmp_path, "references", ["a.jpg", "b.jpg"])
    suite = read_suite(tmp_path, "wikimedia")
    assert suite.name == "Wikimedia Commons"
    assert all(pair.panorama for pair in suite.pairs)
    assert sum(pair.same for pair in suite.pairs) == 2
    assert "Warning: 2 queries, where the paper has 500" in suite.about


def test_the_papers_number_of_queries_is_no_reason_to_warn(tmp_path: Path) -> None:
    files = [f"{number:032x}.jpg" for number in range(500)]
    make(tmp_path, "queries", files)
    make(tmp_path, "references", files)
    suite = read_suite(tmp_path, "wikimedia")
    assert "Warning" not in suite.about
    assert len(suite.pairs) == 1000
    drawn = [pair.reference for pair in suite.pairs if not pair.same]
    assert len(set(drawn)) >= 499  # the last query of all may find only its own left


def test_wikimedia_is_read_from_its_list(tmp_path: Path) -> None:
    make(tmp_path, "queries", ["a.jpg", "b.jpg"])
    make(tmp_path, "references", ["a.jpg", "b.jpg"])
    (tmp_path / "labels.txt").write_text("b.jpg,b.jpg,1\n\na.jpg,b.jpg,0\n")
    assert pairs(tmp_path, "wikimedia") == [("b.jpg", "b.jpg", True), ("a.jpg", "b.jpg", False)]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a.jpg,b.jpg", "line 2: not of the form"),
        ("a.jpg,b.jpg,2", "line 2: not of the form"),
        ("z.jpg,b.jpg,0", "line 2: query 'z.jpg' does not exist"),
        ("a.jpg,z.jpg,0", "line 2: reference 'z.jpg' does not exist"),
        ("a.jpg,a.jpg,0", "line 2: the pair of line 1 again"),
        ("b.jpg,b.jpg,0", "line 2: label 0, but the names are equal"),
        ("a.jpg,b.jpg,1", "line 2: label 1, but the names are not equal"),
    ],
)
def test_a_wrong_line_of_the_list_is_named(tmp_path: Path, line: str, message: str) -> None:
    make(tmp_path, "queries", ["a.jpg", "b.jpg"])
    make(tmp_path, "references", ["a.jpg", "b.jpg"])
    (tmp_path / "labels.txt").write_text(f"a.jpg,a.jpg,1\n{line}\n")
    with pytest.raises(SuiteError, match=f"labels.txt, {message}"):
        read_suite(tmp_path, "wikimedia")


def test_shibuya_pairs_a_photo_with_the_panorama_at_its_place(tmp_path: Path) -> None:
    make(tmp_path, "queries", ["1.jpg", "2.jpg", "lost.jpg"])
    make(tmp_path, "panoramas", ["x.jpg", "y.jpg", "z.jpg"])
    rows = [
        "queries/1.jpg,35.66,139.7",
        "queries/2.jpg,35.68,139.7",  # 2.2 km north
        "queries/lost.jpg,35.67,139.7",
        "panoramas/x.jpg,35.68005,139.7",
        "panoramas/y.jpg,35.66005,139.7",
        "panoramas/z.jpg,35.6602,139.7",  # 22 m from the first photo
    ]
    (tmp_path / "positions.csv").write_text("\n".join(["file,lat,lon", *rows]))
    suite = read_suite(tmp_path, "shibuya")
    found = [(pair.query.name, pair.reference.name, pair.same) for pair in suite.pairs]
    assert found[:2] == [("1.jpg", "y.jpg", True), ("1.jpg", "x.jpg", False)]
    assert found[2] == ("2.jpg", "x.jpg", True)
    assert found[3][1] in ("y.jpg", "z.jpg")
    assert "Left out: 1 queries" in suite.about
    assert "Warning: 2 queries, where the paper has 942" in suite.about
    (tmp_path / "positions.csv").write_text("\n".join(["file,lat,lon", *rows[:-1]]))
    with pytest.raises(SuiteError, match=r"no position of 'panoramas/z\.jpg'"):
        read_suite(tmp_path, "shibuya")
