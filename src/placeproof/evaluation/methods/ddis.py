"""Deformable Diversity Similarity (Talmi, Mechrez, Zelnik-Manor, CVPR 2017).

Each point of a window has a nearest point in the template, by appearance alone. A window that
shows what the template shows finds many different points of it, each of them few times, and near
where they are in the template. With ``kappa_j``, how many points of the window have the nearest
point that point j has, and ``r_j``, how far that one's place is from j's:

    ``DDIS = 1 / min(M, N) * sum over j of exp(1 - kappa_j) / (1 + r_j)``

Places are counted in cells, as the code that the authors published counts them in its points.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from placeproof.evaluation.methods.template_cells import Cells, Colour, Deep
from placeproof.evaluation.methods.template_windows import TemplateMethod, square_distances


def nearest_points(template: Cells, reference: Cells) -> NDArray[np.int64]:
    """The most similar point of a template (h, w, C) to each of a reference (H, W, C).

    Returns:
        (H, W), row * w + column in the template; of equals the first.
    """
    channels = template.shape[2]
    distances = square_distances(reference.reshape(-1, channels), template.reshape(-1, channels))
    nearest: NDArray[np.int64] = distances.argmin(axis=1).reshape(reference.shape[:2])
    return nearest


def contributions(nearest: NDArray[np.int64], height: int, width: int) -> NDArray[np.float64]:
    """What each point of many windows adds: ``exp(1 - kappa_j) / (1 + r_j)``.

    Args:
        nearest: (K, h * w), the nearest point in the template of each point of K windows.
        height: h, of the template and of windows.
        width: w.

    Returns:
        (K, h * w) in (0, 1].
    """
    windows, points = nearest.shape
    # One histogram for every window, side by side in a single one.
    labels = nearest + np.arange(windows)[:, None] * points
    kappa = np.bincount(labels.ravel(), minlength=windows * points)[labels]
    rows, columns = np.divmod(np.arange(height * width), width)
    deformation = np.hypot(rows[:, None] - rows, columns[:, None] - columns)
    added: NDArray[np.float64] = np.exp(1 - kappa) / (1 + deformation[np.arange(points), nearest])
    return added


class _DeformableDiversity(TemplateMethod):
    """The highest DDIS of any window.

    The query mask has, for each point, the most that any point of the window adds for it.
    """

    source = (
        "Talmi, Mechrez, Zelnik-Manor: Template Matching with Deformable Diversity Similarity, "
        "CVPR 2017. Written from the paper; exact nearest neighbours; cells of 5 degrees, one "
        "field of view"
    )

    def window_scores(self, template: Cells, reference: Cells) -> NDArray[np.float32]:
        """DDIS of a template (h, w, C) and each of its windows, (H - h + 1, W - w + 1)."""
        height, width = template.shape[:2]
        windows = sliding_window_view(nearest_points(template, reference), (height, width))
        added = contributions(windows.reshape(-1, height * width), height, width)
        scores: NDArray[np.float32] = added.mean(axis=1, dtype=np.float32)
        return scores.reshape(windows.shape[:2])

    def template_mask(self, template: Cells, window: Cells) -> NDArray[np.float32]:
        """The most that any point of the window adds for each of the template's."""
        height, width = template.shape[:2]
        nearest = nearest_points(template, window).reshape(1, -1)
        mask = np.zeros(height * width, dtype=np.float32)
        np.maximum.at(mask, nearest[0], contributions(nearest, height, width)[0])
        return mask.reshape(height, width)


class DdisColour(_DeformableDiversity):
    """Deformable Diversity Similarity of colours."""

    name = "ddis-colour"
    title = "DDIS, colour"

    def __init__(self) -> None:
        super().__init__(Colour())


class DdisDeep(_DeformableDiversity):
    """Deformable Diversity Similarity of deep features."""

    name = "ddis-deep"
    title = "DDIS, deep"

    def __init__(self) -> None:
        super().__init__(Deep())
