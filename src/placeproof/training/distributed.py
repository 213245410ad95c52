"""Several processes that train one network, through PyTorch's own distributed training.

``torchrun --nproc-per-node 2 -m placeproof.cli.main train ...`` starts them, on one machine or on
many. Every process takes its share of each batch, and the gradients are averaged.
"""

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar, cast

import torch
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

from placeproof.errors import TrainingError
from placeproof.training.examples import Batch

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Processes:
    """This process among all.

    Attributes:
        rank: Its number.
        world: How many there are.
    """

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether it is the one that writes."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process; all have to ask."""
        return any(self.gather(flag))

    def gather(self, value: T) -> list[T]:
        """Every process's value, in the order of their ranks; all have to ask."""
        if self.world == 1:
            return [value]
        values: list[Any] = [None] * self.world
        distributed.all_gather_object(values, value)
        return values

    def from_first(self, value: T) -> T:
        """The first process's value; all have to ask."""
        if self.world == 1:
            return value
        box = [value if self.first else None]
        distributed.broadcast_object_list(box)
        return cast(T, box[0])

    def wrap(self, module: nn.Module) -> nn.Module:
        """The module, with gradients averaged over the processes."""
        if self.world == 1:
            return module
        # A loss may leave some trained weights without a gradient, as an unused query mask does.
        return DistributedDataParallel(module, find_unused_parameters=True)

    def share(self, batch: Batch) -> Batch:
        """This process's part of a batch: every ``world``-th query, with all its pairs.

        Raises:
            TrainingError: If there are more processes than queries.
        """
        if self.world == 1:
            return batch
        asked = list(dict.fromkeys(pair.query for pair in batch.pairs))
        if len(asked) < self.world:
            raise TrainingError(
                f"a batch of {len(asked)} queries cannot be shared by {self.world} processes; "
                "start fewer"
            )
        mine = set(asked[self.rank :: self.world])
        pairs = [pair for pair in batch.pairs if pair.query in mine]
        queries = {old: new for new, old in enumerate(sorted(mine))}
        references = {
            old: new for new, old in enumerate(sorted({pair.reference for pair in pairs}))
        }
        return Batch(
            tuple(batch.queries[old] for old in queries),
            tuple(batch.references[old] for old in references),
            tuple(
                replace(pair, query=queries[pair.query], reference=references[pair.reference])
                for pair in pairs
            ),
        )

    def part(self, items: Sequence[T]) -> Sequence[T]:
        """This process's part of work that is done item by item."""
        return items[self.rank :: self.world]


@contextmanager
def processes(device: torch.device) -> Iterator[Processes]:
    """Joins the processes that ``torchrun`` started; alone if it did not start this one.

    Args:
        device: Where the network will be; decides how the processes talk to each other.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes()
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Processes(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def choose_device(name: str | None) -> torch.device:
    """The device of a name; without one a GPU if there is one, a GPU of its own each process.

    Raises:
        ValueError: If there is no such device.
    """
    if name is None:
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
        if device.type == "cuda" and device.index is None:
            device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
        if device.type == "cuda":
            torch.cuda.set_device(device)  # where nccl gathers
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"there is no usable device '{name}' here: {reason}") from error
    return device
