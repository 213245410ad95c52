"""Time of the whole ``verify``, stage by stage, with cold and with cached panorama features.

Run from the project's folder: ``python -m benchmarks.verify``. Without ``--panoramas`` and
``--photo`` the pictures are made by code: no stage's time depends on what they show, except that
of decoding them.
"""

import argparse
import os
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from benchmarks.report import print_machine, print_table, write_json
from placeproof.errors import PlaceproofError
from placeproof.location import Location
from placeproof.panoramas.intake import PICTURE_SUFFIXES, Candidate
from placeproof.panoramas.library import Library
from placeproof.panoramas.sidecar import SidecarEntry
from placeproof.verify import Verifier
from placeproof.weights_store import SHIPPED_FILE

PLACE = Location(48.8584, 2.2945)  # of all panoramas, wherever they were taken


@dataclass(frozen=True)
class Times:
    """What the repetitions took.

    Attributes:
        total: Seconds of each repetition.
        stages: Seconds of each repetition's stages.
    """

    total: list[float]
    stages: list[dict[str, float]]

    def median(self, stage: str) -> float | None:
        """Of one stage; None where no repetition had it."""
        found = [stages[stage] for stages in self.stages if stage in stages]
        return statistics.median(found) if found else None


def draw(path: Path, width: int, height: int, seed: int) -> Path:
    """A picture of colour gradients under noise, coarse and fine."""
    random = np.random.default_rng(seed)
    layers = [
        Image.fromarray(random.integers(0, 256, (rows, 2 * rows, 3), dtype=np.uint8))
        for rows in (2, 16, 128)
    ]
    enlarged = [np.asarray(layer.resize((width, height))) for layer in layers]
    Image.fromarray(np.mean(enlarged, axis=0).astype(np.uint8)).save(path, quality=90)
    return path


def fill(library: Library, panoramas: list[Path]) -> int:
    """Adds panoramas, all at one place; returns how many were new."""
    for path in panoramas:
        result = library.add_candidate(Candidate(path, SidecarEntry(path, location=PLACE)))
        if result.reason:
            print(f"{path}: {result.reason}", file=sys.stderr)
    return len(library)


def measure(
    verifier: Verifier, photo: Path, features: Path, repeats: int, *, cached: bool
) -> Times:
    """Verifies a photo again and again, each time with or each time without cached features."""
    total, stages = [], []
    for _ in range(repeats):
        if not cached:
            shutil.rmtree(features, ignore_errors=True)
        start = time.perf_counter()
        result = verifier.verify(photo, PLACE)
        total.append(time.perf_counter() - start)
        stages.append(result.provenance.seconds)
    return Times(total, stages)


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.verify", description=__doc__)
    parser.add_argument("--panoramas", type=Path, metavar="DIR", help="of equirectangular pictures")
    parser.add_argument("--photo", type=Path, metavar="FILE")
    parser.add_argument("--count", type=int, default=5, help="panoramas used (default: 5)")
    parser.add_argument("--weights", type=Path, default=SHIPPED_FILE, metavar="FILE")
    parser.add_argument("--repeats", type=int, default=5, help="after one to warm up")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there too")
    chosen = parser.parse_args()
    if min(chosen.count, chosen.repeats, chosen.threads) < 1:
        parser.error("--count, --repeats and --threads begin at 1")
    if chosen.panoramas and not chosen.panoramas.is_dir():
        parser.error(f"{chosen.panoramas} is no folder")
    return chosen


def pictures(chosen: argparse.Namespace, folder: Path) -> tuple[list[Path], Path]:
    """The panoramas and the photo that were chosen, or else made by code."""
    if chosen.panoramas:
        panoramas = sorted(
            path.absolute()
            for path in chosen.panoramas.iterdir()
            if path.suffix.lower() in PICTURE_SUFFIXES
        )[: chosen.count]
    else:
        panoramas = [
            draw(folder / f"{n}.jpg", 2048, 1024, seed=n) for n in range(1, chosen.count + 1)
        ]
    return panoramas, chosen.photo or draw(folder / "photo.jpg", 1600, 1200, seed=0)


def main() -> None:
    """Measures and prints."""
    chosen = arguments()
    torch.set_num_threads(chosen.threads)
    with tempfile.TemporaryDirectory(prefix="placeproof-benchmark-") as temporary:
        folder = Path(temporary)
        panoramas, photo = pictures(chosen, folder)
        start = time.perf_counter()
        try:
            library = Library.create_or_open(folder / "library")
            count = fill(library, panoramas)
            added = time.perf_counter()
            verifier = Verifier(library, library.features, chosen.weights)
            loaded = time.perf_counter()
            runs = {}
            for name, cached in (("cold", False), ("cached", True)):
                measure(verifier, photo, library.features.folder, 1, cached=cached)
                runs[name] = measure(
                    verifier, photo, library.features.folder, chosen.repeats, cached=cached
                )
        except PlaceproofError as error:
            sys.exit(str(error))
    once = {"add panoramas": added - start, "load weights": loaded - added}
    rows: list[Sequence[str]] = [
        (f"{stage} (once)", milliseconds(took), "") for stage, took in once.items()
    ]
    stages = dict.fromkeys(stage for times in runs.values() for stage in times.stages[0])
    rows += [
        (stage, *(milliseconds(times.median(stage)) for times in runs.values())) for stage in stages
    ]
    rows.append(
        ("verify", *(milliseconds(statistics.median(times.total)) for times in runs.values()))
    )
    print_table((f"{count} panoramas", "cold", "cached"), rows)
    print_machine(chosen.threads)
    if chosen.json:
        settings = {
            "panoramas": count,
            "weights": verifier.checkpoint.card.name,
            "repeats": chosen.repeats,
            "threads": chosen.threads,
        }
        results = [
            {"features": name, "seconds": times.total, "stages": times.stages}
            for name, times in runs.items()
        ]
        write_json(chosen.json, "verify", settings | {"once": once}, results)


def milliseconds(seconds: float | None) -> str:
    """For the table; empty where a stage does not occur."""
    return "" if seconds is None else f"{seconds * 1e3:.0f} ms"


if __name__ == "__main__":
    main()
