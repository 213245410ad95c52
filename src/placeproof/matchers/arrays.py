"""Local features as named arrays and back, for caches; nothing is lost."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from placeproof.matchers.contract import LocalFeatures


def to_arrays(pictures: Sequence[LocalFeatures]) -> dict[str, NDArray[np.generic]]:
    """Local features of one or more pictures, by one matcher, in a few arrays.

    Returns:
        ``keypoints`` (sum of N, 2), ``scores`` (sum of N,) and ``descriptors`` (sum of N, D),
        float32, picture after picture; ``counts`` (P,) int64, the N of each picture; ``sizes``
        (P, 2) int64, its width and height.

    Raises:
        ValueError: If there is no picture.
    """
    return {
        "keypoints": np.concatenate([picture.keypoints for picture in pictures]),
        "scores": np.concatenate([picture.scores for picture in pictures]),
        "descriptors": np.concatenate([picture.descriptors for picture in pictures]),
        "counts": np.array([len(picture.keypoints) for picture in pictures], dtype=np.int64),
        "sizes": np.array([(picture.width, picture.height) for picture in pictures], np.int64),
    }


def from_arrays(arrays: Mapping[str, NDArray[np.generic]]) -> tuple[LocalFeatures, ...]:
    """The pictures' local features that :func:`to_arrays` was given."""
    ends = np.cumsum(arrays["counts"])[:-1]
    keypoints, scores, descriptors = (
        np.split(arrays[name].astype(np.float32, copy=False), ends)
        for name in ("keypoints", "scores", "descriptors")
    )
    return tuple(
        LocalFeatures(points, quality, look, int(width), int(height))
        for points, quality, look, (width, height) in zip(
            keypoints, scores, descriptors, arrays["sizes"], strict=True
        )
    )
