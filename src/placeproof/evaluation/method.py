"""The contract of every method that is evaluated: features of a picture, answer to a pair.

A method is one small file in ``placeproof/evaluation/methods``: a class with what stands here,
and a line in that package's registry. The benchmark reads pictures, keeps features, runs pairs
in parallel, measures and draws; a method does none of that.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from placeproof.geometry import WrappedBox
from placeproof.results import Verdict

Features = Mapping[str, NDArray[np.generic]]  # named arrays of any shape and type


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What a method says of a pair.

    Attributes:
        score: Higher where the same place is likelier. Any scale; a finite number.
        probability: The same as a probability in [0, 1], where the method states one.
        query_mask: M_Q, (h, w) float32 in [0, 1], a grid of any size that covers the query;
            None if the method does not localize. There are both masks or none.
        reference_mask: M_R, (H, W) float32 in [0, 1], a grid of any size that covers the
            reference; None if the method does not localize.
        box: Where the query was found in the reference, in cells of ``reference_mask`` if there
            is one and else in pixels of the reference; None if it was not found.
        yaw: Direction of the query's optical axis, degrees right of the panorama's centre column,
            in [-180, 180); None if unknown.
        verdict: What it concludes, where it also may conclude nothing.
    """

    score: float
    probability: float | None = None
    query_mask: NDArray[np.float32] | None = None
    reference_mask: NDArray[np.float32] | None = None
    box: WrappedBox | None = None
    yaw: float | None = None
    verdict: Verdict | None = None


class Method(ABC):
    """One way of scoring a pair.

    It must be deterministic, whatever the number of threads and the order of calls: random draws
    take a fixed seed of their own. It is made anew in every worker process.

    Attributes:
        name: What users call it: lower-case letters, digits and hyphens.
        title: What figures call it.
        source: Whose method it is: authors, title, venue and year.
        weights: Which weights it runs with, in words for the report; other weights have other
            words, since answers are kept by them. Where they are not those that the authors
            published, this says so first of all.
        features_key: All that its features depend on beside the picture: methods with equal keys
            share what is kept of a picture. It changes with the weights and with the code.
    """

    name: str
    title: str
    source: str
    weights: str
    features_key: str

    @abstractmethod
    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """What the method needs of a picture; it is computed once and kept.

        Args:
            pixels: (H, W, 3) sRGB of any size from 32 by 32 pixels.
            panorama: Whether it is an equirectangular panorama; a query never is.
        """

    @abstractmethod
    def compare(self, query: Features, reference: Features, *, panorama: bool) -> Answer:
        """Answers one pair.

        Args:
            query: What :meth:`features` made of the query.
            reference: What it made of the reference.
            panorama: Whether the reference is a panorama.
        """
