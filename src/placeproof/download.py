"""Files from the Hugging Face hub: resumed where they broke off, checked before they are used.

The connection is ``huggingface_hub``'s, with its proxies, certificates, offline mode and token,
but not its ``hf_hub_download``: that compares no checksum, starts an interrupted file anew, and
tells the server about the machine.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urljoin, urlsplit

from huggingface_hub import constants, get_session, get_token, hf_hub_url
from huggingface_hub.errors import HfHubHTTPError, OfflineModeIsEnabled
from huggingface_hub.utils import WeakFileLock, hf_raise_for_status  # type: ignore[attr-defined]
from safetensors import SafetensorError, safe_open

from placeproof import __version__
from placeproof.errors import DownloadError, StorageError, WeightsError

Progress = Callable[[int, int], None]  # bytes that are here, bytes in all

ATTEMPTS = 5  # to complete a file, as long as each brings something
MAX_REDIRECTS = 5
# What the HTTP client raises. Which client that is depends on huggingface_hub's version, but its
# own error always inherits from the client's.
_NETWORK_ERRORS: tuple[type[Exception], ...] = HfHubHTTPError.__bases__
_WEIGHTS = ".safetensors"
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CHECKSUM = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # git's own, of what is kept in git itself


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file as the hub describes it.

    Attributes:
        label: What messages call it.
        url: Where this very revision of it is.
        checksum: SHA-256, or git's SHA-1 of small files that are no weights; lower-case hex.
        size: Its length in bytes.
    """

    label: str
    url: str
    checksum: str
    size: int


