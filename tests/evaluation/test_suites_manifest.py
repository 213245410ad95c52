from pathlib import Path

import pytest

from placeproof.errors import SuiteError
from placeproof.evaluation.suite import Suite
from placeproof.evaluation.suites import read_suite
from placeproof.location import Location
from placeproof.training.manifest import COLUMNS

CAMBRIDGE = Path(__file__).parents[3] / "shared/data/cambridge_west/pairs.csv"


def read(folder: Path, text: str, **options: float) -> Suite:
    """Reads a list whose pictures q1 to q4, p1 to p4 and m1 exist."""
    for name in ("q1", "q2", "q3", "q4", "p1", "p2", "p3", "p4", "m1"):
        (folder / name).touch()
    (folder / "list.csv").write_text(text)
    return read_suite(folder / "list.csv", **options)  # type: ignore[arg-type]


def pairs(suite: Suite) -> list[tuple[str, str, bool]]:
    return [(pair.query.name, pair.reference.name, pair.same) for pair in suite.pairs]


def test_labelled_pairs_are_taken_as_they_are(tmp_path: Path) -> None:
    suite = read(
        tmp_path,
        "query,panorama,label,query_lat,query_lon,panorama_lat,panorama_lon,bearing_deg,heading,"
        "mask,lable\n"
        "q1,p1,1,1,2,3,4,10,350,m1,x\n"
        "q1,p2,0,1,2,,,10,350,,x\n"
        "q2,p2,1,,,,,190,,,x\n"
        "q3,p3,1,,,,,,,,x\n",
    )
    first, second, third, fourth = suite.pairs
    assert [pair.same for pair in suite.pairs] == [True, False, True, True]
    assert all(pair.panorama for pair in suite.pairs)
    assert (first.query_location, first.reference_location) == (Location(1, 2), Location(3, 4))
    assert first.mask == tmp_path / "m1"
    assert first.bearing == pytest.approx(20)  # across north
    assert second.bearing is None  # there is nothing to see there
    assert third.bearing == pytest.approx(-170)  # without a heading, the centre faces north
    assert fourth.bearing is None
    assert first.place == second.place == "q1" != third.place
    assert "Columns ignored: lable." in suite.about


def test_references_are_photos_and_panoramas_are_not(tmp_path: Path) -> None:
    suite = read(tmp_path, "query,reference,label,place\nq1,p1,1,a\nq1,p2,0,a\n")
    assert not any(pair.panorama for pair in suite.pairs)
    assert suite.pairs[0].place == "a"


def test_negatives_are_drawn_where_no_label_says_what_rows_are(tmp_path: Path) -> None:
    suite = read(tmp_path, "query,panorama\nq1,p1\nq2,p2\n")
    assert pairs(suite) == [
        ("q1", "p1", True),
        ("q1", "p2", False),
        ("q2", "p2", True),
        ("q2", "p1", False),
    ]
    assert "2 pairs of the same place. For each of them 1 pair of different" in suite.about


def test_pictures_joined_by_rows_are_of_one_place(tmp_path: Path) -> None:
    """q1 and q2 share p1, so that p2, q2's other panorama, may show what q1 shows."""
    suite = read(tmp_path, "query,panorama\nq1,p1\nq2,p1\nq2,p2\nq3,p3\n,p4\n")
    others = {pair.reference.name for pair in suite.pairs if pair.query.name == "q1"}
    assert "p2" not in others
    assert suite.pairs[0].place == suite.pairs[2].place != suite.pairs[-1].place


def test_a_panorama_alone_is_only_drawn(tmp_path: Path) -> None:
    suite = read(tmp_path, "query,panorama,place\nq1,p1,a\n,p2,a\n,p3,b\n")
    assert pairs(suite) == [("q1", "p1", True), ("q1", "p3", False)]


def test_positions_keep_negatives_away(tmp_path: Path) -> None:
    text = (
        "query,panorama,place,panorama_lat,panorama_lon\n"
        "q1,p1,a,50,7\nq2,p2,b,50.001,7\nq3,p3,c,50.02,7\n"  # 111 m and 2.2 km north of the first
    )
    near = read(tmp_path, text, least_distance_m=1000)
    assert ("q1", "p2", False) not in pairs(near)
    with pytest.raises(SuiteError, match=r"'q\d' needs 1 .* 3000 m away"):
        read(tmp_path, text, least_distance_m=3000)


