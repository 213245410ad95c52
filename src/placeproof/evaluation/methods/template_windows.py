"""Template matching: the query's cells are slid over the reference's.

This is what Best-Buddies Similarity and Deformable Diversity Similarity have in common; how much
a window is like the template is theirs alone.
"""

from abc import abstractmethod

import numpy as np
from numpy.typing import NDArray

from placeproof.evaluation.method import Answer, Features, Method
from placeproof.evaluation.methods.template_cells import Appearance, Cells
from placeproof.geometry import WrappedBox, wrap_degrees


class TemplateMethod(Method):
    """The best window: its score, its box, and a map of all windows' scores.

    The reference mask has each window's score at the window's middle cell. It is 0 where no
    window has its middle, near the upper and the lower edge, and it hardly ever comes near 1.
    The query mask is what the best window has of the query. In a panorama, windows run on across
    the seam, and the yaw is that of the best window's middle.

    Args:
        appearance: What cells look like.
    """

    def __init__(self, appearance: Appearance) -> None:
        self._appearance = appearance
        self.weights = appearance.weights
        self.features_key = appearance.key

    @abstractmethod
    def window_scores(self, template: Cells, reference: Cells) -> NDArray[np.float32]:
        """How much each window is like the template.

        Args:
            template: (h, w, C).
            reference: (H, W, C), at least as large.

        Returns:
            (H - h + 1, W - w + 1) in [0, 1]: of the windows by their first row and column.
        """

    @abstractmethod
    def template_mask(self, template: Cells, window: Cells) -> NDArray[np.float32]:
        """How much of each of the template's cells (h, w) in [0, 1] is in a window (h, w, C)."""

    def features(self, pixels: NDArray[np.uint8], *, panorama: bool) -> Features:
        """What is kept of a picture: see :mod:`placeproof.evaluation.methods.template_cells`."""
        return self._appearance.features(pixels, panorama=panorama)

    def compare(self, query: Features, reference: Features, *, panorama: bool) -> Answer:
        """The best window; of equals the first, row by row.

        Photos are at one scale, so a photo as reference may be lower or narrower than the query,
        which is then cut to size about its middle. Two photos of one shape have a single window.
        """
        photo, cells = self._appearance.cells(query, reference, panorama=panorama)
        rows, columns = cells.shape[:2]
        down, right = _middle(photo.shape[0], rows), _middle(photo.shape[1], columns)
        template = photo[down, right]
        height, width = template.shape[:2]
        if panorama:
            cells = np.concatenate((cells, cells[:, : width - 1]), axis=1)
        scores = self.window_scores(template, cells)
        top, left = map(int, np.unravel_index(scores.argmax(), scores.shape))
        query_mask = np.zeros(photo.shape[:2], dtype=np.float32)
        query_mask[down, right] = self.template_mask(
            template, cells[top : top + height, left : left + width]
        )
        heat = np.zeros((rows, columns), dtype=np.float32)
        heat[height // 2 : height // 2 + len(scores), : scores.shape[1]] = scores
        yaw = ((left + width / 2) / columns - 0.5) * 360
        return Answer(
            score=float(scores[top, left]),
            query_mask=query_mask,
            reference_mask=np.roll(heat, width // 2, axis=1),
            box=WrappedBox(left, top, width, height),
            yaw=wrap_degrees(yaw) if panorama else None,
        )


def square_distances(first: Cells, second: Cells) -> Cells:
    """Squared Euclidean distances (N, M) of two lists of points, (N, C) and (M, C)."""
    squares = [np.einsum("nc,nc->n", points, points) for points in (first, second)]
    distances: Cells = squares[0][:, None] + squares[1] - 2 * (first @ second.T)
    return np.maximum(distances, 0, out=distances)  # rounding may leave it below


def _middle(length: int, available: int) -> slice:
    """The middle part of ``length`` cells that fits among so many."""
    kept = min(length, available)
    start = (length - kept) // 2
    return slice(start, start + kept)
