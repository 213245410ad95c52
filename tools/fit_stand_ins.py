"""Fits what stand-ins of the paper's baselines need to streets that placeproof renders.

    python tools/fit_stand_ins.py

NetVLAD needs a vocabulary and DELF principal components, of the features of the extractor that
ships. No real picture is used, and nothing is learned from labels. The result ships beside
``placeproof/evaluation/methods/imagenet.py``; run this again when the extractor changes.
"""

import argparse
import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.cluster.vq import kmeans2
from torch import Tensor
from torch.nn import functional as F

from placeproof.evaluation.methods.imagenet import (
    FILE,
    FORMAT,
    extractor,
    extractor_key,
    raw_maps,
)
from placeproof.scene.render import render_panorama
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit
from placeproof.sealed import write_sealed

FIRST_STREET = 700  # of its own: neither the demo's nor those of training
CLUSTERS = 64
COMPONENTS = 40
FAR_SECOND = 0.01  # share of the second cluster that the authors' initialisation aims at


def street_patches(number: int, width: int) -> tuple[Tensor, Tensor]:
    """Patches at unit length of one rendered panorama: (N, 472) joined, (N, 120) of the finest.

    Its upper and lower twelfth, zenith and nadir, are left out: no photo shows them.
    """
    street = Street(FIRST_STREET + number)
    seasons, lights = list(Season), list(Light)
    visit = Visit(seasons[number % len(seasons)], lights[number % len(lights)], seed=number)
    shot = render_panorama(street, visit, street.position(0.0, 0.0, 2.5), 45.0 * number, width)
    batch = torch.from_numpy(shot.pixels).permute(2, 0, 1)[None].float() / 255
    patches = []
    with torch.inference_mode():
        for features in (extractor()(batch, wraps=True)[0], raw_maps(batch)[0][0]):
            margin = features.shape[1] // 12
            band = features[:, margin : features.shape[1] - margin]
            patches.append(F.normalize(band.flatten(1).T, dim=1))
    return patches[0], patches[1]


def vocabulary(patches: NDArray[np.float64]) -> tuple[NDArray[np.float64], float]:
    """Cluster centres (64, C), and the sharpness of the assignment as NetVLAD's authors set it.

    It is such that the second most similar cluster gets a hundredth of the first one's share, on
    average of the difference between both similarities.
    """
    random = np.random.default_rng(0)
    centres, _ = kmeans2(patches, CLUSTERS, iter=100, minit="++", rng=random)
    directions = centres / np.linalg.norm(centres, axis=1, keepdims=True)
    similar = np.sort(patches @ directions.T, axis=1)
    return centres, -math.log(FAR_SECOND) / float((similar[:, -1] - similar[:, -2]).mean())


def principal_components(
    patches: NDArray[np.float64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean (C,) and the strongest components (40, C), the strongest first."""
    mean = patches.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov(patches.T))
    return mean, vectors[:, ::-1].T[:COMPONENTS]


def main() -> None:
    """Reads the command line, fits and writes."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--output", type=Path, default=FILE, help="%(default)s")
    parser.add_argument("--streets", type=int, default=12, help="how many; %(default)s")
    parser.add_argument("--width", type=int, default=1664, help="of panoramas; %(default)s")
    given = parser.parse_args()
    drawn = [street_patches(number, given.width) for number in range(given.streets)]
    joined, finest = (torch.cat(patches).double().numpy() for patches in zip(*drawn, strict=True))
    centres, sharpness = vocabulary(joined)
    mean, components = principal_components(finest)
    content = {
        "extractor": extractor_key(),
        "sharpness": sharpness,
        "about": f"fitted to {given.streets} streets rendered by placeproof; CC0-1.0",
    }
    numbers = {"centres": centres, "mean": mean, "components": components}
    tensors = {n: torch.from_numpy(a.copy()).half() for n, a in numbers.items()}
    write_sealed(given.output, FORMAT, content, tensors)
    print(f"{len(joined)} patches; sharpness {sharpness:.1f}; written to {given.output}")


if __name__ == "__main__":
    main()
