"""What one process does of an evaluation: features of a picture, answer to a pair.

A process keeps the method that it works with, and the features of the last pictures. It computes
in one thread: a method's numbers must not depend on how many processes share the cores.
"""

import functools
from dataclasses import dataclass
from pathlib import Path

import torch

from placeproof.evaluation.answer_file import StoredAnswer, stored
from placeproof.evaluation.feature_store import FeatureStore
from placeproof.evaluation.mask_folder import MaskFolder
from placeproof.evaluation.method import Features, Method
from placeproof.evaluation.methods.registry import MethodSpec, make_method
from placeproof.images import read_picture

PICTURES = 32  # whose features a process keeps in memory


@dataclass(frozen=True, slots=True)
class Look:
    """A picture as a method sees it.

    Attributes:
        path: Its file.
        sha256: Of the file's bytes.
        panorama: Whether it is taken for a panorama.
    """

    path: Path
    sha256: str
    panorama: bool


@dataclass(frozen=True, slots=True)
class Job:
    """A method, and the folder in which features are kept."""

    spec: MethodSpec
    store: Path


def one_thread() -> None:
    """Prepares a process."""
    torch.set_num_threads(1)


def keep_features(job: Job, look: Look) -> None:
    """Computes a picture's features, unless they are kept already."""
    _compute(job, look)


def answer(
    job: Job, masks: MaskFolder, pair: int, query: Look, reference: Look
) -> tuple[int, StoredAnswer]:
    """Answers a pair and writes its masks; the line of the answer is written by the parent."""
    said = _method(job.spec).compare(
        _recent(job, query), _recent(job, reference), panorama=reference.panorama
    )
    return pair, stored(said, masks=masks.save(pair, said))


@functools.lru_cache(maxsize=1)
def _method(spec: MethodSpec) -> Method:
    return make_method(spec)


@functools.lru_cache(maxsize=PICTURES)
def _recent(job: Job, look: Look) -> Features:
    return _compute(job, look)


def _compute(job: Job, look: Look) -> Features:
    """The features that are kept, or new ones, which are kept then."""
    method, store = _method(job.spec), FeatureStore(job.store)
    found = store.get(look.sha256, method.features_key, panorama=look.panorama)
    if found is None:
        found = method.features(read_picture(look.path).pixels, panorama=look.panorama)
        store.put(look.sha256, method.features_key, found, panorama=look.panorama)
    return found
