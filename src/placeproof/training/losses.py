"""Losses by name (paper, section 4.3): pairs and what the network says of them in, a scalar out.

To add one, add a line to :data:`LOSSES`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from placeproof.training.compared import Compared
from placeproof.training.examples import Pair

TEMPERATURE = 0.07  # of similarities; a usual value of contrastive losses
QUERY_PATCHES = 48  # of each query, drawn
REFERENCE_PATCHES = 1024  # of each panorama, drawn
NEAR = 3  # patches; what lies nearer than this to the right place is no wrong place
MARGIN = 12  # a panorama's upper and lower part 1 / MARGIN are left out: zenith and nadir


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss and what it takes to train with it.

    Attributes:
        function: The mean over the pairs that count, 0 if none does. All pairs of a query are
            given together, so that it may compare them.
        counts: Whether a pair counts. Where a batch is shared by several processes, each one's
            mean enters with the number of its pairs that count.
        reaches: Parts of the network that it has a gradient for.
        measure: What tells a better epoch: the decision's AUC, or the loss itself.
    """

    function: Callable[[list[Compared]], Tensor]
    counts: Callable[[Pair], bool]
    reaches: frozenset[str]
    measure: Literal["AUC", "mask loss", "correspondence loss"]


def mask_loss(compared: list[Compared]) -> Tensor:
    """Log-loss of M_R on every patch; M_Q is not supervised.

    Its target would be one everywhere on synthetic pairs, which "somewhat hampers the learning".
    """
    losses = [
        F.binary_cross_entropy_with_logits(one.judged.reference_mask[0], one.mask)
        for one in compared
        if one.mask is not None
    ]
    if not losses:
        return compared[0].judged.reference_mask.sum() * 0.0
    return torch.stack(losses).mean()


def decision_loss(compared: list[Compared]) -> Tensor:
    """Binary cross-entropy of "the same place"."""
    logits = torch.cat([one.judged.logit for one in compared])
    same = torch.tensor([float(one.pair.same) for one in compared], device=logits.device)
    return F.binary_cross_entropy_with_logits(logits, same)


def correspondence_loss(compared: list[Compared]) -> Tensor:
    """Cross-entropy of finding what a query patch shows among patches of all panoramas.

    Not the paper's: it trains a projection. Of each query some patches are drawn; each has to be
    more similar to what it shows (the best of the 3 x 3 patches around there, since patches of
    two pictures never coincide) than to patches drawn from the query's own panorama, not near
    that place, and from the batch's other panoramas. The temperature is ``TEMPERATURE``. Draws
    come from torch's generator, which the trainer seeds for every step; they and all places are
    on the CPU. Of several processes each compares with the panoramas of its own pairs alone.
    """
    known = [one for one in compared if one.shown is not None]
    drawn = [_reference_patches(one) for one in known]
    losses = []
    for number, one in enumerate(known):
        chosen = _query_places(one)
        if len(chosen) == 0:
            continue
        query, positive, target = _query_patches(one, chosen)
        scores = [positive[:, None]]
        for other, (places, patches) in enumerate(drawn):
            similarity = query @ patches.T
            if other == number:
                near = _near(one, target, places).to(similarity.device)
                similarity = similarity.masked_fill(near, -torch.inf)
            scores.append(similarity)
        scaled = torch.cat(scores, dim=1) / TEMPERATURE
        losses.append((scaled.logsumexp(dim=1) - scaled[:, 0]).mean())
    if not losses:
        return compared[0].query.patches(torch.zeros(1, dtype=torch.int64)).sum() * 0.0
    return torch.stack(losses).mean()


def _reference_patches(one: Compared) -> tuple[Tensor, Tensor]:
    """Places (n,), row * W + column, and features (n, C), unit length, of drawn patches."""
    height, width = one.reference.extracted.shape[1:]
    margin = height // MARGIN * width
    places = torch.randint(margin, height * width - margin, (REFERENCE_PATCHES,))
    return places, F.normalize(one.reference.patches(places), dim=1)


def _query_places(one: Compared) -> Tensor:
    """Drawn query patches (n,), row * w + column, of those that show something in use."""
    assert one.shown is not None  # noqa: S101
    height, width = one.reference.extracted.shape[1:]
    margin = height // MARGIN
    rows = one.shown.flatten() // width
    usable = torch.nonzero((rows >= margin) & (rows < height - margin))[:, 0]
    return usable[torch.randperm(len(usable))[:QUERY_PATCHES]]


def _query_patches(one: Compared, chosen: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Features (n, C) of some query patches, their similarities to what they show, and where."""
    assert one.shown is not None  # noqa: S101
    height, width = one.reference.extracted.shape[1:]
    query = F.normalize(one.query.patches(chosen), dim=1)
    target = one.shown.flatten()[chosen]
    offsets = torch.tensor([(down, right) for down in (-1, 0, 1) for right in (-1, 0, 1)])
    around_rows = ((target // width)[:, None] + offsets[:, 0]).clamp(0, height - 1)
    around_columns = ((target % width)[:, None] + offsets[:, 1]) % width  # across the seam
    around = one.reference.patches((around_rows * width + around_columns).flatten())
    similarity = (F.normalize(around, dim=1).reshape(len(query), 9, -1) * query[:, None]).sum(dim=2)
    return query, similarity.amax(dim=1), target


def _near(one: Compared, target: Tensor, places: Tensor) -> Tensor:
    """Which places (m,) lie near which targets (n,), across the seam, too: (n, m) bool."""
    width = one.reference.extracted.shape[2]
    down = (places // width)[None] - (target // width)[:, None]
    right = (places[None] - target[:, None] + NEAR) % width
    return (down.abs() <= NEAR) & (right <= 2 * NEAR)


def _has_mask(pair: Pair) -> bool:
    return pair.mask is not None


def _has_matches(pair: Pair) -> bool:
    return pair.matches is not None


def _every(_pair: Pair) -> bool:
    return True


LOSSES: dict[str, Loss] = {
    "correspondence": Loss(
        correspondence_loss,
        _has_matches,
        frozenset({"extractor", "projection"}),
        "correspondence loss",
    ),
    "mask": Loss(
        mask_loss, _has_mask, frozenset({"extractor", "projection", "detector"}), "mask loss"
    ),
    "decision": Loss(
        decision_loss,
        _every,
        frozenset({"extractor", "projection", "detector", "verification"}),
        "AUC",
    ),
}
