"""Features of a batch's pictures: raw, or through the network's projection where that is frozen.

Where the extractor is frozen they are computed once and kept; where it is trained they are
computed anew, with a gradient.

A picture is *fetched* in the background, as features if they are kept somewhere and else as
pixels; the network sees the pixels when the batch's turn comes.
"""

import contextlib
import threading
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from placeproof.errors import TrainingError
from placeproof.network.features import FeatureExtractor
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.sealed import hash_tensors
from placeproof.training.examples import Input

CHUNK_PIXELS = 2**21  # that go through the extractor at a time: a panorama, or dozens of queries


class Extraction(Protocol):
    """How pictures become features."""

    @property
    def device(self) -> torch.device:
        """Where features are made."""
        ...

    @property
    def projects(self) -> bool:
        """Whether the features are the network's, through its projection, and never change."""
        ...

    def fetch(self, picture: Input) -> Tensor:
        """What can be had without the network; safe to call from any thread.

        Returns:
            Features (C, h, w) float, or pixels (H, W, 3) uint8.
        """
        ...

    def features(self, pictures: Sequence[Input], fetched: Sequence[Tensor]) -> list[Tensor]:
        """Features (C, h, w), float32 on the network's device, of fetched pictures."""
        ...


class Memory:
    """Tensors by key, the least recently used forgotten first.

    Args:
        limit: Bytes that are kept at most.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._bytes = 0
        self._kept: OrderedDict[tuple[str, str], Tensor] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: tuple[str, str]) -> Tensor | None:
        """What was put under this key, unless it is forgotten."""
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
            return self._kept.get(key)

    def put(self, key: tuple[str, str], tensor: Tensor) -> None:
        """Keeps a tensor, and forgets others where there is no room."""
        with self._lock:
            if key in self._kept or tensor.nbytes > self._limit:
                return
            self._kept[key] = tensor
            self._bytes += tensor.nbytes
            while self._bytes > self._limit:
                self._bytes -= self._kept.popitem(last=False)[1].nbytes


class FrozenExtraction:
    """Features of an extractor that does not change: each picture goes through it once.

    They are rounded to half precision as the cache rounds them, wherever they come from, so that
    a run does not depend on what was cached when it began.

    Args:
        extractor: With its weights, on its device.
        memory: Where features are kept first.
        cache: Where they are kept on the disk; None keeps none there.
        store_queries: Whether queries are kept as well as panoramas; not those that no other
            batch will ask for.
        projection: The network's, where that does not change either; the memory then keeps
            projected features, the disk raw ones as ever.
    """

    def __init__(
        self,
        extractor: FeatureExtractor,
        memory: Memory,
        cache: FeatureCache | None,
        *,
        store_queries: bool = True,
        projection: nn.Module | None = None,
    ) -> None:
        self._extractor = extractor
        self._projection = projection
        self._sha256 = extractor_sha256(extractor)
        self._memory = memory
        self._cache = cache
        self._store_queries = store_queries
        self._kept = self._sha256
        if projection is not None:
            self._kept += hash_tensors({n: t.cpu() for n, t in projection.state_dict().items()})
        self.device = extractor.mean.device
        self.projects = projection is not None

    def fetch(self, picture: Input) -> Tensor:
        """Features from the memory or the disk, or else the pixels; see :class:`Extraction`."""
        if not self._stored(picture):
            return pixels_of(picture)
        features = self._memory.get((picture.key, self._kept))
        if features is None and self._cache is not None:
            raw = self._cache.get(*self._key(picture))
            if raw is not None:
                features = self._finish(raw)
                self._memory.put((picture.key, self._kept), features)
        return pixels_of(picture) if features is None else features

    @torch.no_grad()
    def features(self, pictures: Sequence[Input], fetched: Sequence[Tensor]) -> list[Tensor]:
        """See :class:`Extraction`. One picture at a time: no other changes its last bits."""
        found = []
        for picture, tensor in zip(pictures, fetched, strict=True):
            if tensor.dtype == torch.uint8:
                tensor = self._extract(picture, tensor)
            found.append(tensor.to(self.device).float())
        return found

    def _extract(self, picture: Input, pixels: Tensor) -> Tensor:
        key = (picture.key, self._kept)
        known = self._memory.get(key) if self._stored(picture) else None
        if known is not None:  # an earlier batch made them since this one was fetched
            return known
        batch = to_network(pixels[None], self.device)
        raw: Tensor = self._extractor(batch, wraps=picture.wraps)[0]
        if self._stored(picture) and self._cache is not None:
            raw = self._cache.put(*self._key(picture), raw)
        else:
            raw = _half(raw)
        features = self._finish(raw)
        if self._stored(picture):
            self._memory.put(key, features)
        return features

    @torch.no_grad()
    def _finish(self, raw: Tensor) -> Tensor:
        """What is yielded, from raw features as the disk keeps them."""
        if self._projection is None:
            return raw
        return _half(self._projection(raw.to(self.device).float()[None])[0])

    def _stored(self, picture: Input) -> bool:
        return picture.wraps or self._store_queries

    def _key(self, picture: Input) -> tuple[str, str, str, tuple[int, int]]:
        return picture.key, self._extractor.name, self._sha256, picture.size


class TrainedExtraction:
    """Features with a gradient for the extractor's weights.

    Pictures of one shape go through the extractor together, some at a time, and only their
    features are held: the backward pass computes everything between once more. So the memory
    that a batch takes hardly grows with its size. Where the device is a GPU with bfloat16, the
    extractor computes in mixed precision.

    Args:
        extractor: On its device.
    """

    def __init__(self, extractor: FeatureExtractor) -> None:
        self._extractor = extractor
        self.device = extractor.mean.device
        self.projects = False

    def fetch(self, picture: Input) -> Tensor:
        """The pixels; see :class:`Extraction`."""
        return pixels_of(picture)

    def features(self, pictures: Sequence[Input], fetched: Sequence[Tensor]) -> list[Tensor]:
        """See :class:`Extraction`."""
        alike: dict[tuple[tuple[int, int], bool], list[int]] = defaultdict(list)
        for index, picture in enumerate(pictures):
            alike[picture.size, picture.wraps].append(index)
        found: dict[int, Tensor] = {}
        for ((width, height), wraps), indices in alike.items():
            step = max(1, CHUNK_PIXELS // (width * height))
            for start in range(0, len(indices), step):
                chunk = indices[start : start + step]
                batch = to_network(torch.stack([fetched[i] for i in chunk]), self.device)
                with mixed_precision(self.device):
                    features = checkpoint(self._extractor, batch, wraps=wraps, use_reentrant=False)
                found.update(zip(chunk, features.float(), strict=True))
        return [found[index] for index in range(len(pictures))]


def _half(features: Tensor) -> Tensor:
    """As :meth:`FeatureCache.put` answers: on the CPU in half precision, unless beyond it.

    Also laid out alike in memory, on which the last bits of what follows depend.
    """
    half = features.to("cpu", torch.float16).contiguous()
    return half if half.isfinite().all() else features


def extractor_sha256(extractor: FeatureExtractor) -> str:
    """Tells the weights of an extractor apart."""
    return hash_tensors({name: tensor.cpu() for name, tensor in extractor.state_dict().items()})


def pixels_of(picture: Input) -> Tensor:
    """The pixels (H, W, 3) uint8 of a picture.

    Raises:
        TrainingError: If they are not of the size that was promised.
        PlaceproofError: If its file cannot be read.
    """
    pixels: NDArray[np.uint8] = picture.load()
    width, height = picture.size
    if pixels.shape != (height, width, 3):
        raise TrainingError(f"a picture of {width} x {height} pixels came as {pixels.shape}")
    return torch.from_numpy(np.ascontiguousarray(pixels))


def to_network(pixels: Tensor, device: torch.device) -> Tensor:
    """(B, H, W, 3) uint8 as the network sees them: (B, 3, H, W) in [0, 1]."""
    return pixels.to(device).permute(0, 3, 1, 2).float() / 255


def mixed_precision(device: torch.device) -> contextlib.AbstractContextManager[object]:
    """bfloat16 where the hardware computes with it; nothing elsewhere."""
    if device.type == "cuda" and torch.cuda.is_bf16_supported():
        return torch.autocast("cuda", torch.bfloat16)
    return contextlib.nullcontext()
