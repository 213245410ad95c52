"""Which cameras know well enough where they are.

Photos serve as training data only where their positions are good. The paper takes those of recent
phones, which are accurate to 4.9 m under an open sky. The list that ships, ``cameras.csv``, has
phones since 2015 by the names that they write into photos; a list of one's own is a CSV alike.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import translate
from pathlib import Path

from placeproof.errors import CollectError
from placeproof.tables import read_table

DEFAULT_CAMERAS = Path(__file__).with_name("cameras.csv")


@dataclass(frozen=True, slots=True)
class Camera:
    """Cameras by maker and model: patterns as a shell has them (``*``, ``?``, ``[1-9]``).

    Case is ignored.
    """

    make: str
    model: str


class CameraList:
    """Tells whether a camera is on a list.

    Args:
        cameras: The list.
    """

    def __init__(self, cameras: Iterable[Camera]) -> None:
        self._patterns = [
            (_pattern(camera.make), _pattern(camera.model)) for camera in sorted_cameras(cameras)
        ]

    def holds(self, make: str | None, model: str | None) -> bool:
        """Whether the camera is on the list; one that does not say its model never is."""
        if not model or not model.strip():
            return False
        return any(
            maker.match((make or "").strip()) and name.match(model.strip())
            for maker, name in self._patterns
        )


def sorted_cameras(cameras: Iterable[Camera]) -> list[Camera]:
    """The same in an order of their own, each once."""
    return sorted(set(cameras), key=lambda camera: (camera.make, camera.model))


def read_cameras(path: Path = DEFAULT_CAMERAS) -> list[Camera]:
    """Reads a CSV with the columns ``make`` and ``model``.

    Raises:
        CollectError: If it cannot be read, lacks a column or names no camera.
    """
    table = read_table(path, CollectError)
    if missing := [name for name in ("make", "model") if name not in table.columns]:
        raise CollectError(f"{path.name} lacks the column {missing[0]!r}")
    cameras = [Camera(row.required("make"), row.required("model")) for row in table.rows]
    if not cameras:
        raise CollectError(f"{path.name} names no camera; a row *,* takes all")
    return cameras


def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(translate(text.strip()), re.IGNORECASE)
