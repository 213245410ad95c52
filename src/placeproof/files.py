"""Writing files so that a reader finds the old one or the new one, and never half of one."""

import hashlib
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from placeproof.errors import StorageError


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits.

    Raises:
        OSError: If it cannot be read.
    """
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_atomically(path: Path, data: bytes) -> None:
    """Writes a file, whole or not at all; see :func:`writing`.

    Raises:
        StorageError: If the disk is full, or the folder is missing or not writable.
    """
    with writing(path) as file:
        file.write(data)


@contextmanager
def writing(path: Path) -> Iterator[BinaryIO]:
    """A file to write to that becomes ``path`` when all is written, and else leaves no trace.

    The bytes go to a hidden temporary file in the same folder, are flushed to the disk, and
    then take the file's name; a killed process may leave the temporary file behind, but never
    a damaged ``path``.

    Raises:
        StorageError: If the disk is full, or the folder is missing or not writable.
    """
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        try:
            with temporary.open("xb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as error:
        raise StorageError(f"cannot write {str(path)!r}: {error.strerror}") from error
