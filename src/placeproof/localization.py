"""Where the match lies (paper, Fig. 3 and section 5.3): from patches to pixels and angles."""

import math

import torch
from torch import Tensor

from placeproof.network.matching import Matches
from placeproof.patches import PatchGrid
from placeproof.results import PatchMatch

MATCHES_KEPT = 24  # patch pairs that a result lists
VOTE_WIDTH = 8.0  # degrees; standard deviation of one patch's vote for the camera's yaw
YAWS_APART = 40.0  # degrees; what lies nearer is seen in the same view
_YAWS = torch.arange(-180.0, 180.0)


def best_matches(
    found: Matches,
    query_mask: Tensor,
    reference_mask: Tensor,
    query_grid: PatchGrid,
    reference_grid: PatchGrid,
) -> tuple[PatchMatch, ...]:
    """The clearest pairs whose both ends lie in the masks, at most one a reference patch."""
    width, reference_width = query_mask.shape[1], reference_mask.shape[1]
    values, targets = found.query.flatten(), found.query_index.flatten()
    similarity = found.similarity.flatten()
    inside = (query_mask.flatten() >= 0.5) & (reference_mask.flatten()[targets] >= 0.5)
    matches: list[PatchMatch] = []
    taken: set[int] = set()
    for patch in values.masked_fill(~inside, -math.inf).argsort(descending=True, stable=True):
        target = int(targets[patch])
        if not inside[patch] or len(matches) == MATCHES_KEPT:
            break
        if target in taken:
            continue
        taken.add(target)
        matches.append(
            PatchMatch(
                query=query_grid.centre(int(patch) % width, int(patch) // width),
                reference=reference_grid.centre(
                    target % reference_width, target // reference_width
                ),
                similarity=float(similarity[patch]),
            )
        )
    return tuple(matches)


def yaw_votes(
    query_index: Tensor,
    weights: Tensor,
    reference_columns: int,
    focal: float,
) -> Tensor:
    """How much speaks for each direction of the camera, voted for by all patches of the photo.

    A patch left of the photo's middle that matches the panorama at some yaw says that the
    camera looked to the right of there. Wrong matches scatter their votes and right ones agree,
    up to the parallax between camera and panorama. It uses the patches' layout and so finds the
    optical axis also where only an edge of the photo matched.

    Args:
        query_index: (h, w) int64, best match of each photo patch: row * W + column.
        weights: (h, w) from 0, of each patch's vote.
        reference_columns: W, how many patches the panorama has across.
        focal: Focal length of the photo in patches.

    Returns:
        (360,), the votes' density at -180, -179, ... 179 degrees from the panorama's centre.
    """
    width = query_index.shape[1]
    columns = torch.arange(width) + 0.5 - width / 2
    offset = torch.rad2deg(torch.atan(columns / focal)).expand_as(query_index)
    matched = (query_index % reference_columns + 0.5) / reference_columns * 360 - 180
    votes = (matched - offset).flatten()
    apart = torch.remainder(votes[:, None] - _YAWS + 180, 360) - 180
    density = torch.exp(-0.5 * (apart / VOTE_WIDTH).square())
    return (weights.reshape(-1, 1) * density).sum(dim=0)


def strongest_yaws(votes: Tensor, count: int) -> tuple[float, ...]:
    """The yaws with most votes, each at least ``YAWS_APART`` degrees from those before it.

    Args:
        votes: (360,), what :func:`yaw_votes` returns.
        count: At most so many.

    Returns:
        Degrees in [-180, 180), 0 at the panorama's centre column, strongest first; none where
        nothing votes.
    """
    left = votes.clone()
    found: list[float] = []
    while len(found) < count and left.max() > 0:
        best = _YAWS[left.argmax()]
        apart = (torch.remainder(_YAWS - best + 180, 360) - 180).abs()
        left[apart < YAWS_APART] = 0
        found.append(float(best))
    return tuple(found)
