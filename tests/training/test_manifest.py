import sys
from dataclasses import replace
from pathlib import Path

import pytest

from placeproof.errors import ManifestError, StorageError
from placeproof.location import Location
from placeproof.training.manifest import Row, read_manifest, write_manifest
from placeproof.training.places import ELSEWHERE_M, SAME_M

HEADER = "query,query_lat,query_lon,panorama,panorama_lat,panorama_lon,place,split,mask"
METRE = 1 / 111_195  # degrees of latitude


def row(folder: Path, number: int, **changes: object) -> Row:
    """A row whose files exist; each number is another place, a degree from the next."""
    files = [folder / f"{name} {number}.png" for name in ("q", "p", "m")]
    for file in files:
        file.touch()
    plain = Row(
        query=files[0],
        query_location=Location(number + METRE, 7.1),
        panorama=files[1],
        panorama_location=Location(number, 7.1),
        place=f"place {number}",
        split="train",
        mask=files[2],
    )
    return replace(plain, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_what_is_written_is_read(tmp_path: Path, suffix: str) -> None:
    if suffix == ".parquet":
        pytest.importorskip("pyarrow")
    folder = tmp_path / "lists"
    folder.mkdir()
    rows = [
        row(tmp_path, 1),
        row(folder, 2, split="development", mask=None, query_location=None),
        row(folder, 3, query=None, query_location=None, mask=None, place='a "b", c'),
        row(folder, 4, query=None, query_location=None, mask=None, panorama_location=None),
    ]
    write_manifest(folder / f"list{suffix}", rows)
    assert read_manifest(folder / f"list{suffix}") == rows


def test_files_are_found_beside_the_manifest_wherever_one_stands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_manifest(tmp_path / "list.csv", [row(tmp_path, 1)])
    assert str(tmp_path) not in (tmp_path / "list.csv").read_text()
    monkeypatch.chdir(tmp_path)
    assert read_manifest(Path("list.csv")) == [row(tmp_path, 1)]


def test_optional_columns_may_be_missing(tmp_path: Path) -> None:
    row(tmp_path, 1)
    (tmp_path / "list.csv").write_text(
        "\ufeffplace,split,panorama,query\n\nx,train,p 1.png,q 1.png\n", encoding="utf-8"
    )
    (read,) = read_manifest(tmp_path / "list.csv")
    assert (read.place, read.query, read.query_location) == ("x", tmp_path / "q 1.png", None)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("q 2.png,1,2,,1,2,x,train,", "line 3: panorama is empty"),
        ("q 2.png,1,2,p 9.png,1,2,x,train,", "line 3: panorama 'p 9.png' does not exist"),
        ("q 9.png,1,2,p 2.png,1,2,x,train,", "line 3: query 'q 9.png' does not exist"),
        ("q 2.png,1,2,p 2.png,1,2,x,train,m 9.png", "line 3: mask 'm 9.png' does not exist"),
        ("q 2.png,1,2,.,1,2,x,train,", "line 3: panorama '.' does not exist"),
        ("q 2.png,1,2,p 2.png,1,2,x,test,", "line 3: split 'test' is neither"),
        ("q 2.png,1,2,p 2.png,1,2,,train,", "line 3: place is empty"),
        ("q 2.png,1,,p 2.png,1,2,x,train,", "line 3: query_lon is empty"),
        ("q 2.png,1,2,p 2.png,,2,x,train,", "line 3: panorama_lat is empty"),
        ("q 2.png,one,2,p 2.png,1,2,x,train,", "line 3: query_lat 'one' is no number"),
        ("q 2.png,91,2,p 2.png,1,2,x,train,", "line 3: query_lat, query_lon: latitude 91"),
        ("q 2.png,1,2,p 2.png,1,nan,x,train,", "line 3: panorama_lat, panorama_lon: longitude"),
        (",,,p 2.png,1,2,x,train,m 2.png", "line 3: query is empty, but its mask"),
        (",1,2,p 2.png,1,2,x,train,", "line 3: query is empty, but its mask"),
        ("q 2.png,1,2,p 2.png,1,2,x,train", "line 3: 8 fields for 9 columns"),
        ('q 2.png,1,2,"p 2.png', "line 3: no sound CSV"),
        ("q 1.png,1,2,p 2.png,1,2,x,train,", "'q 1.png' is of place 'x', but of 'one' at line 2"),
        ("q 2.png,1,2,p 1.png,1,2,x,train,", "'p 1.png' is of place 'x', but of 'one' at line 2"),
        ("p 1.png,1,2,p 2.png,1,2,x,train,", "'p 1.png' is of place 'x', but of 'one' at line 2"),
        ("q 1.png,5,8,p 2.png,5,7,one,train,", "'q 1.png' has another position than at line 2"),
        ("q 1.png,5,7,p 1.png,5,7,one,train,", "the same query and panorama as at line 2"),
        (
            "q 2.png,5,7,p 2.png,5,7,one,development,",
            "place 'one' is in split 'development', but 'train' at line 2",
        ),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, line: str, message: str) -> None:
    row(tmp_path, 1)
    row(tmp_path, 2)
    first = "q 1.png,5,7,p 1.png,5,7,one,train,m 1.png"
    (tmp_path / "list.csv").write_text(f"{HEADER}\n{first}\n{line}\n")
    with pytest.raises(ManifestError) as caught:
        read_manifest(tmp_path / "list.csv")
    assert str(caught.value).startswith("list.csv, line ")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "lacks the column 'query'"),
        ("query,panorama,place\n", "lacks the column 'split'"),
        (f"{HEADER},query_latitude\n", "has a column 'query_latitude'"),
        (f"{HEADER},mask\n", "names a column twice"),
        (f"{HEADER}\n", "has no pair"),
        (f"{HEADER}\n,,,p 1.png,,,x,train,\n", "has no pair"),
    ],
)
def test_a_bad_list_says_why(tmp_path: Path, text: str, message: str) -> None:
    row(tmp_path, 1)
    (tmp_path / "list.csv").write_text(text)
    with pytest.raises(ManifestError, match=message):
        read_manifest(tmp_path / "list.csv")


