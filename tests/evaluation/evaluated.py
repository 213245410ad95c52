"""A small suite with pictures and truth, and methods with invented answers to it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.evaluation.answer_file import StoredAnswer
from placeproof.evaluation.mask_folder import MaskPair
from placeproof.evaluation.scored import Cost, MethodResult
from placeproof.evaluation.suite import EvaluationPair, Suite
from placeproof.location import Location

WIDTH, HEIGHT = 128, 64  # of references
PLACES = 8
PARIS = Location(48.8566, 2.3522)
COST = Cost(0.02, 0.3, 0.007, 0.005, 512_000_000, 2, 5)


def save(pixels: NDArray[np.generic], path: Path) -> Path:
    Image.fromarray(pixels).save(path)
    return path


def noise(seed: int, height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(seed).integers(60, 256, (height, width, 3), dtype=np.uint8)


def make_suite(folder: Path, places: int = PLACES, name: str = "query") -> Suite:
    """Two pairs of each place: with its own panorama, then with that of the next place."""
    for place in range(places):
        save(noise(place, 48, 64), folder / f"{name}-{place}.png")
        save(noise(100 + place, HEIGHT, WIDTH), folder / f"panorama-{place}.png")
    pairs = []
    for place in range(places):
        for same in (True, False):
            other = place if same else (place + 1) % places
            pairs.append(
                EvaluationPair(
                    query=folder / f"{name}-{place}.png",
                    reference=folder / f"panorama-{other}.png",
                    same=same,
                    place=f"place {place}",
                    panorama=True,
                    query_location=PARIS if place else None,
                )
            )
    return Suite("A suite", "Made by code. Negatives: the next place's panorama.", tuple(pairs))


def with_mask(suite: Suite, pair: int, mask: NDArray[np.bool_], folder: Path) -> Suite:
    """The same suite, with the true mask (h, w) of a pair."""
    path = save(mask.astype(np.uint8) * 255, folder / f"mask-{pair}.png")
    return with_pair(suite, pair, mask=path)


def with_pair(suite: Suite, pair: int, **changes: object) -> Suite:
    pairs = list(suite.pairs)
    pairs[pair] = replace(pairs[pair], **changes)  # type: ignore[arg-type]
    return replace(suite, pairs=tuple(pairs))


def answer(score: float, **fields: object) -> StoredAnswer:
    """An answer that says nothing but a score and what is given."""
    nothing = {"probability": None, "box": None, "yaw": None, "verdict": None, "masks": False}
    return StoredAnswer(score=score, **{**nothing, **fields})  # type: ignore[arg-type]


def method(
    name: str,
    answers: Sequence[StoredAnswer],
    masks: Mapping[int, NDArray[np.float32]] | None = None,
    **fields: object,
) -> MethodResult:
    """A method that gave these answers, and these reference masks by pair."""
    known = masks or {}

    def read(pair: int) -> MaskPair | None:
        return (np.ones((4, 4), np.float32), known[pair]) if pair in known else None

    given = [replace(a, masks=pair in known) for pair, a in enumerate(answers)]
    texts = {"title": name.upper(), "source": f"source of {name}", "weights": f"weights of {name}"}
    return MethodResult(
        name=name,
        answers=tuple(given),
        masks=read,
        **{**texts, "cost": None, **fields},  # type: ignore[arg-type]
    )


def scored(suite: Suite, name: str, worth: float, seed: int = 0, **fields: object) -> MethodResult:
    """A method whose scores of the same place lie above the others by ``worth`` deviations."""
    random = np.random.default_rng(seed)
    scores = [random.normal() + worth * pair.same for pair in suite.pairs]
    return method(name, [answer(score) for score in scores], **fields)  # type: ignore[arg-type]


def rectangle(left: int, top: int, width: int, height: int) -> NDArray[np.bool_]:
    """A reference's mask that is white in a rectangle, across the seam if it reaches beyond."""
    mask = np.zeros((HEIGHT, WIDTH), bool)
    mask[top : top + height, np.arange(left, left + width) % WIDTH] = True
    return mask
