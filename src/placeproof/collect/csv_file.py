"""Writing long CSVs a row at a time, and still whole or not at all."""

import csv
import io
from collections.abc import Iterable, Sequence
from pathlib import Path

from placeproof.files import writing


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV, whole or not at all; holds one row in memory.

    Args:
        path: The file.
        columns: Their names.
        rows: As many values each.

    Raises:
        StorageError: If it cannot be written.
    """
    with writing(path) as file:
        text = io.TextIOWrapper(file, encoding="utf-8", newline="")
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(rows)
        text.detach()  # flushes, and leaves the file open
