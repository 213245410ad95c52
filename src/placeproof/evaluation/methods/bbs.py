"""Best-Buddies Similarity (Dekel et al., CVPR 2015; Oron et al., TPAMI 2018).

Two points are best buddies if each is the nearest of its set to the other. The similarity of two
sets is the number of such pairs, divided by the smaller set's size (Eq. 1 and 2 of the paper). A
point is a cell: its appearance, and its place in its window. The distance of two is

    ``|appearance - appearance'|^2 + LOCATION_WEIGHT * |place - place'|^2``

with places in [0, 1] across the window and [0, 1] down it.
"""

import numpy as np
from numpy.typing import NDArray

from placeproof.evaluation.methods.template_cells import Cells, Colour, Deep
from placeproof.evaluation.methods.template_windows import TemplateMethod, square_distances

# Lambda of the paper. The code that its authors released weighs places by 2, and has them in
# pixels divided by 255 instead of in the window's own range.
LOCATION_WEIGHT = 0.25


def window_scores(template: Cells, reference: Cells) -> NDArray[np.float32]:
    """BBS of a template (h, w, C) and each of its windows in a reference (H, W, C).

    A window and the template have as many points, so a score is the share of the template's
    points that have a best buddy.

    Returns:
        (H - h + 1, W - w + 1) in (0, 1].
    """
    height, width, channels = template.shape
    rows, columns = reference.shape[:2]
    points = height * width
    # Appearance is compared once; only the places depend on the window.
    appearance = square_distances(reference.reshape(-1, channels), template.reshape(-1, channels))
    appearance = appearance.reshape(rows, columns, points)
    places = place_distances(height, width).astype(template.dtype)
    scores = np.empty((rows - height + 1, columns - width + 1), dtype=np.float32)
    distance = np.empty((height, width, points), dtype=template.dtype)
    for top, left in np.ndindex(scores.shape):
        window = appearance[top : top + height, left : left + width]
        np.add(window, places, out=distance)
        scores[top, left] = best_buddies(distance.reshape(points, points)).mean()
    return scores


def best_buddies(distance: Cells) -> NDArray[np.bool_]:
    """Which points of the template have a best buddy.

    A point of the window has one nearest point of the template, of equals the first. The two are
    best buddies if no point of the window is nearer to that one.

    Args:
        distance: (M, N) of the window's points to the template's.

    Returns:
        (N,) of the template's points.
    """
    nearest = distance.argmin(axis=1)
    mutual = distance[np.arange(len(distance)), nearest] <= distance.min(axis=0)[nearest]
    found = np.zeros(distance.shape[1], dtype=np.bool_)
    found[nearest[mutual]] = True
    return found


def place_distances(height: int, width: int) -> NDArray[np.float64]:
    """Weighted squared distances (h, w, h * w) of the places in a window to those in a template."""
    rows, columns = np.divmod(np.arange(height * width), width)
    down = (np.arange(height)[:, None, None] - rows) / height
    right = (np.arange(width)[:, None] - columns) / width
    distances: NDArray[np.float64] = LOCATION_WEIGHT * (down**2 + right**2)
    return distances


class _BestBuddies(TemplateMethod):
    """The highest BBS of any window. The query mask has the points with a best buddy in it."""

    source = (
        "Dekel, Oron, Rubinstein, Avidan, Freeman: Best-Buddies Similarity for Robust Template "
        "Matching, CVPR 2015; Oron, Dekel, Xue, Freeman, Avidan, TPAMI 2018. Written from the "
        "papers; cells of 5 degrees, one field of view"
    )

    def window_scores(self, template: Cells, reference: Cells) -> NDArray[np.float32]:
        """See :func:`window_scores`."""
        return window_scores(template, reference)

    def template_mask(self, template: Cells, window: Cells) -> NDArray[np.float32]:
        """1 where a point of the template has a best buddy."""
        height, width, channels = template.shape
        appearance = square_distances(window.reshape(-1, channels), template.reshape(-1, channels))
        places = place_distances(height, width).astype(template.dtype)
        found = best_buddies(appearance + places.reshape(appearance.shape))
        return found.reshape(height, width).astype(np.float32)


class BbsColour(_BestBuddies):
    """Best-Buddies Similarity of colours."""

    name = "bbs-colour"
    title = "BBS, colour"

    def __init__(self) -> None:
        super().__init__(Colour())


class BbsDeep(_BestBuddies):
    """Best-Buddies Similarity of deep features."""

    name = "bbs-deep"
    title = "BBS, deep"

    def __init__(self) -> None:
        super().__init__(Deep())