def download(repository: str, filename: str, path: Path, progress: Progress) -> None:
    """Downloads a file, whole and checked or not at all.

    What an interrupted run has loaded stays in a hidden file beside ``path``, and the next run
    goes on from there. Does nothing if the file is already there.

    Args:
        repository: "owner/name" on the hub that HF_ENDPOINT names, or on huggingface.co.
        filename: Name of the file in the repository.
        path: Where it is put.
        progress: Called after each piece.

    Raises:
        DownloadError: If the hub cannot be reached or refuses, or the checksum is wrong.
        WeightsError: If a file so named is no safetensors file.
        StorageError: If the disk is full or the folder not writable.
    """
    with _storing(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(path.with_name(f".{path.name}.lock")):
            if path.exists():  # another process was faster
                return
            remote = _ask(repository, filename)
            part = path.with_name(f".{remote.checksum}.part")
            for other in path.parent.glob(".*.part"):  # of a revision that is no longer offered
                if other != part:
                    other.unlink()
            _transfer(remote, part, progress)
            _check(remote, part, weights=filename.endswith(_WEIGHTS))
            part.replace(path)


def _ask(repository: str, filename: str) -> RemoteFile:
    """What the hub says of a file, without the file.

    Large files lie elsewhere; the hub states their checksum and size in its redirection.
    """
    label = f"{filename} of '{repository}'"
    endpoint = os.environ.get("HF_ENDPOINT", "").rstrip("/") or None
    url = hf_hub_url(repository, filename, endpoint=endpoint)
    with _network(label):
        for _ in range(MAX_REDIRECTS):
            response = get_session().head(
                url,
                headers=_headers(),
                follow_redirects=False,
                timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
            )
            hf_raise_for_status(response)
            headers = response.headers
            if "Location" not in headers or "X-Linked-Etag" in headers:
                break
            target = urljoin(url, headers["Location"])
            if urlsplit(target).netloc != urlsplit(url).netloc:
                break  # the token is for the hub alone
            url = target  # the repository has got another name
    checksum = headers.get("X-Linked-Etag", headers.get("ETag", "")).strip('"')
    size = headers.get("X-Linked-Size", headers.get("Content-Length", ""))
    known = (_SHA256 if filename.endswith(_WEIGHTS) else _CHECKSUM).fullmatch(checksum)
    if not (known and size.isdecimal() and "X-Repo-Commit" in headers):
        raise DownloadError(f"cannot download {label}: the hub states no SHA-256 of it")
    exact = hf_hub_url(repository, filename, revision=headers["X-Repo-Commit"], endpoint=endpoint)
    return RemoteFile(label, exact, checksum, int(size))


def _transfer(remote: RemoteFile, part: Path, progress: Progress) -> None:
    """Completes a part file, in several attempts if the connection breaks off."""
    for attempt in range(ATTEMPTS):
        before = _size(part)
        if shutil.disk_usage(part.parent).free < remote.size - before:
            raise StorageError(
                f"no room for the {(remote.size - before) / 1e6:.0f} MB of {remote.label} in "
                f"'{part.parent}'; free some space and try again"
            )
        try:
            _receive(remote, part, before, progress)
        except DownloadError:
            if attempt == ATTEMPTS - 1 or _size(part) == before:
                raise
        if _size(part) >= remote.size:
            return
    raise DownloadError(f"cannot download {remote.label}: the connection keeps breaking off")


def _receive(remote: RemoteFile, part: Path, here: int, progress: Progress) -> None:
    """Appends to a part file of ``here`` bytes until the connection ends."""
    progress(here, remote.size)
    if here >= remote.size:
        return
    headers = _headers() | ({"Range": f"bytes={here}-"} if here else {})
    with (
        _network(remote.label),
        get_session().stream(
            "GET",
            remote.url,
            headers=headers,
            follow_redirects=True,  # the client sends the token to no other server
            timeout=constants.HF_HUB_DOWNLOAD_TIMEOUT,
        ) as response,
    ):
        hf_raise_for_status(response)
        if response.status_code != 206:  # "partial content"; else it comes from the start
            here = 0
        with _storing(part), part.open("ab" if here else "wb") as file:
            for piece in response.iter_bytes():
                file.write(piece)
                here += len(piece)
                progress(here, remote.size)
                if here > remote.size:  # the checksum will be wrong, whatever follows
                    return
            file.flush()
            os.fsync(file.fileno())


def _check(remote: RemoteFile, part: Path, *, weights: bool) -> None:
    """Deletes what is not the file that the hub describes, or no safetensors file though it should.

    git's checksum, of 40 digits, begins with a header.
    """
    kind = "SHA-256" if _SHA256.fullmatch(remote.checksum) else "SHA-1"
    with part.open("rb") as file:
        if kind == "SHA-256":
            digest = hashlib.file_digest(file, "sha256")
        else:
            digest = hashlib.sha1(b"blob %d\0" % _size(part), usedforsecurity=False)
            digest.update(file.read())
    if digest.hexdigest() != remote.checksum:
        part.unlink()
        raise DownloadError(
            f"{remote.label} arrived with {kind} {digest.hexdigest()[:12]}… instead of "
            f"{remote.checksum[:12]}… and was deleted; try again"
        )
    if not weights:
        return
    try:
        with safe_open(part, framework="numpy"):
            pass
    except SafetensorError as error:
        part.unlink()
        raise WeightsError(f"{remote.label} is no safetensors file and was deleted") from error


def _headers() -> dict[str, str]:
    """No more about the user than the token that the hub has given them, if any."""
    headers = {"User-Agent": f"placeproof/{__version__}", "Accept-Encoding": "identity"}
    token = get_token()
    return headers | ({"Authorization": f"Bearer {token}"} if token else {})


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


@contextmanager
def _network(label: str) -> Iterator[None]:
    """Says in one line why a request failed."""
    try:
        yield
    except _NETWORK_ERRORS as error:
        raise DownloadError(f"cannot download {label}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    """The cause, without addresses: some are signed, which is as good as a token."""
    if isinstance(error, OfflineModeIsEnabled):
        return "HF_HUB_OFFLINE forbids it"
    if isinstance(error, HfHubHTTPError):
        status = error.response.status_code
        if status in (401, 403):  # the hub answers 401 also for what it does not have
            return (
                f"the hub shows it to nobody or only to some (status {status}); if you have "
                "access, set HF_TOKEN to your token"
            )
        return "the hub does not have it" if status == 404 else f"the hub answers {status}"
    if "Timeout" in type(error).__name__:
        return f"no answer within {constants.HF_HUB_DOWNLOAD_TIMEOUT} s; try again later"
    return f"{error or type(error).__name__}; try again, what has arrived is kept"


@contextmanager
def _storing(path: Path) -> Iterator[None]:
    """Turns errors of the file system into one line."""
    try:
        yield
    except OSError as error:
        raise StorageError(f"cannot write '{error.filename or path}': {error.strerror}") from error
