"""Writing long CSVs a row at a time, and still whole or not at all."""

import csv
import os
import secrets
from collections.abc import Iterable, Sequence
from pathlib import Path

from placeproof.errors import StorageError


def write_rows(path: Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Writes a CSV, whole or not at all; holds one row in memory.

    Args:
        path: The file.
        columns: Their names.
        rows: As many values each.

    Raises:
        StorageError: If it cannot be written.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        try:
            with temporary.open("x", encoding="utf-8", newline="") as file:
                writer = csv.writer(file, lineterminator="\n")
                writer.writerow(columns)
                writer.writerows(rows)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"cannot write '{path}': {error.strerror}") from error
