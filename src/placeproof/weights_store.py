"""Weights by name: those that ship with placeproof, and those that the user has downloaded.

A name stands for one of

- the checkpoint that ships with placeproof (``SHIPPED``);
- a checkpoint of somebody else's, in a Hugging Face repository "owner/name" that holds a
  ``placeproof.safetensors``;
- the weights that timm publishes for a feature extractor, to train a checkpoint from.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from platformdirs import user_cache_path

from placeproof.download import Progress, download
from placeproof.errors import DownloadNotAllowedError, WeightsError

SHIPPED = "placeproof-lite2"
SHIPPED_FILE = Path(__file__).parent / "weights" / f"{SHIPPED}.safetensors"
CHECKPOINT_FILE = "placeproof.safetensors"
TIMM_FILE = "model.safetensors"  # timm's repositories also hold a pickle, which is never read

_REPOSITORY = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", re.ASCII)
_SLASH = "--"  # in a folder's name; the hub allows no repository to be called so


@dataclass(frozen=True, slots=True)
class HubFile:
    """Weights on the Hugging Face hub.

    Attributes:
        name: What the user calls them.
        repository: "owner/name".
        filename: The file in the repository.
    """

    name: str
    repository: str
    filename: str

    @property
    def path(self) -> Path:
        """Where they are once they are downloaded."""
        return downloads_folder() / self.repository.replace("/", _SLASH) / self.filename


def downloads_folder() -> Path:
    """Where downloaded weights are kept."""
    return user_cache_path("placeproof", appauthor=False) / "weights"


def find_checkpoint(
    name: str | None = None,
    *,
    allow_download: bool,
    progress: Progress = lambda _here, _total: None,
) -> Path:
    """The file of a checkpoint, downloaded first if need be.

    Args:
        name: ``SHIPPED``, a file, or a Hugging Face repository as "owner/name"; None for the
            checkpoint that ships with placeproof.
        allow_download: Whether the user has asked for downloads.
        progress: Told how many bytes are here, and how many there are in all.

    Raises:
        WeightsError: If no checkpoint can be called so.
        DownloadNotAllowedError: If it would have to be downloaded and the user has not asked.
        DownloadError: If the download fails.
        StorageError: If it cannot be stored.
    """
    if name is None or name == SHIPPED:
        return SHIPPED_FILE
    path = Path(name)
    if path.suffix == ".safetensors" or path.is_file():
        return path
    if _is_repository(name):
        return _find(_checkpoint(name), allow_download=allow_download, progress=progress)
    raise WeightsError(
        f"no checkpoint is called '{name}'; give {SHIPPED}, a .safetensors file, or a Hugging "
        "Face repository as owner/name"
    )


def find_published(
    extractor: str,
    *,
    allow_download: bool,
    progress: Progress = lambda _here, _total: None,
) -> Path:
    """The file of the weights that timm publishes for a feature extractor.

    Args:
        extractor: Name of a feature extractor (:mod:`placeproof.network.features`).
        allow_download: See :func:`find_checkpoint`.
        progress: See :func:`find_checkpoint`.

    Raises:
        WeightsError: If timm publishes none for it. Else see :func:`find_checkpoint`.
    """
    return _find(_published(extractor), allow_download=allow_download, progress=progress)


def fetch(name: str, progress: Progress = lambda _here, _total: None) -> Path:
    """Downloads a checkpoint or an extractor's weights, unless they are here already.

    Args:
        name: ``SHIPPED``, "owner/name", or the name of a feature extractor.
        progress: See :func:`find_checkpoint`.

    Raises:
        WeightsError: If the name stands for nothing that could be downloaded.
        DownloadError: If the download fails.
        StorageError: If it cannot be stored.
    """
    if name == SHIPPED:
        return SHIPPED_FILE
    file = _checkpoint(name) if _is_repository(name) else _published(name)
    return _find(file, allow_download=True, progress=progress)


def downloaded() -> list[HubFile]:
    """All weights that are in the cache, named by their repositories."""
    paths = sorted(downloads_folder().glob(f"*{_SLASH}*/[!.]*.safetensors"))
    repositories = [path.parent.name.replace(_SLASH, "/", 1) for path in paths]
    return [HubFile(r, r, path.name) for r, path in zip(repositories, paths, strict=True)]


def _find(file: HubFile, *, allow_download: bool, progress: Progress) -> Path:
    if not file.path.is_file():
        if not allow_download:
            raise DownloadNotAllowedError(
                f"the weights '{file.name}' have not been downloaded yet; to do that, run: "
                f"placeproof weights fetch {file.name}"
            )
        download(file.repository, file.filename, file.path, progress)
    return file.path


def _is_repository(name: str) -> bool:
    return _REPOSITORY.fullmatch(name) is not None and _SLASH not in name


def _checkpoint(repository: str) -> HubFile:
    return HubFile(repository, repository, CHECKPOINT_FILE)


def _published(extractor: str) -> HubFile:
    """Where timm publishes an extractor's weights."""
    import timm  # takes seconds

    from placeproof.network.features import NAMED

    model = NAMED[extractor].timm_name if extractor in NAMED else extractor
    try:
        config = timm.get_pretrained_cfg(model)
    except RuntimeError:  # unknown tag
        config = None
    if config is None or not config.hf_hub_id:
        raise WeightsError(
            f"timm publishes no weights of an extractor '{extractor}'; name one of its models, "
            "or a Hugging Face repository with a checkpoint as owner/name"
        )
    return HubFile(extractor, config.hf_hub_id, TIMM_FILE)
