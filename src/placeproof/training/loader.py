"""Draws batches ahead and loads their pictures in the background, so that data never wait."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import torch
from torch import Tensor

from placeproof.training.distributed import Processes
from placeproof.training.examples import Batch, BatchSource
from placeproof.training.features import Extraction


@dataclass(frozen=True, slots=True, eq=False)
class Loaded:
    """This process's part of a batch, with what could be had without the network.

    Attributes:
        batch: Pictures and pairs.
        drawn: The whole batch, all processes' parts.
        queries: What was fetched of each query.
        references: What was fetched of each reference.
        masks: The true mask of each pair, or None.
        shown: What each query patch of each pair shows, ``Pair.matches``, or None.
    """

    batch: Batch
    drawn: Batch
    queries: tuple[Tensor, ...]
    references: tuple[Tensor, ...]
    masks: tuple[Tensor | None, ...]
    shown: tuple[Tensor | None, ...]

    @property
    def cached(self) -> float:
        """The share of pictures that came as features."""
        fetched = (*self.queries, *self.references)
        return sum(tensor.dtype != torch.uint8 for tensor in fetched) / len(fetched)


def load_batch(drawn: Batch, extraction: Extraction, processes: Processes) -> Loaded:
    """Fetches the pictures of this process's part of a batch.

    Raises:
        PlaceproofError: If a picture cannot be read.
    """
    batch = processes.share(drawn)
    return Loaded(
        batch,
        drawn,
        tuple(extraction.fetch(picture) for picture in batch.queries),
        tuple(extraction.fetch(picture) for picture in batch.references),
        tuple(None if p.mask is None else torch.from_numpy(p.mask()) for p in batch.pairs),
        tuple(None if p.matches is None else torch.from_numpy(p.matches()) for p in batch.pairs),
    )


def load_epoch(
    source: BatchSource,
    extraction: Extraction,
    processes: Processes,
    epoch: int,
    start: int,
    workers: int,
) -> Generator[Loaded]:
    """The batches of an epoch from number ``start`` on, in order.

    Threads are enough: what takes time in reading a picture runs outside Python's lock.

    Args:
        source: What draws them.
        extraction: Fetches their pictures.
        processes: Which part of each batch is this process's.
        epoch: Number of the epoch.
        start: Number of its first batch that is wanted.
        workers: Batches that are prepared at the same time, ahead of the one in use.

    Raises:
        PlaceproofError: If a picture cannot be read.
    """

    def prepare(number: int) -> Loaded:
        return load_batch(source.draw(epoch, number), extraction, processes)

    with ThreadPoolExecutor(workers, thread_name_prefix="placeproof-data") as pool:
        ahead: deque[Future[Loaded]] = deque()
        try:
            for number in range(start, source.batches):
                ahead.append(pool.submit(prepare, number))
                if len(ahead) > workers:
                    yield ahead.popleft().result()
            while ahead:
                yield ahead.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
