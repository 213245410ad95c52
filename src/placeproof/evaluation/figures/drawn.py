"""A figure with the words that go with it, and as bytes of a picture."""

import io
from dataclasses import dataclass, field

from matplotlib.figure import Figure

from placeproof.evaluation.figures.style import styled
from placeproof.evaluation.suite import Suite

_QUALITY = 80  # of JPEG


@dataclass(frozen=True, slots=True)
class Drawn:
    """A figure of the report.

    Attributes:
        name: Of its file, without an ending.
        title: A heading.
        alt: What it shows, for those who do not see it.
        caption: How to read it.
        figure: The drawing.
        photos: Whether it is made of photos, and so stored as JPEG; else as PNG.
        details: Lines that go below the caption, names of files for instance.
    """

    name: str
    title: str
    alt: str
    caption: str
    figure: Figure
    photos: bool = False
    details: tuple[str, ...] = field(default=())

    @property
    def file_name(self) -> str:
        """Of its picture."""
        return f"{self.name}.{'jpg' if self.photos else 'png'}"

    @property
    def media_type(self) -> str:
        """Of its picture."""
        return "image/jpeg" if self.photos else "image/png"

    @styled
    def encoded(self) -> bytes:
        """The picture's bytes; the same drawing gives the same bytes."""
        buffer = io.BytesIO()
        self.figure.draw_without_rendering()  # one round of the layout leaves labels cut off
        if self.photos:
            options = {"quality": _QUALITY, "optimize": True, "subsampling": "4:4:4"}
            self.figure.savefig(buffer, format="jpeg", pil_kwargs=options)
        else:
            self.figure.savefig(buffer, format="png", pil_kwargs={"optimize": True})
        return buffer.getvalue()


def pair_names(suite: Suite, number: int) -> str:
    """Which pictures a pair is of, by its place in the suite."""
    pair = suite.pairs[number]
    return f"Pair {number}: {pair.query.name} and {pair.reference.name}"
