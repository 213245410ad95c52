from pathlib import Path

import pytest

from placeproof.errors import ManifestError, SuiteError
from placeproof.location import Location
from placeproof.tables import Row, read_table


def rows(path: Path, text: str) -> list[Row]:
    path.write_text(text, encoding="utf-8")
    return list(read_table(path, SuiteError).rows)


def test_a_row_says_what_stands_in_it(tmp_path: Path) -> None:
    (tmp_path / "a b.jpg").touch()
    first, second = rows(
        tmp_path / "list.csv",
        '\ufefffile , note,number,lat,lon\n a b.jpg,"x, y", 1.5 ,50,7\n\n,,,,\n,,2,,\n',
    )
    assert first.text("note") == first.required("note") == "x, y"
    assert first.text("absent") == ""
    assert first.file("file") == first.required_file("file") == tmp_path / "a b.jpg"
    assert first.number("number") == 1.5
    assert first.location("lat", "lon") == Location(50, 7)
    assert second.where == "list.csv, line 5"
    assert (second.file("file"), second.number("lat"), second.location("lat", "lon")) == (
        None,
        None,
        None,
    )


def test_parquet_gives_the_same_rows(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    from pyarrow import table

    parquet.write_table(table({"name": ["a", None], "lat": [1.5, 2.0]}), tmp_path / "x.parquet")
    read = read_table(tmp_path / "x.parquet", SuiteError)
    assert list(read.columns) == ["name", "lat"]
    first, second = read.rows
    assert (first.text("name"), first.number("lat")) == ("a", 1.5)
    assert (second.text("name"), second.where) == ("", "x.parquet, row 2")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,a\n1,2\n", "names a column twice"),
        ("a,b\n1\n", "line 2: 1 fields for 2 columns"),
        ('a,b\n1,"2\n', "no sound CSV"),
        ('"a,b\n', "no sound CSV"),
    ],
)
def test_an_unsound_csv_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(SuiteError, match=message):
        rows(tmp_path / "list.csv", text)


def test_what_cannot_be_read_is_an_error_of_the_callers_kind(tmp_path: Path) -> None:
    (tmp_path / "bytes.csv").write_bytes(b"a\n\xff\n")
    (tmp_path / "bytes.parquet").write_bytes(b"PAR1")
    for name, message in [
        ("none.csv", "cannot be read: No such file"),
        ("none.txt", "must end in .csv or .parquet"),
        ("bytes.csv", "no UTF-8 text"),
        ("bytes.parquet", "Parquet"),
    ]:
        with pytest.raises(ManifestError, match=message):
            read_table(tmp_path / name, ManifestError)


@pytest.mark.parametrize(("text", "message"), [("inf", "no finite number"), ("x", "no number")])
def test_a_number_that_is_none_is_an_error(tmp_path: Path, text: str, message: str) -> None:
    row = Row("list.csv", "line 2", {"heading": text}, tmp_path, SuiteError)
    with pytest.raises(SuiteError, match=f"line 2: heading '{text}' is {message}"):
        row.number("heading")


@pytest.mark.parametrize("name", ["none", "a\0b", "x" * 5000, "."])
def test_a_file_that_is_none_is_an_error(tmp_path: Path, name: str) -> None:
    row = Row("list.csv", "line 2", {"file": name}, tmp_path, SuiteError)
    with pytest.raises(SuiteError, match=r"list\.csv, line 2: file '.*' does not exist"):
        row.file("file")
