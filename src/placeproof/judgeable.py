"""Whether a mismatch says anything: of this photo, and of this panorama."""

from torch import Tensor

from placeproof.geometry import wrap_degrees
from placeproof.inference import Inference
from placeproof.photo import Photo
from placeproof.photo_kind import PhotoKindHead

HALF_VIEW = 35.0  # degrees to both sides of where a photo looks, of a usual one
HALF_BAND = 30.0  # degrees above and below the horizon


def unjudgeable_reason(
    inference: Inference, photo: Photo, kind: PhotoKindHead | None
) -> str | None:
    """Why a photo cannot be judged, in a sentence; None if it can.

    Args:
        inference: The network.
        photo: The photo.
        kind: What tells outdoor scenes from all else, if there is one for this network.
    """
    if inference.variety(photo.dense) < inference.operation.least_variety:
        return (
            "The photo shows too little: its parts hardly differ, as those of a blank wall or of "
            "a clear sky, so it can match anything or nothing."
        )
    seen = None if kind is None else kind(photo.extracted)
    if seen is None or seen.judgeable:
        return None
    what = f"it looks like {seen.looks_like}" if seen.looks_like else "it does not look like one"
    return (
        f"The photo may show no outdoor scene: {what}. No panorama could show it, so that a "
        "mismatch says nothing."
    )


def shows_anything(
    inference: Inference, panorama: Tensor, heading: float | None, photo_heading: float | None
) -> bool:
    """Whether a panorama shows anything around the horizon where the photo says that it looks.

    Args:
        inference: The network.
        panorama: The panorama's features (C, H, W).
        heading: Compass bearing of its centre column, degrees, or None.
        photo_heading: Compass bearing that the photo's EXIF states, degrees, or None: then all
            around counts.
    """
    _, rows, columns = panorama.shape
    band = round(rows * HALF_BAND / 180)
    seen = panorama[:, rows // 2 - band : rows // 2 + band]
    if heading is not None and photo_heading is not None:
        centre = round((wrap_degrees(photo_heading - heading) / 360 + 0.5) * columns)
        half = max(1, round(columns * HALF_VIEW / 360))
        seen = seen.roll(columns // 2 - centre, dims=2)[
            :, :, columns // 2 - half : columns // 2 + half
        ]
    return inference.variety(seen) >= inference.operation.least_variety
