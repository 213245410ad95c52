"""Runs a package's code that downloads by habit: here it does so only where the user has asked."""

import contextlib
import io
import random
import socket
import warnings
from collections.abc import Iterator
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from huggingface_hub import constants
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, OfflineModeIsEnabled

from placeproof.errors import (
    DownloadError,
    DownloadNotAllowedError,
    PlaceproofError,
    WeightsError,
)
from placeproof.matchers.packages import only_tensors
from placeproof.offline import no_network

_NOT_HERE = (DownloadNotAllowedError, LocalEntryNotFoundError, OfflineModeIsEnabled)
_NETWORK = (HfHubHTTPError, URLError, ConnectionError, TimeoutError, socket.gaierror)


@contextlib.contextmanager
def foreign_code(name: str, *, allow_download: bool) -> Iterator[None]:
    """Within it, code of somebody else's may run.

    It connects to nothing unless that is allowed; what ``huggingface_hub`` and ``torch.hub`` have
    stored before is found. No pickle's code and no code from the hubs is run. Its output and
    warnings are dropped. It draws the same random numbers each time, and the program's own are
    left alone. All this is of the whole process: run one at a time.

    Args:
        name: What messages call it.
        allow_download: Whether the user has asked for downloads.

    Raises:
        DownloadNotAllowedError: If something would have to be downloaded and the user has not
            asked.
        DownloadError: If a download fails.
        WeightsError: If the code fails otherwise.
    """
    permission = (
        f"the weights of {name} would have to be downloaded; to do that, add --allow-download"
    )
    try:
        with (
            contextlib.nullcontext() if allow_download else _offline(permission),
            only_tensors(),
            _own_loaders(name),
            _own_random_numbers(),
            contextlib.redirect_stdout(io.StringIO()),
            warnings.catch_warnings(action="ignore"),
        ):
            yield
    # Somebody else's code may raise anything, and wrap what stopped it into it.
    except Exception as error:
        causes = list(_causes(error))
        if not allow_download and any(isinstance(cause, _NOT_HERE) for cause in causes):
            raise DownloadNotAllowedError(permission) from error
        if isinstance(error, PlaceproofError):
            raise
        reason = (str(error) or type(error).__name__).strip().splitlines()[0][:200]
        if any(isinstance(cause, _NETWORK) for cause in causes):
            raise DownloadError(f"cannot download the weights of {name}: {reason}") from error
        raise WeightsError(f"the code of {name} failed: {reason}") from error


@contextlib.contextmanager
def _offline(permission: str) -> Iterator[None]:
    """No connections; ``huggingface_hub`` is told, for then it looks into its cache instead."""
    before = constants.HF_HUB_OFFLINE
    constants.HF_HUB_OFFLINE = True
    try:
        with no_network(permission):
            yield
    finally:
        constants.HF_HUB_OFFLINE = before


@contextlib.contextmanager
def _own_loaders(name: str) -> Iterator[None]:
    """Refuses code from GitHub, and restores ``torch.load``: some code puts a laxer one there."""
    hub: Any = torch.hub  # it has no types

    def refuse(*values: object, **options: object) -> None:
        place = values[0] if values else options.get("repo_or_dir")
        raise WeightsError(
            f"{name} would run code from GitHub, of '{place}'; take a matcher that does not"
        )

    load, load_hub = torch.load, hub.load
    hub.load = refuse
    try:
        yield
    finally:
        torch.load, hub.load = load, load_hub


@contextlib.contextmanager
def _own_random_numbers() -> Iterator[None]:
    """Seeds Python's, NumPy's and PyTorch's global generators, and restores them."""
    python, arrays = random.getstate(), np.random.get_state()
    with torch.random.fork_rng(devices=[]):
        random.seed(0)
        np.random.seed(0)
        torch.default_generator.manual_seed(0)
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(arrays)


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