def test_a_place_under_two_names_is_in_one_split(tmp_path: Path) -> None:
    rows = [row(tmp_path, n) for n in (1, 2, 3)]
    for metres, wrong in ((SAME_M - 1, True), (SAME_M + 1, False)):
        near = Location(2 + metres * METRE, 7.1)
        rows[2] = row(tmp_path, 3, split="development", panorama_location=near, query_location=None)
        rows[1] = row(tmp_path, 2, query_location=None)
        write_manifest(tmp_path / "list.csv", rows)
        if wrong:
            with pytest.raises(
                ManifestError, match=r"line 4: .* 19 m from place 'place 2'.*line 3"
            ):
                read_manifest(tmp_path / "list.csv")
        else:
            assert read_manifest(tmp_path / "list.csv") == rows


@pytest.mark.parametrize("name", ["list.txt", "nothing.csv", "binary.csv", "folder.csv"])
def test_what_is_no_manifest_is_an_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(ManifestError, match=name):
        read_manifest(tmp_path / name)


def test_damaged_parquet_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    (tmp_path / "list.parquet").write_bytes(b"PAR1 and no more PAR1")
    for name in ("list.parquet", "nothing.parquet"):
        with pytest.raises(ManifestError, match=name):
            read_manifest(tmp_path / name)


def test_without_pyarrow_parquet_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(ManifestError, match=r"pip install 'placeproof\[train\]'"):
        write_manifest(tmp_path / "list.parquet", [row(tmp_path, 1)])
    write_manifest(tmp_path / "list.csv", [row(tmp_path, 1)])


def test_an_old_manifest_outlives_a_failed_write(tmp_path: Path) -> None:
    with pytest.raises(ManifestError):
        write_manifest(tmp_path / "list.txt", [])
    with pytest.raises(StorageError):
        write_manifest(tmp_path / "missing" / "list.csv", [])
    assert list(tmp_path.iterdir()) == []


def test_elsewhere_by_position_where_it_is_known_and_else_by_name(tmp_path: Path) -> None:
    here = row(tmp_path, 1)

    def other(metres: float | None, place: str) -> Row:
        location = None if metres is None else Location(1 + metres * METRE, 7.1)
        return row(tmp_path, 2, panorama_location=location, place=place)

    for place in ("place 1", "another"):  # positions say more than names
        assert not here.elsewhere(other(ELSEWHERE_M - 2, place))
        assert not here.elsewhere(other(ELSEWHERE_M + 0.5, place))  # the query is 1 m nearer
        assert here.elsewhere(other(ELSEWHERE_M + 2, place))
    assert here.elsewhere(other(None, "another"))
    assert not here.elsewhere(other(None, "place 1"))
    unknown = row(tmp_path, 1, query_location=None, panorama_location=None)
    assert unknown.elsewhere(other(5, "another"))
    assert not unknown.elsewhere(other(500, "place 1"))
    assert not here.elsewhere(replace(here, place="another", panorama_location=Location(9, 9)))
