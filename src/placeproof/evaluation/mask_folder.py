"""The masks of one method's answers, as grey pictures that people can look at."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.errors import StorageError
from placeproof.evaluation.method import Answer

MaskPair = tuple[NDArray[np.float32], NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class MaskFolder:
    """Two pictures for each pair: M_Q and M_R.

    Attributes:
        folder: An existing folder.
    """

    folder: Path

    def save(self, pair: int, answer: Answer) -> bool:
        """Writes a pair's masks, if there are both, and says whether there are.

        Raises:
            StorageError: If they cannot be written.
        """
        if answer.query_mask is None or answer.reference_mask is None:
            return False
        for path, mask in zip(
            self._files(pair), (answer.query_mask, answer.reference_mask), strict=True
        ):
            picture = Image.fromarray(np.rint(mask * 255).astype(np.uint8))
            try:
                picture.save(path, "PNG")
            except OSError as error:
                raise StorageError(f"cannot write '{path}': {error.strerror}") from error
        return True

    def load(self, pair: int) -> MaskPair:
        """M_Q and M_R of a pair in [0, 1], to within 1/510.

        Raises:
            StorageError: If they cannot be read.
        """
        query, reference = map(_read, self._files(pair))
        return query, reference

    def sound(self, pair: int) -> bool:
        """Whether a pair's masks can be read."""
        try:
            self.load(pair)
        except StorageError:
            return False
        return True

    def _files(self, pair: int) -> tuple[Path, Path]:
        return self.folder / f"{pair:05}-query.png", self.folder / f"{pair:05}-reference.png"


def _read(path: Path) -> NDArray[np.float32]:
    try:
        with Image.open(path) as image:
            return np.asarray(image, np.float32) / np.float32(255)
    except OSError as error:
        raise StorageError(f"cannot read '{path}': {error.strerror or 'damaged'}") from error
