"""A verification as one self-contained web page, for readers who were not there."""

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from placeproof.files import write_atomically
from placeproof.fusion import probability
from placeproof.grounds import contradicts, supports
from placeproof.report.describe import (
    bearing_text,
    claim_words,
    direction_words,
    matched_share,
    share_text,
    verdict_words,
)
from placeproof.report.map import SIDE, draw_map
from placeproof.report.overlay import (
    draw_ring,
    fitted_size,
    marked_matches,
    mask_picture,
    query_overlay,
    reference_overlay,
    region_overlay,
    scaled,
)
from placeproof.report.page import data_uri, render_page
from placeproof.report.point_matches import MOST_LINES, point_matches
from placeproof.results import Comparison, PanoramaEvidence, Verification
from placeproof.verdict import probability_text

_LARGE = 1600  # pixels along the longer side: of the photo and of the panorama that decided
_SMALL = 900  # of all other pictures but patches
_CROP = 192  # side of a matched patch's picture
_CROP_DEGREES = 12.0  # that it covers of the panorama
_PHOTO_FOV = 65.0  # degrees along a usual photo's longer side, so that both crops look alike


@dataclass(frozen=True, slots=True)
class _Patch:
    """A matched pair of patches, side by side; its number is that of the pictures' marks."""

    photo: str
    panorama: str
    similarity: float


@dataclass(frozen=True, slots=True)
class _Panorama:
    """What the page shows of one panorama; pictures are data URIs."""

    number: int
    decisive: bool
    evidence: PanoramaEvidence
    overlay: str | None
    region: str | None
    mask: str
    photo_overlay: str
    photo_mask: str
    photo_share: str
    panorama_share: str
    across_seam: bool
    direction: str
    patches: list[_Patch]
    points: str | None


def write_report(
    verification: Verification,
    photo: NDArray[np.uint8],
    panoramas: Sequence[NDArray[np.uint8]],
    path: Path,
) -> None:
    """Writes a report that needs no other file, no network and no script.

    Args:
        verification: What to report.
        photo: (h, w, 3) sRGB pixels of the photo, the size of the query masks.
        panoramas: (H, W, 3) sRGB pixels of each panorama, the size of its mask, in the order
            of ``verification.evidence``. They are taken one at a time, so that a sequence that
            reads them when asked needs the memory of one.
        path: The HTML file to write, whole or not at all.

    Raises:
        StorageError: If the file cannot be written.
    """
    shown = [
        _panorama(verification, index, photo, panoramas)
        for index in range(len(verification.evidence))
    ]
    page = render_page(
        "report/template.html",
        v=verification,
        words=verdict_words(verification),
        claim_words=claim_words(verification.claim),
        photo=_data_uri(_fitted(photo, _LARGE)),
        panoramas=sorted(shown, key=lambda panorama: not panorama.decisive),
        supports=supports(verification.grounds),
        contradicts=contradicts(verification.grounds),
        heaviest=max((abs(ground.log_odds) for ground in verification.grounds), default=0.0) or 1.0,
        map=draw_map(verification) if verification.evidence else None,
        side=SIDE,
        probability_text=probability_text,
        probability=probability,
        most_lines=MOST_LINES,
        bearing_text=bearing_text,
    )
    write_atomically(path, page)


def _panorama(
    verification: Verification,
    index: int,
    photo: NDArray[np.uint8],
    panoramas: Sequence[NDArray[np.uint8]],
) -> _Panorama:
    """What the page shows of a panorama; nothing of its pixels where its terms forbid that."""
    evidence = verification.evidence[index]
    pixels = panoramas[index] if evidence.record.may_keep else None
    look = evidence.second_look
    points = None if pixels is None or look is None else point_matches(look, photo, pixels)
    comparison = evidence.comparison
    box = comparison.box
    decisive = index == verification.decisive
    small_photo = _fitted(photo, _SMALL)
    mask, photo_mask = comparison.reference_mask.pixels(), comparison.query_mask.pixels()
    return _Panorama(
        number=index + 1,
        decisive=decisive,
        evidence=evidence,
        overlay=None
        if pixels is None
        else _data_uri(
            reference_overlay(comparison, _fitted(pixels, _LARGE if decisive else _SMALL))
        ),
        region=None
        if box is None or pixels is None
        else _data_uri(region_overlay(comparison, box, pixels, _SMALL)),
        mask=_data_uri(mask_picture(mask, fitted_size(mask.shape, _SMALL))),
        photo_overlay=_data_uri(query_overlay(comparison, small_photo)),
        photo_mask=_data_uri(mask_picture(photo_mask, small_photo.size)),
        photo_share=share_text(matched_share(photo_mask)),
        panorama_share=share_text(matched_share(mask)),
        across_seam=box is not None and len(box.spans(mask.shape[1])) > 1,
        direction=direction_words(evidence),
        patches=_patches(comparison, photo, pixels) if decisive and pixels is not None else [],
        points=None if points is None else _data_uri(points),
    )


def _patches(
    comparison: Comparison, photo: NDArray[np.uint8], panorama: NDArray[np.uint8]
) -> list[_Patch]:
    photo_side = max(photo.shape[:2]) * _CROP_DEGREES / _PHOTO_FOV
    panorama_side = panorama.shape[1] * _CROP_DEGREES / 360.0
    return [
        _Patch(
            photo=_data_uri(_crop(photo, match.query, photo_side, wraps=False)),
            panorama=_data_uri(_crop(panorama, match.reference, panorama_side, wraps=True)),
            similarity=match.similarity,
        )
        for match in marked_matches(comparison)
    ]


def _crop(
    pixels: NDArray[np.uint8], centre: tuple[float, float], side: float, *, wraps: bool
) -> Image.Image:
    """A square cut out around a matched point, with a ring around the point.

    Args:
        pixels: (H, W, 3).
        centre: (x, y) of the point.
        side: Pixels along the square's side.
        wraps: Whether the left and right edges touch. Where the square would leave the picture
            otherwise, it is moved inside.
    """
    height, width = pixels.shape[:2]
    cut = max(1, min(round(side), height, width))
    x, y = centre
    left, top = round(x - cut / 2), round(y - cut / 2)
    top = min(max(top, 0), height - cut)
    if not wraps:
        left = min(max(left, 0), width - cut)
    columns = np.arange(left, left + cut) % width
    picture = scaled(pixels[top : top + cut, columns], (_CROP, _CROP))
    draw_ring(picture, ((x - left) * _CROP / cut, (y - top) * _CROP / cut))
    return picture


def _fitted(pixels: NDArray[np.uint8], side: int) -> Image.Image:
    """A picture at most ``side`` pixels wide and high, never enlarged."""
    return scaled(pixels, fitted_size(pixels.shape, min(side, max(pixels.shape[:2]))))


def _data_uri(picture: Image.Image) -> str:
    buffer = io.BytesIO()
    # Thin coloured lines stay sharp only where colour has the full resolution.
    picture.save(buffer, "JPEG", quality=82, subsampling="4:4:4", optimize=True)
    return data_uri(buffer.getvalue())