def test_a_position_that_one_row_gives_holds_for_all(tmp_path: Path) -> None:
    text = (
        "query,panorama,panorama_lat,panorama_lon\n"
        "q1,p1,50,7\nq2,p2,50.001,7\nq3,p2,,\nq4,p3,50.02,7\n"
    )
    for seed in range(8):
        assert ("q1", "p2", False) not in pairs(read(tmp_path, text, seed=seed))


def test_a_picture_of_two_places_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match=r"line 3: 'p1' has another place than 'a'"):
        read(tmp_path, "query,panorama,place\nq1,p1,a\nq2,p1,b\n")


def test_rows_that_were_trained_on_are_left_out(tmp_path: Path) -> None:
    rows = ["q1,,,p1,,,a,train,", "q2,,,p2,,,b,development,", ",,,p3,,,c,development,"]
    suite = read(tmp_path, "\n".join([",".join(COLUMNS), *rows]))
    assert pairs(suite) == [("q2", "p2", True), ("q2", "p3", False)]
    assert "1 rows of the split 'train' are left out" in suite.about
    with pytest.raises(SuiteError, match="no row with a query to measure on"):
        read(tmp_path, "\n".join([",".join(COLUMNS), rows[0]]))


def test_parquet_says_the_same(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    from pyarrow import table

    expected = read(
        tmp_path, "query,panorama,label,query_lat,query_lon\nq1,p1,1,1,2\nq1,p2,0,1,2\n"
    )
    columns = {
        "query": ["q1", "q1"],
        "panorama": ["p1", "p2"],
        "label": [1, 0],
        "query_lat": [1.0, 1.0],
        "query_lon": [2.0, 2.0],
    }
    parquet.write_table(table(columns), tmp_path / "list.parquet")
    assert read_suite(tmp_path / "list.parquet").pairs == expected.pairs


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("q9,p2,0,,,", "line 3: query 'q9' does not exist"),
        ("q2,p9,0,,,", "line 3: panorama 'p9' does not exist"),
        (",p2,0,,,", "line 3: query is empty"),
        ("q2,,0,,,", "line 3: panorama is empty"),
        ("q2,p2,,,,", "line 3: label is empty"),
        ("q2,p2,yes,,,", "line 3: label 'yes' is neither 1 nor 0"),
        ("q2,p2,0,91,2,", "line 3: query_lat, query_lon: latitude 91"),
        ("q2,p2,0,1,,", "line 3: query_lon is empty"),
        ("q2,p2,0,north,2,", "line 3: query_lat 'north' is no number"),
        ("q2,p2,0,nan,2,", "line 3: query_lat, query_lon: latitude nan"),
        ("q2,p2,0,,,m9", "line 3: mask 'm9' does not exist"),
        ("q2,p2,0,,,m1", "line 3: mask of a pair with label 0"),
        ("q2,p2,1,,,,inf", "line 3: 7 fields for 6"),
        ("q2,p2", "line 3: 2 fields for 6 columns"),
        ("q1,p1,0,,,", "has a pair twice"),
        ("q2,p2,1,,,", "has no pairs of both"),
    ],
)
def test_a_wrong_row_is_named(tmp_path: Path, row: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        read(tmp_path, f"query,panorama,label,query_lat,query_lon,mask\nq1,p1,1,1,2,m1\n{row}\n")


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ("photo,panorama", "lacks the column 'query'"),
        ("query,picture", "must have a column 'panorama'"),
        ("query,panorama,reference", "and not both"),
        ("query,panorama,query", "names a column twice"),
    ],
)
def test_a_wrong_header_is_named(tmp_path: Path, header: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        read(tmp_path, f"{header}\nq1,p1,q1\n")


def test_cambridge_west() -> None:
    if not CAMBRIDGE.exists():
        pytest.skip("the shared data are not there")
    suite = read_suite(CAMBRIDGE)
    assert len(suite.pairs) == 320
    assert sum(pair.same for pair in suite.pairs) == 160
    assert suite.pairs[0].bearing == pytest.approx(155.9)
    for pair in suite.pairs:
        assert pair.query_location
        assert pair.reference_location
        distance = pair.query_location.distance_m(pair.reference_location)
        assert distance < 16 if pair.same else distance > 79
