"""Trains the building detector that ships: a light head on the shipped extractor's features.

    python tools/train_building_detector.py --camvid ../shared/data/camvid \
        --output src/placeproof/weights/buildings-lite2.safetensors

1. Features, once, kept in memory: of labelled street frames, each as the detector sees photos
   and several times changed (sky, colours, size, mirrored), and of streets rendered by
   placeproof, whose panoramas know what every pixel shows. Without these, the head takes grass,
   paving and the camera's own vehicle for buildings: the frames hold nothing like them.
2. For each sequence of frames, a head trained without it says how well unseen streets are
   labelled. Frames of one sequence are never on both sides: neighbours are nearly the same.
3. The head that is written is trained on all sequences.
"""

import argparse
import dataclasses
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from rich.progress import track
from torch import Tensor
from torch.nn import functional as F

from placeproof.buildings.small import (
    BuildingCard,
    BuildingHead,
    SmallBuildingDetector,
    extractor_hash,
    save_head,
)
from placeproof.errors import PlaceproofError, TrainingError
from placeproof.images import read_picture
from placeproof.network.checkpoint import Checkpoint, load_checkpoint
from placeproof.network.features import FeatureExtractor
from placeproof.scene.model import Kind
from placeproof.scene.render import render_panorama
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit
from placeproof.weights_store import SHIPPED_FILE

Pixels = NDArray[np.uint8]
Labels = NDArray[np.int8]  # of pixels
Floats = NDArray[np.floating]

SKY, BUILDING, UNLABELLED = 0, 1, 11  # classes of the frames
YES, NO, UNKNOWN = 1, 0, -1  # labels: a building, none, not said
CHANGED = 4  # changed copies of each frame
RENDERED_STREETS = 8
VISITS = (
    Visit(Season.SUMMER, Light.NOON, seed=1),
    Visit(Season.SPRING, Light.MORNING, seed=1),
    Visit(Season.AUTUMN, Light.OVERCAST, seed=1),
    Visit(Season.SUMMER, Light.EVENING, seed=1),
)
CELL = 4  # pixels along a side of what the loss looks at
WINDOW = 40  # patches across, of a rendered panorama in a batch
STEPS, RATE, DECAY, FRAMES, WINDOWS = 1000, 2e-3, 1e-2, 8, 1
TRAINING_DATA = (
    "{frames} frames of {sequences} sequences of CamVid at 480 x 360 with 12 classes (Brostow, "
    "Fauqueur and Cipolla, University of Cambridge; SegNet's version; no licence is stated with "
    "it), each also {changed} times with another sky, other colours and another size; and "
    "panoramas of {streets} streets rendered by placeproof."
)
ATTRIBUTION = (
    "CamVid: G. Brostow, J. Fauqueur, R. Cipolla, Semantic object classes in video: A "
    "high-definition ground truth database, Pattern Recognition Letters, 2009."
)


@dataclass(frozen=True, slots=True, eq=False)
class Frame:
    """A labelled street picture.

    Attributes:
        sequence: The video that it is of.
        pixels: (H, W, 3).
        classes: (H, W), one of the 12 classes.
    """

    sequence: str
    pixels: Pixels
    classes: Pixels

    @property
    def labels(self) -> Labels:
        """(H, W): ``YES``, ``NO`` or ``UNKNOWN``."""
        known = np.where(self.classes == BUILDING, YES, NO)
        return np.where(self.classes == UNLABELLED, UNKNOWN, known).astype(np.int8)


@dataclass(frozen=True, slots=True, eq=False)
class Example:
    """What the head learns from.

    Attributes:
        sequence: The video that it is of, or "" if it is rendered.
        features: (C, h, w), half precision.
        labels: (ceil(H / CELL), ceil(W / CELL)), of every cell's centre.
    """

    sequence: str
    features: Tensor
    labels: Tensor


def read_frames(folder: Path) -> list[Frame]:
    """All frames of CamVid: ``<part>/<sequence>_<frame>.jpg`` with its classes in a PNG.

    Raises:
        TrainingError: If there are fewer than two sequences.
    """
    paths = sorted(folder.glob("*/*.jpg"))
    frames = [
        Frame(
            path.stem.split("_")[0],
            read_picture(path).pixels,
            np.array(Image.open(path.with_suffix(".png"))),
        )
        for path in paths
    ]
    if len({frame.sequence for frame in frames}) < 2:
        raise TrainingError(f"'{folder}' does not hold frames of two sequences, as CamVid does")
    return frames


