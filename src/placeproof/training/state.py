"""The state of a training run on disk: one file, from which the run goes on to the same bits.

It holds the network and the optimiser in single precision, the best network of the phase so far,
and how far the run has come. Batches are pure functions of their number, so nothing else is kept.
"""

import dataclasses
import hashlib
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from placeproof.errors import StateError
from placeproof.sealed import SealError, read_sealed, write_sealed

FORMAT = "placeproof-training/1"
NETWORK, BEST, OPTIMISER = "network.", "best.", "optimiser."


@dataclass(slots=True)
class Position:
    """How far a run has come.

    Attributes:
        phase: Index of the phase; the number of phases once all are done.
        epoch: Epochs of the phase that are done, their measures included.
        batch: Batches of the current epoch that are done.
        step: Batches done in all.
        measured: Whether the network that the phase began with has been measured.
        best: The best development measure of the phase, higher being better; None before it.
        best_epoch: After how many epochs it was measured.
        look_alikes: Panoramas by query that were mined for the phase; None if none were.
    """

    phase: int = 0
    epoch: int = 0
    batch: int = 0
    step: int = 0
    measured: bool = False
    best: float | None = None
    best_epoch: int = 0
    look_alikes: dict[str, list[str]] | None = None


@dataclass(slots=True)
class State:
    """Everything that a run goes on from.

    Attributes:
        run: Tells runs apart: a hash of the recipe and the manifest.
        position: How far it has come.
        network: The network's tensors.
        best: Those of the phase's best epoch; empty before one is measured.
        optimiser: Its tensors, by the trained parameter's number and their name.
    """

    run: str
    position: Position
    network: dict[str, Tensor] = field(repr=False)
    best: dict[str, Tensor] = field(repr=False)
    optimiser: dict[str, Tensor] = field(repr=False)


def run_id(recipe_sha256: str, manifest: bytes) -> str:
    """What :attr:`State.run` is for a recipe and the bytes of a manifest."""
    return hashlib.sha256(recipe_sha256.encode() + hashlib.sha256(manifest).digest()).hexdigest()


def save_state(state: State, path: Path) -> None:
    """Writes a state in place of the one before, whole or not at all.

    Raises:
        StorageError: If it cannot be written; the one before is then still there.
    """
    tensors = {
        prefix + name: tensor.detach().cpu()
        for prefix, part in (
            (NETWORK, state.network),
            (BEST, state.best),
            (OPTIMISER, state.optimiser),
        )
        for name, tensor in part.items()
    }
    content = {"run": state.run, "position": dataclasses.asdict(state.position)}
    write_sealed(path, FORMAT, content, tensors)


def load_state(path: Path, run: str) -> State | None:
    """Reads the state of a run; None if there is none yet.

    Args:
        path: Where :func:`save_state` wrote it.
        run: What it has to be the state of.

    Raises:
        StateError: If it cannot be read, is damaged, or is another run's.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise StateError(f"cannot read the training state '{path}': {error.strerror}") from error
    try:
        content, tensors = read_sealed(data, FORMAT, "training state")
        position, found = Position(**content["position"]), content["run"]
    except (SealError, KeyError, TypeError) as error:
        raise _damaged(path) from error
    if found != run:
        raise StateError(
            f"'{path.parent}' holds a run of another recipe or manifest; name another --output, "
            "or delete the folder to start anew"
        )
    parts = {
        prefix: {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        for prefix in (NETWORK, BEST, OPTIMISER)
    }
    return State(run, position, parts[NETWORK], parts[BEST], parts[OPTIMISER])


def optimiser_tensors(optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What an optimiser remembers, by the parameter's number and the tensor's name."""
    return {
        f"{number}.{name}": value
        for number, remembered in optimiser.state_dict()["state"].items()
        for name, value in remembered.items()
        if isinstance(value, Tensor)
    }


def restore_optimiser(optimiser: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Makes an optimiser of the same parameters remember what :func:`optimiser_tensors` told."""
    if not tensors:
        return
    parameters = [parameter for group in optimiser.param_groups for parameter in group["params"]]
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        number, _, name = key.partition(".")
        like = parameters[int(number)]
        if tensor.shape == like.shape:  # in the parameter's own memory format
            tensor = torch.empty_like(like, requires_grad=False).copy_(tensor)
        state.setdefault(int(number), {})[name] = tensor
    optimiser.load_state_dict(
        {"state": state, "param_groups": optimiser.state_dict()["param_groups"]}
    )


def _damaged(path: Path) -> StateError:
    return StateError(f"the training state '{path}' is damaged; delete it to start the run anew")
