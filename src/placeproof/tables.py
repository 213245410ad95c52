"""Tables that users write: CSV, or Parquet through an extra, read row by row as text.

Whatever is wrong with a table is one line that names the file, the row and the column. It is an
error of the caller's own kind, since a list of training pairs and a test set have different ones.
"""

import csv
import io
import math
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from placeproof.errors import LocationError, PlaceproofError
from placeproof.location import Location

_Fields = tuple[str, Mapping[str, str]]  # where the row stands, its fields by column


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a table.

    Attributes:
        table: The table's name.
        line: Which row it is, in words.
        fields: Text by column, without spaces around it; empty where nothing is said.
        folder: Absolute path of the table's folder, which paths are relative to.
        error: The kind of error to raise.
    """

    table: str
    line: str
    fields: Mapping[str, str]
    folder: Path
    error: type[PlaceproofError]

    @property
    def where(self) -> str:
        """Table and row, for messages."""
        return f"{self.table}, {self.line}"

    def text(self, column: str) -> str:
        """What stands in a column; empty too where there is no such column."""
        return self.fields.get(column, "")

    def required(self, column: str) -> str:
        """What stands in a column that must not be empty."""
        if not (text := self.text(column)):
            raise self.error(f"{self.where}: {column} is empty")
        return text

    def file(self, column: str) -> Path | None:
        """Absolute path of the file that is named, which must exist; None where none is."""
        if not (name := self.text(column)):
            return None
        path = Path(os.path.normpath(self.folder / name))
        if not os.path.isfile(path):  # noqa: PTH113 - False for names that pathlib raises on
            raise self.error(f"{self.where}: {column} {name!r} does not exist")
        return path

    def required_file(self, column: str) -> Path:
        """As :meth:`file`, of a column that must not be empty."""
        if (path := self.file(column)) is None:
            raise self.error(f"{self.where}: {column} is empty")
        return path

    def number(self, column: str) -> float | None:
        """The finite number in a column; None where it is empty."""
        number = self._float(column)
        if number is not None and not math.isfinite(number):
            raise self.error(f"{self.where}: {column} {self.text(column)!r} is no finite number")
        return number

    def location(self, latitude: str, longitude: str) -> Location | None:
        """The place in two columns of WGS 84 degrees; None where both are empty."""
        north, east = self._float(latitude), self._float(longitude)
        if north is None and east is None:
            return None
        if north is None or east is None:
            empty = latitude if north is None else longitude
            raise self.error(f"{self.where}: {empty} is empty, but the other coordinate is not")
        try:
            return Location(north, east)
        except LocationError as error:
            raise self.error(f"{self.where}: {latitude}, {longitude}: {error}") from None

    def _float(self, column: str) -> float | None:
        if not (text := self.text(column)):
            return None
        try:
            return float(text)
        except ValueError:
            raise self.error(f"{self.where}: {column} {text!r} is no number") from None


@dataclass(frozen=True, slots=True)
class Table:
    """A table that has been opened.

    Attributes:
        columns: Their names, in order; none twice.
        rows: All rows that are not empty; what is wrong with one is raised on reaching it.
    """

    columns: Sequence[str]
    rows: Iterator[Row]


def read_table(path: Path, error: type[PlaceproofError]) -> Table:
    """Opens a ``.csv`` (UTF-8, first line names the columns) or a ``.parquet`` file.

    Args:
        path: The file.
        error: The kind of error to raise.

    Raises:
        PlaceproofError: Of the kind ``error``: if the file cannot be read, is no sound table, or
            names a column twice; if it is Parquet and pyarrow is missing.
    """
    check_suffix(path, error)
    read = _read_csv if path.suffix.lower() == ".csv" else _read_parquet
    columns, lines = read(path, error)
    if len(set(columns)) < len(columns):
        raise error(f"{path.name} names a column twice")
    folder = Path(os.path.abspath(path)).parent  # noqa: PTH100 - resolve() would follow links
    rows = (Row(path.name, line, fields, folder, error) for line, fields in lines)
    return Table(columns, rows)


def check_suffix(path: Path, error: type[PlaceproofError]) -> None:
    """Raises an error of that kind unless the name is that of a table."""
    if path.suffix.lower() not in (".csv", ".parquet"):
        raise error(f"{path.name} is no table: its name must end in .csv or .parquet")


def _read_csv(path: Path, error: type[PlaceproofError]) -> tuple[Sequence[str], Iterator[_Fields]]:
    try:
        text = path.read_text(encoding="utf-8-sig")
    except OSError as problem:
        raise error(f"{path.name} cannot be read: {problem.strerror}") from problem
    except UnicodeDecodeError as problem:
        raise error(f"{path.name} is no UTF-8 text; save it as UTF-8") from problem
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        columns = [name.strip() for name in next(reader, [])]
    except csv.Error as problem:
        raise error(f"{path.name}, line 1: no sound CSV: {problem}") from problem

    def lines() -> Iterator[_Fields]:
        try:
            for fields in reader:
                if any(field.strip() for field in fields):
                    where = f"line {reader.line_num}"
                    if len(fields) != len(columns):
                        raise error(
                            f"{path.name}, {where}: {len(fields)} fields for {len(columns)} "
                            "columns; quote fields with commas"
                        )
                    yield where, dict(zip(columns, map(str.strip, fields), strict=True))
        except csv.Error as problem:
            where = f"{path.name}, line {reader.line_num}"
            raise error(f"{where}: no sound CSV: {problem}") from problem

    return columns, lines()


def _read_parquet(
    path: Path, error: type[PlaceproofError]
) -> tuple[Sequence[str], Iterator[_Fields]]:
    pyarrow, parquet = pyarrow_modules(error)
    try:
        table = parquet.read_table(path)
    except OSError as problem:
        reason = problem.strerror or "it is damaged"
        raise error(f"{path.name} cannot be read: {reason}") from problem
    except pyarrow.ArrowException as problem:
        raise error(f"{path.name} is no sound Parquet file") from problem
    records = enumerate(table.to_pylist(), 1)
    return table.column_names, (
        (
            f"row {number}",
            {name: "" if value is None else str(value).strip() for name, value in record.items()},
        )
        for number, record in records
    )


def pyarrow_modules(error: type[PlaceproofError]) -> tuple[Any, Any]:
    """The modules ``pyarrow`` and ``pyarrow.parquet``; loaded only for Parquet."""
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError as problem:
        raise error(
            "Parquet needs pyarrow: run pip install 'placeproof[train]', or use a CSV"
        ) from problem
    return pyarrow, pyarrow.parquet
