"""Time and peak memory of ``placeproof collect`` for few and for many photos.

Run from the project's folder: ``python -m benchmarks.collect``. Photos and panoramas come from a
server on this machine (``benchmarks/open_world.py``) with tiny pictures, and everything is taken
for a building, so that what is measured is the collection itself. With ``--detector`` the building
detector that ships runs, too, at some 0.1 s of a core for each photo that comes so far; its answer
is not heeded, since these pictures show no buildings.
"""

import argparse
import multiprocessing
import resource
import shutil
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.open_world import World, served
from benchmarks.report import print_machine, print_table, write_json

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

MAXRSS_UNIT = 1 if sys.platform == "darwin" else 1024  # bytes
TOKEN = "MLY|benchmark"


@dataclass(frozen=True)
class Measurement:
    """What one collection took.

    Attributes:
        photos: How many were decided on.
        accepted: How many became pairs.
        seconds: From the first listing to the last file.
        peak_bytes: Most memory of the process, with all that it has loaded.
        before_bytes: The same before the first listing.
        state_bytes: Size of the database.
    """

    photos: int
    accepted: int
    seconds: float
    peak_bytes: int
    before_bytes: int
    state_bytes: int


class Everything:
    """A building detector to which everything is a building."""

    name = "everything"

    def __call__(
        self,
        pixels: "NDArray[np.uint8]",
        *,
        wraps: bool = False,  # noqa: ARG002
    ) -> "NDArray[np.float32]":
        """Probabilities of 1."""
        return (pixels[..., 0] >= 0).astype("float32")


def measure(count: int, url: str, folder: Path, with_detector: bool) -> Measurement:
    """Collects all photos of a server, in this process, which should be a new one."""
    import torch

    from placeproof.buildings.detector import BuildingDetector
    from placeproof.buildings.small import load_small_detector
    from placeproof.collect.areas import read_areas
    from placeproof.collect.cameras import read_cameras
    from placeproof.collect.criteria import Criteria
    from placeproof.collect.finish import finish
    from placeproof.collect.run import Collector, Sources
    from placeproof.collect.store import FILE, Store
    from placeproof.net.client import HttpClient
    from placeproof.network.checkpoint import load_checkpoint
    from placeproof.panoramas.providers.mapillary import MapillaryPhotos
    from placeproof.panoramas.providers.panoramax import Panoramax
    from placeproof.panoramas.providers.picture_cache import PictureCache
    from placeproof.weights_store import SHIPPED_FILE

    torch.set_num_threads(1)
    criteria = Criteria("Mapillary", "panoramax", tuple(read_cameras()), building_share=0.0)
    detector: BuildingDetector = Everything()
    if with_detector:
        detector = load_small_detector(load_checkpoint(SHIPPED_FILE).network.extractor)
    kept = folder / "kept"
    output = folder / "collection"
    output.mkdir()
    with HttpClient(allow_private=True, requests_per_second=1e6) as client:
        sources = Sources(
            MapillaryPhotos(client, TOKEN, url),
            Panoramax(PictureCache(kept), client, url),
            detector,
            lambda: shutil.rmtree(kept, ignore_errors=True),
        )
        before = _peak()
        start = time.perf_counter()
        with Store(output, criteria.settings()) as store:
            collector = Collector(output, store, sources, criteria)
            collector.run(read_areas(World(count, url).area), _silent)
            summary = finish(output, store, criteria, complete=collector.complete)
        seconds = time.perf_counter() - start
    return Measurement(
        photos=sum(summary.totals.values()),
        accepted=summary.totals["accepted"],
        seconds=seconds,
        peak_bytes=_peak(),
        before_bytes=before,
        state_bytes=(output / FILE).stat().st_size,
    )


def main() -> None:
    """Measures each number of photos in a process of its own and prints a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=int, nargs="+", default=[2000, 20_000], metavar="N")
    parser.add_argument("--detector", action="store_true", help="run the building detector")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers there, too")
    options = parser.parse_args()
    measurements: list[Measurement] = []
    for count in options.photos:
        with (
            served(count) as world,
            tempfile.TemporaryDirectory() as folder,
            ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool,
        ):
            job = pool.submit(measure, count, world.url, Path(folder), options.detector)
            measurements.append(job.result())
    print_table(
        ("photos", "accepted", "s", "photos/s", "peak MB", "before MB", "state MB"),
        [
            (
                f"{m.photos:,}",
                f"{m.accepted:,}",
                f"{m.seconds:.0f}",
                f"{m.photos / m.seconds:.0f}",
                f"{m.peak_bytes / 1e6:.0f}",
                f"{m.before_bytes / 1e6:.0f}",
                f"{m.state_bytes / 1e6:.1f}",
            )
            for m in measurements
        ],
    )
    print_machine(1)
    if options.json:
        write_json(
            options.json,
            "collect",
            {"photos": options.photos, "detector": options.detector},
            [asdict(m) for m in measurements],
        )


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * MAXRSS_UNIT


def _silent(*_now: object, **_more: object) -> None:
    """Shows no progress."""


if __name__ == "__main__":
    main()
