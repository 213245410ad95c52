"""A place made by code: panoramas of coloured blocks, photos cut from them, and a small network
that is set by hand so that it finds equal patches and no others.
"""

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from placeproof.location import Location
from placeproof.network.bupm import Bupm

Pixels = NDArray[np.uint8]

PLACE = Location(48.8584, 2.2945)
HEADING = 30.0  # of both panoramas of the library
PHOTO_YAW = 90.0  # of the photo in the nearer panorama
WIDTH = 1024  # of panoramas
PHOTO_SIZE = (320, 256)
EXTRACTOR = "test_resnet"  # timm's smallest; 32 pixels a patch


def blocks(seed: int) -> Pixels:
    """A panorama of coloured rectangles of several sizes."""
    random = np.random.default_rng(seed)
    layers = [
        Image.fromarray(random.integers(0, 256, (rows, 2 * rows, 3), dtype=np.uint8)).resize(
            (WIDTH, WIDTH // 2), Image.Resampling.NEAREST
        )
        for rows in (8, 16, 32, 64)
    ]
    return np.mean(layers, axis=0).astype(np.uint8)


def crop(panorama: Pixels, yaw: float) -> Pixels:
    """What a photo would show, but for perspective; ``yaw`` in whole patches of 11.25 degrees."""
    width, height = PHOTO_SIZE
    left = round((yaw / 360 + 0.5) * WIDTH) - width // 2
    top = (WIDTH // 2 - height) // 2
    return panorama[top : top + height, np.arange(left, left + width) % WIDTH]


def hand_set_network() -> Bupm:
    """Patches match from a similarity of 0.985; a photo does when 40% of its patches do."""
    torch.manual_seed(0)
    network = Bupm(EXTRACTOR)
    usual = torch.from_numpy(np.stack([blocks(seed) for seed in (90, 91, 92)]))
    usual = usual.permute(0, 3, 1, 2) / 255
    with torch.no_grad():
        # Features of random weights all point one way; what tells them apart is the rest.
        mean = network.features(usual, wraps=True).mean(dim=(0, 2, 3))
        network = Bupm(EXTRACTOR, projection=len(mean)).requires_grad_(False)
        torch.manual_seed(0)
        network.extractor.load_state_dict(Bupm(EXTRACTOR).extractor.state_dict())
        for parameter in (*network.detector.parameters(), *network.verification.parameters()):
            parameter.zero_()
        network.projection.linear.weight.copy_(torch.eye(len(mean))[:, :, None, None])
        network.projection.linear.bias.copy_(-mean)
        network.detector.branches[0].weight[0] = 1.0
        network.detector.branches[0].bias[0] = -0.97
        network.detector.join.weight[0, 0] = 1000.0
        network.detector.join.bias[0] = -15.0
        first, _, second, _, third = network.verification.layers
        first.weight[0, 1] = second.weight[0, 0] = 1.0  # the mean of the photo's mask
        third.weight[0, 0] = 20.0
        third.bias[0] = -8.0
    return network
