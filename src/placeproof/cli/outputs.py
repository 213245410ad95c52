"""Files that commands write, looked at before the work begins: nothing read is written over."""

from collections.abc import Iterable
from pathlib import Path

from placeproof.errors import StorageError


def check_output(path: Path, *inputs: Path) -> None:
    """Raises StorageError if a file cannot be written, or must not be.

    Args:
        path: The file to be written.
        inputs: Files that must not be written over, and folders that must not be written into.
    """
    try:
        if path.is_dir():
            raise StorageError(f"cannot write '{path}': it is a folder")
        if not path.parent.is_dir():
            raise StorageError(f"cannot write '{path}': there is no folder '{path.parent}'")
        for given in inputs:
            if path.exists() and given.exists() and path.samefile(given):
                raise StorageError(f"'{path}' is what is read; name another file to write")
        _require_outside(path, inputs)
    except OSError as error:
        raise StorageError(f"cannot write '{path}': {error.strerror}") from error


def make_output_folder(folder: Path, *inputs: Path) -> None:
    """Makes a folder for files to be written, where it is not there yet.

    Args:
        folder: The folder.
        inputs: Folders that must not be written into.

    Raises:
        StorageError: If it cannot be made, or lies where nothing must be written.
    """
    try:
        _require_outside(folder, inputs)
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"cannot make the folder '{folder}': {error.strerror}") from error


def _require_outside(path: Path, folders: Iterable[Path]) -> None:
    for folder in folders:
        if folder.is_dir() and path.resolve().is_relative_to(folder.resolve()):
            raise StorageError(f"'{path}' lies in '{folder}', which is only read")
