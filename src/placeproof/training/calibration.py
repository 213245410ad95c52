"""From logits to probabilities and thresholds, on pairs of places that the training never saw.

Why one temperature (Guo et al., ICML 2017) and not isotonic regression: a temperature keeps the
order of all pairs and needs few of them. On 1280 development pairs of the first weights,
cross-validated by panorama, isotonic regression took .010 off the AUC (.953 to .944), since it
gives one probability to all pairs of a step, and said 0 or 1 of every third pair, a certainty that
no finite number of pairs bears out. What it did gain came from moving the point of even odds, and
for that one number is enough: with :func:`fit_shift` before the temperature (Platt, 1999) the
calibration error fell from .051 to .021, with isotonic regression to .020.
"""

import math
from collections.abc import Hashable, Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit

from placeproof.metrics import Labels, Scores, even_weights
from placeproof.network.checkpoint import Operation

# Temperatures are searched from e^-10 to e^5 times the largest logit: from where all
# probabilities but a few are 0 or 1 to where all are .5 to two digits.
_LOG_TEMPERATURES = (-10.0, 5.0)
# The largest logit, once divided by the temperature, from which a threshold may still have to
# keep away: beyond 17 the sigmoid is 1 in single precision, and no threshold is above that.
_CERTAIN = 15.0
_NOTHING = 1e-6  # a logit that is as good as 0


def calibrate(
    logits: Scores,
    same: Labels,
    photos: Sequence[Hashable],
    near: Labels,
    *,
    panorama_width: int,
    photo_side: int,
    least_variety: float,
    false_rate: float,
    miss_rate: float,
) -> Operation:
    """Temperature and thresholds from development pairs.

    At most ``false_rate`` of the photos reach ``consistent_from`` with any panorama of another
    place, and at most ``miss_rate`` of the near pairs stay at ``inconsistent_to`` or below.
    Neither threshold lies on the other's side of even odds, and each lies half-way between two
    probabilities, so that rounding never decides.

    The temperature is that of :func:`fit_temperature`, or as much higher as it takes to tell a
    false match that must not count from certainty.

    Args:
        logits: (N,) what the network says, before any temperature.
        same: (N,) whether each pair shows the same place.
        photos: (N,) which photo each pair is of.
        near: (N,) which pairs were taken near one another but not from one point, so that they
            show the same place with parallax.
        panorama_width: As in :class:`Operation`, as are the arguments below.
        photo_side: Pixels.
        least_variety: In [0, 1].
        false_rate: In [0, 1).
        miss_rate: In [0, 1).

    Raises:
        ValueError: If there are not pairs of all three kinds, a near pair is not of the same
            place, a logit is no number, the arrays differ in length, or a rate is not in [0, 1).
    """
    _check_pairs(logits, same, photos, near)
    for rate in (false_rate, miss_rate):
        if not 0 <= rate < 1:
            raise ValueError(f"an error rate of {rate} is not in [0, 1)")
    temperature = fit_temperature(logits, same)
    likest: dict[Hashable, float] = {}
    for photo, logit in zip(np.asarray(photos)[~same].tolist(), logits[~same], strict=True):
        likest[photo] = max(likest.get(photo, -math.inf), logit)
    false, true = np.array(list(likest.values())), logits[near]
    wrong = max(_barred(false, false_rate), _barred(-true, miss_rate))
    temperature = max(temperature, wrong / _CERTAIN)
    false, true = (_probabilities(part / temperature) for part in (false, true))
    return Operation(
        panorama_width=panorama_width,
        photo_side=photo_side,
        temperature=temperature,
        consistent_from=max(0.5, rate_bound(false, false_rate, 1.0)),
        inconsistent_to=min(0.5, -rate_bound(-true, miss_rate, 0.0)),
        least_variety=least_variety,
        false_rate=false_rate,
        miss_rate=miss_rate,
    )


def fit_temperature(logits: Scores, same: Labels) -> float:
    """The temperature that makes the log-loss of the labels least, above 0.

    Pairs of the same and of different places count the same, however many there are of each:
    even odds before the photo is seen. The labels are Platt's, (n + 1) / (n + 2) and 1 / (n + 2)
    for n pairs of a kind: with few pairs, or with pairs that the network tells apart without an
    error, the probabilities are as far from 0 and 1 as so few pairs can tell.

    Args:
        logits: (N,).
        same: (N,) labels of both kinds.

    Raises:
        ValueError: If there are not both kinds.
    """
    return _fit(logits, same)[0]


def fit_shift(logits: Scores, same: Labels) -> float:
    """What to add to all logits, before :func:`fit_temperature`, for the least log-loss.

    Added to the bias of the network's last layer, it moves the point of even odds to where the
    development pairs have it, which need not be where the training pairs had it. It lies within
    the range of the logits.

    Arguments and errors are those of :func:`fit_temperature`.
    """
    low, high = float(-logits.max()), float(-logits.min())
    if low == high:
        return low
    # The loss is convex in 1 / temperature and shift / temperature, and thus has one minimum.
    found = minimize_scalar(
        lambda shift: _fit(logits + shift, same)[1],
        bounds=(low, high),
        method="bounded",
        options={"xatol": 1e-4 * (high - low)},
    )
    return float(found.x)


def rate_bound(values: Scores, rate: float, end: float) -> float:
    """A number that at most a share of ``rate`` of the values reach, as low as that allows.

    It lies half-way between two values, or between the highest and ``end``, which none reaches.
    """
    barred = _barred(values, rate)
    return (barred + float(min(values[values > barred], default=end))) / 2


def _barred(values: Scores, rate: float) -> float:
    """The highest value that a bound must keep out, if a share of ``rate`` may reach it."""
    allowed = math.floor(rate * len(values) + 1e-9)  # .29 * 100 is a little less than 29
    return float(np.sort(values)[max(0, len(values) - 1 - allowed)])


def _fit(logits: Scores, same: Labels) -> tuple[float, float]:
    """The best temperature and its loss."""
    weights = even_weights(same)
    counts = np.where(same, same.sum(), (~same).sum())
    right = (counts + 1) / (counts + 2)
    signed = np.where(same, logits, -logits)
    scale = max(float(np.abs(logits).max()), _NOTHING)

    def loss(log_temperature: float) -> float:
        scaled = signed / (scale * math.exp(log_temperature))
        losses = right * np.logaddexp(0, -scaled) + (1 - right) * np.logaddexp(0, scaled)
        return float((weights * losses).sum())

    found = minimize_scalar(loss, bounds=_LOG_TEMPERATURES, method="bounded")
    return scale * math.exp(found.x), float(found.fun)


def _probabilities(logits: Scores) -> Scores:
    """Sigmoids (N,) in single precision, as the network's user gets them."""
    sigmoids: Scores = expit(logits).astype(np.float32).astype(np.float64)
    return sigmoids


def _check_pairs(logits: Scores, same: Labels, photos: Sequence[Hashable], near: Labels) -> None:
    if not len(logits) == len(same) == len(photos) == len(near):
        raise ValueError(
            f"{len(logits)} logits, {len(same)} labels, {len(photos)} photos and "
            f"{len(near)} marks of near pairs"
        )
    if not np.isfinite(logits).all():
        raise ValueError("not all logits are numbers")
    if not near.any():
        raise ValueError("there are no near pairs, so no rate of misses can be kept")
    if (near & ~same).any():
        raise ValueError("a near pair shows different places")
