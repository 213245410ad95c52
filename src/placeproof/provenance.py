"""What has to be known to repeat a run, and how long its stages took."""

import importlib.metadata
import platform
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from placeproof import __version__
from placeproof.images import Picture
from placeproof.network.checkpoint import Checkpoint
from placeproof.results import Provenance

COMPUTED_WITH = ("numpy", "pillow", "torch", "timm")  # versions that a result depends on


class Stopwatch:
    """Adds up the wall-clock seconds of named stages."""

    def __init__(self) -> None:
        self.started = datetime.now(UTC).isoformat(timespec="seconds")
        self.seconds: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Times what runs inside."""
        start = time.perf_counter()
        try:
            yield
        finally:
            self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - start


def provenance(photo: Picture, checkpoint: Checkpoint, watch: Stopwatch) -> Provenance:
    """What has to be known to repeat a run."""
    versions = {"placeproof": __version__, "python": platform.python_version()}
    versions |= {name: importlib.metadata.version(name) for name in COMPUTED_WITH}
    return Provenance(
        photo=photo.path,
        photo_sha256=photo.sha256,
        weights=checkpoint.card.name,
        weights_sha256=checkpoint.sha256,
        extractor=checkpoint.card.extractor,
        seed=checkpoint.card.seed,
        versions=versions,
        started=watch.started,
        seconds=dict(watch.seconds),
    )