def change(frame: Frame, random: np.random.Generator) -> tuple[Pixels, Labels]:
    """Another picture of the same labels: other weather, colours and size, perhaps mirrored."""
    picture: Floats = frame.pixels / np.float32(255)
    labels = frame.labels
    if random.random() < 0.5:
        picture = _tint_sky(picture, frame.classes == SKY, random)
    if random.random() < 0.5:
        picture, labels = picture[:, ::-1], labels[:, ::-1]
    picture = picture * random.uniform(0.6, 1.3)
    grey = picture.mean(axis=2, keepdims=True)
    picture = grey + (picture - grey) * random.uniform(0.4, 1.8)  # saturation
    picture = picture * random.uniform(0.85, 1.15, 3)  # white balance
    picture = picture.mean() + (picture - picture.mean()) * random.uniform(0.7, 1.3)  # contrast
    picture = picture.clip(0, 1) ** random.uniform(0.6, 1.6)  # gamma
    # Half a panorama's scale to more than a photo's, if the camera saw about 60 degrees.
    scale = math.exp(random.uniform(math.log(0.4), math.log(1.3)))
    size = round(picture.shape[1] * scale), round(picture.shape[0] * scale)
    image = Image.fromarray((picture * 255 + 0.5).astype(np.uint8))
    known = Image.fromarray(np.ascontiguousarray(labels).view(np.uint8))
    return (
        np.array(image.resize(size, Image.Resampling.LANCZOS)),
        np.array(known.resize(size, Image.Resampling.NEAREST)).view(np.int8),
    )


def _tint_sky(picture: Floats, sky: NDArray[np.bool_], random: np.random.Generator) -> Floats:
    """Colours a white sky, the more so the higher: all frames were taken under clouds."""
    red = random.uniform(0.25, 0.85)
    green = red + random.uniform(0, 0.25)
    zenith = np.array([red, green, green + random.uniform(0, 0.25)]).clip(0, 1)
    height = np.linspace(1, 0, len(picture))[:, None, None] * random.uniform()
    soft = Image.fromarray(sky.astype(np.uint8) * 255).filter(ImageFilter.GaussianBlur(1))
    share = np.array(soft, dtype=np.float32)[..., None] / 255
    tinted: Floats = picture * (1 - share * height * (1 - zenith))
    return tinted


