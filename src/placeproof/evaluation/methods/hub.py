"""Place-recognition models of ``torch.hub``: MegaLoc and others, by their authors' own code.

Such a model is code from a GitHub repository, which then downloads weights. So its code runs
only from a folder that the user names, or from the one commit that is written here and that the
user has allowed to be downloaded. The same holds for further repositories that it loads. Without
that permission it cannot use the network.
"""

import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from placeproof.errors import (
    DownloadError,
    DownloadNotAllowedError,
    EvaluationError,
    WeightsError,
)
from placeproof.evaluation.methods.descriptor import (
    DescriptorMethod,
    imagenet_normalised,
)
from placeproof.evaluation.methods.hub_models import MODELS, NESTED, VIEW_SIDE
from placeproof.offline import no_network
from placeproof.patches import as_batch
from placeproof.sealed import hash_tensors


class HubMethod(DescriptorMethod):
    """A ``torch.hub`` model; of a panorama the best of eight views counts.

    Args:
        name: A key of ``MODELS``.
        weights: A folder with the repository, whose code is run; None: torch.hub's own copy of
            the commit in ``MODELS``.
        allow_download: Whether the user has asked for downloads: of the repository, and of
            whatever its code downloads.

    Raises:
        WeightsError: If the folder has no hubconf.py, or its code fails.
        DownloadNotAllowedError: If something would have to be downloaded and the user has not
            asked.
        DownloadError: If a download fails.
    """

    def __init__(
        self, name: str, weights: Path | None = None, *, allow_download: bool = False
    ) -> None:
        self._spec = MODELS[name]
        self._model = load_hub(name, weights, allow_download=allow_download)
        self.view_side = self._spec.square or VIEW_SIDE
        self.name, self.title, self.source = name, self._spec.title, self._spec.source
        at = f"folder {weights.name}" if weights else f"commit {self._spec.commit[:12]}"
        self.weights = f"The authors' {self._spec.repository}, {at}, through torch.hub"
        self.features_key = f"hub/1 {name} {hash_tensors(self._model.state_dict())[:16]}"

    def describe(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Tensor:
        """See :class:`DescriptorMethod`."""
        del panorama
        height, width = pixels.shape[:2]
        scale = VIEW_SIDE / min(height, width)
        side = self._spec.square
        size = (side, side) if side else (round(width * scale), round(height * scale))
        described = self._model(imagenet_normalised(as_batch(pixels, size)))
        if not isinstance(described, Tensor) or described.ndim != 2 or len(described) != 1:
            raise EvaluationError(f"{self.name}'s model does not give one vector for one picture")
        return described[0]


def load_hub(name: str, folder: Path | None, *, allow_download: bool) -> nn.Module:
    """The model in evaluation mode; arguments and errors are those of :class:`HubMethod`."""
    spec = MODELS[name]
    kept_in = Path(torch.hub.get_dir())
    kept = kept_in / f"{spec.repository.replace('/', '_')}_{spec.commit}"
    place = (folder or kept).resolve()
    local = folder is not None or kept.is_dir()
    permission = f"{name} would have to be downloaded; to do that, add --allow-download"
    if local and not (place / "hubconf.py").is_file():
        raise WeightsError(f"'{place}' is no torch.hub repository: it has no hubconf.py")
    if not local and not allow_download:
        raise DownloadNotAllowedError(f"{permission}, or name a folder with {spec.repository}")
    network = contextlib.nullcontext() if allow_download else no_network(permission)
    try:
        with (
            contextlib.redirect_stdout(sys.stderr),
            _own_modules(place, kept_in),
            network,
            _pinned() as load,
        ):
            if local:
                model = load(str(place), spec.entry, source="local", **spec.options)
            else:
                model = load(f"{spec.repository}:{spec.commit}", spec.entry, **spec.options)
    except DownloadNotAllowedError:
        raise
    except URLError as error:
        raise DownloadError(f"cannot download {name}: {error.reason}") from error
    # Somebody else's code may raise anything.
    except Exception as error:
        reason = (str(error) or type(error).__name__).strip().splitlines()[0][:200]
        raise WeightsError(f"the code of {name} in '{place}' failed: {reason}") from error
    if not isinstance(model, nn.Module):
        raise WeightsError(f"the code of {name} in '{place}' gives no torch model")
    return model.float().eval().requires_grad_(False)


@contextlib.contextmanager
def _pinned() -> Iterator[Callable[..., Any]]:
    """``torch.hub.load`` for pinned commits; inside, that function itself loads ``NESTED`` only."""
    hub: Any = torch.hub  # it has no types
    load = hub.load

    def load_commit(place: str, entry: str, *values: Any, **options: Any) -> Any:
        if options.get("source") != "local":
            # A commit's hash says more than that some branch contains it, which would be asked.
            options |= {"trust_repo": True, "skip_validation": True}
        return load(place, entry, *values, **options)

    def load_nested(place: str, entry: str, *values: Any, **options: Any) -> Any:
        repository = place.split(":")[0].lower()
        if repository not in NESTED:
            raise WeightsError(f"it would run the code of another repository, '{place}'")
        return load_commit(f"{repository}:{NESTED[repository]}", entry, *values, **options)

    hub.load = load_nested
    try:
        yield load_commit
    finally:
        hub.load = load


@contextlib.contextmanager
def _own_modules(*folders: Path) -> Iterator[None]:
    """Forgets what is imported from folders inside: each repository has a "model" or "utils"."""
    before = set(sys.modules)
    try:
        yield
    finally:
        for name in set(sys.modules) - before:
            module = sys.modules[name]
            paths = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
            files = [Path(path).resolve() for path in paths if path]
            if any(file.is_relative_to(f.resolve()) for file in files for f in folders):
                del sys.modules[name]
