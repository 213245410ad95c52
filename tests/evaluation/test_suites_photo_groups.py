from collections import Counter
from pathlib import Path

import pytest

from placeproof.errors import SuiteError
from placeproof.evaluation.suite import Suite
from placeproof.evaluation.suites import read_suite
from placeproof.evaluation.suites.photo_groups import MOST_OF_A_GROUP, VIEW_M

PHOTOS = Path(__file__).parents[3] / "shared/data/photos.csv"


def read(folder: Path, rows: list[str], seed: int = 0) -> Suite:
    """Reads a list of ``file,group,lat,lon``; the files are made."""
    for row in rows:
        (folder / row.split(",")[0]).touch()
    (folder / "photos.csv").write_text("\n".join(["file,group,lat,lon", *rows]))
    return read_suite(folder / "photos.csv", "photo-groups", seed)


def same(suite: Suite) -> list[tuple[str, str]]:
    return [(pair.query.name, pair.reference.name) for pair in suite.pairs if pair.same]


def test_photos_of_a_group_are_one_place_and_others_are_not(tmp_path: Path) -> None:
    suite = read(tmp_path, ["a1,a,,", "a2,a,,", "b1,b,,", "b2,b,,", "c1,c,,"])
    assert same(suite) == [("a1", "a2"), ("b1", "b2")]
    others = [(pair.query.name, pair.reference.name) for pair in suite.pairs if not pair.same]
    assert len(others) == 2
    assert all(query[0] != reference[0] for query, reference in others)
    assert not any(pair.panorama for pair in suite.pairs)


def test_a_walk_is_one_place_only_while_it_stays_near(tmp_path: Path) -> None:
    """Photos 11 m apart along a street, and one whose position nobody knows."""
    walk = [f"a{i},a,{50 + i * 0.0001:.4f},7" for i in range(4)]
    suite = read(tmp_path, [*walk, "a9,a,,", *(f"b{i},b{i},," for i in range(5))])
    assert same(suite) == [
        ("a0", "a1"),
        ("a0", "a2"),
        ("a1", "a2"),
        ("a1", "a3"),
        ("a2", "a3"),
    ]


def test_no_group_outweighs_the_rest(tmp_path: Path) -> None:
    rows = [f"a{i},a,," for i in range(8)] + [f"b{i},b,," for i in range(12)]
    suite = read(tmp_path, rows)
    counts = Counter(pair.place for pair in suite.pairs if pair.same)
    assert counts == {"a": MOST_OF_A_GROUP, "b": MOST_OF_A_GROUP}
    assert sum(not pair.same for pair in suite.pairs) == 2 * MOST_OF_A_GROUP
    assert same(suite) == same(read(tmp_path, rows))
    assert same(suite) != same(read(tmp_path, rows, seed=1))


def test_groups_whose_names_begin_alike_may_be_one_place(tmp_path: Path) -> None:
    rows = ["a1,square,,", "a2,square,,", "b1,square2,,", "c1,square_north,,", "d1,squ,,", "e1,x,,"]
    for seed in range(8):
        suite = read(tmp_path, rows, seed)
        assert [pair.reference.name for pair in suite.pairs] == ["a2", "e1"]
        assert {pair.place for pair in suite.pairs} == {"squ"}


def test_known_positions_decide_between_groups(tmp_path: Path) -> None:
    rows = ["a1,a,50,7", "a2,a,50,7", "b1,b,50.001,7", "c1,c,51,7"]
    for seed in range(8):
        assert read(tmp_path, rows, seed).pairs[1].reference.name == "c1"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,place\na1,a\n", "lacks the column 'group'"),
        ("file,group\na1,a\na9,a\n", "photos.csv, line 3: file 'a9' does not exist"),
        ("file,group\na1,a\na2,\n", "line 3: group is empty"),
        ("file,group\na1,a\n,a\n", "line 3: file is empty"),
        ("file,group\na1,a\na1,b\n", "line 3: file 'a1' again, as at photos.csv, line 2"),
        ("file,group,lat,lon\na1,a,1,200\n", "line 2: lat, lon: longitude 200"),
        ("file,group\na1,a\na2,b\n", "no group has two photos of the same view"),
        ("file,group\na1,a\na2,a\n", "'a1' needs 1 references of another place"),
    ],
)
def test_a_wrong_list_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    for name in ("a1", "a2"):
        (tmp_path / name).touch()
    (tmp_path / "photos.csv").write_text(text)
    with pytest.raises(SuiteError, match=message):
        read_suite(tmp_path / "photos.csv", "photo-groups")


def test_the_shared_photos() -> None:
    if not PHOTOS.exists():
        pytest.skip("the shared data are not there")
    suite = read_suite(PHOTOS, "photo-groups")
    counts = Counter(pair.place for pair in suite.pairs if pair.same)
    assert sum(counts.values()) * 2 == len(suite.pairs)
    assert len(counts) > 30
    assert counts["opensfm_lund"] == MOST_OF_A_GROUP
    assert "geovisio_b" not in counts  # its two photos are 81 m apart
    for pair in suite.pairs:
        if pair.query_location and pair.reference_location:
            distance = pair.query_location.distance_m(pair.reference_location)
            assert distance <= VIEW_M if pair.same else distance >= 1609