@torch.inference_mode()
def make_example(
    extractor: FeatureExtractor, sequence: str, pixels: Pixels, labels: Labels, *, wraps: bool
) -> Example:
    """Features of a picture and the labels of its cells."""
    batch = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
    rows, columns = (
        np.arange(CELL // 2, side + CELL // 2, CELL).clip(max=side - 1) for side in labels.shape
    )
    cells = torch.from_numpy(labels[rows][:, columns])
    return Example(sequence, extractor(batch, wraps=wraps)[0].half(), cells)


def frame_examples(extractor: FeatureExtractor, frames: list[Frame], seed: int) -> list[Example]:
    """Every frame, and ``CHANGED`` changed copies of it."""
    examples = []
    for number, frame in enumerate(track(frames, "Frames")):
        random = np.random.default_rng((seed, number))
        pictures = [(frame.pixels, frame.labels)]
        pictures += [change(frame, random) for _ in range(CHANGED)]
        examples += [
            make_example(extractor, frame.sequence, *picture, wraps=False) for picture in pictures
        ]
    return examples


def rendered_examples(extractor: FeatureExtractor, width: int, seed: int) -> list[Example]:
    """A panorama of each rendered street; what is drawn on the skyline is not labelled."""
    examples = []
    for number in track(range(RENDERED_STREETS), "Rendered streets"):
        street, visit = Street(seed + number), VISITS[number % len(VISITS)]
        position = street.position(12 * (number % 2), 0, 2.5)
        shot = render_panorama(street, visit, position, street.bearing + 45 * number, width)
        of_surfaces = np.select(
            [street.scene(visit).kind == Kind.BUILDING, street.scene(visit).kind == Kind.SKYLINE],
            [YES, UNKNOWN],
            NO,
        )
        labels = np.append(of_surfaces, NO)[shot.surface].astype(np.int8)  # the last: sky
        examples.append(make_example(extractor, "", shot.pixels, labels, wraps=True))
    return examples


def train_head(
    frames: Sequence[Example], rendered: Sequence[Example], seed: int, steps: int = STEPS
) -> BuildingHead:
    """Cross-entropy of building or not, on all labelled cells alike."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    head = BuildingHead(len(frames[0].features))
    patches = torch.cat([e.features.flatten(1)[:, ::5] for e in (*frames, *rendered)], dim=1)
    std, mean = torch.std_mean(patches.float(), dim=1)
    head.mean.copy_(mean[:, None, None])
    head.std.copy_(std.clamp_min(1e-3)[:, None, None])
    optimizer = torch.optim.AdamW(head.parameters(), RATE, weight_decay=DECAY)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for _ in track(range(steps), "Head"):
        chosen = [frames[i] for i in random.integers(0, len(frames), FRAMES)]
        chosen += [_window(rendered[i], random) for i in random.integers(0, len(rendered), WINDOWS)]
        losses, count = torch.zeros(()), 0
        for example in chosen:
            logits = _cells(head(example.features.float()[None], wraps=False), example)
            known = example.labels != UNKNOWN
            losses = losses + F.binary_cross_entropy_with_logits(
                logits[known], example.labels[known].float(), reduction="sum"
            )
            count += int(known.sum())
        optimizer.zero_grad()
        (losses / max(count, 1)).backward()
        optimizer.step()
        schedule.step()
    for tensor in head.state_dict().values():
        tensor.copy_(tensor.half())  # what the file will hold is what is measured
    return head.eval().requires_grad_(False)


def _window(panorama: Example, random: np.random.Generator) -> Example:
    """``WINDOW`` columns of a panorama, from its top to its bottom."""
    fine = -(-panorama.labels.shape[1] // panorama.features.shape[2])  # cells a patch
    left = int(random.integers(0, max(1, panorama.features.shape[2] - WINDOW)))
    return Example(
        panorama.sequence,
        panorama.features[:, :, left : left + WINDOW],
        panorama.labels[:, left * fine : (left + WINDOW) * fine],
    )


def _cells(logits: Tensor, example: Example) -> Tensor:
    """Logits (1, h, w) of patches on the cells of an example."""
    rows, columns = example.labels.shape
    fine = -(-columns // logits.shape[2])
    finer = F.interpolate(logits[None], scale_factor=fine, mode="bilinear", align_corners=False)
    return finer[0, 0, :rows, :columns]


def overlap(detector: SmallBuildingDetector, frames: Sequence[Frame]) -> tuple[int, int]:
    """Pixels that are labelled and found as buildings, and those that are either, of all frames."""
    both = either = 0
    for frame in track(frames, "Measuring"):
        height, width = frame.labels.shape
        probability = Image.fromarray(detector(frame.pixels))
        found = np.array(probability.resize((width, height), Image.Resampling.BILINEAR)) >= 0.5
        known, true = frame.labels != UNKNOWN, frame.labels == YES
        both += int((found & true & known).sum())
        either += int(((found | true) & known).sum())
    return both, either


def train(checkpoint: Checkpoint, camvid: Path, output: Path, seed: int) -> BuildingCard:
    """Runs all steps and writes the head."""
    extractor = checkpoint.network.extractor
    operation = checkpoint.card.operation  # features made for matching shall serve as well
    frames = read_frames(camvid)
    sequences = sorted({frame.sequence for frame in frames})
    card = BuildingCard(
        name=output.stem,
        extractor=extractor.name,
        extractor_sha256=extractor_hash(extractor),
        channels=extractor.channels,
        panorama_width=operation.panorama_width,
        photo_side=operation.photo_side,
        training_data=TRAINING_DATA.format(
            frames=len(frames),
            sequences=len(sequences),
            changed=CHANGED,
            streets=RENDERED_STREETS,
        ),
        metrics={},
        attribution=f"{ATTRIBUTION} {checkpoint.card.attribution}",
        created=datetime.now(UTC).date().isoformat(),
        seed=seed,
    )
    examples = frame_examples(extractor, frames, seed)
    rendered = rendered_examples(extractor, operation.panorama_width, seed)
    metrics, counts = {}, []
    for sequence in sequences:
        head = train_head([e for e in examples if e.sequence != sequence], rendered, seed)
        held_out = [frame for frame in frames if frame.sequence == sequence]
        both, either = overlap(SmallBuildingDetector(extractor, head, card), held_out)
        counts.append((both, either))
        name = f"{len(held_out)} frames of {sequence}, by a head that never saw it: building IoU"
        metrics[name] = round(both / max(either, 1), 4)
    both, either = (sum(numbers) for numbers in zip(*counts, strict=True))
    metrics["all frames, each by a head that never saw its sequence: building IoU"] = round(
        both / max(either, 1), 4
    )
    card = dataclasses.replace(card, metrics=metrics)
    save_head(train_head(examples, rendered, seed), card, output)
    return card


def main() -> None:
    """Reads the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--camvid", type=Path, required=True, help="folder of labelled frames")
    parser.add_argument("--output", type=Path, required=True, help="safetensors file to write")
    parser.add_argument(
        "--weights", type=Path, default=SHIPPED_FILE, help="checkpoint with the extractor"
    )
    parser.add_argument("--seed", type=int, default=0, help="%(default)s")
    given = parser.parse_args()
    try:
        card = train(load_checkpoint(given.weights), given.camvid, given.output, given.seed)
    except PlaceproofError as error:
        sys.exit(f"train_building_detector: {error}")
    for name, value in card.metrics.items():
        print(f"{name} {value:.4f}")


if __name__ == "__main__":
    main()
