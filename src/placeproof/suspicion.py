"""What should make one suspicious of a photo that matches, in words."""

from placeproof.photo import Photo
from placeproof.results import Caution, CautionKind, SecondLook
from placeproof.second_look.views import Pixels
from placeproof.tricks.copy import check_copy
from placeproof.tricks.inset import find_inset
from placeproof.tricks.mirror import is_mirrored
from placeproof.tricks.small_part import is_small_part


def cautions_of(photo: Photo, look: SecondLook, panorama: Pixels) -> tuple[Caution, ...]:
    """Cautions about a photo that matches a panorama (H, W, 3) sRGB."""
    if not look.trusted:
        return ()
    found = []
    if check_copy(photo.pixels, panorama, look.points, look.directions).copied:
        found.append(
            Caution(
                CautionKind.COPY,
                "The photo was cut out of this very panorama picture: both agree to a fraction of "
                "a pixel, passers-by and shadows included. A photo that someone took would not.",
            )
        )
    keypoints = photo.local.keypoints
    if find_inset(photo.pixels, look.points, keypoints) is not None:
        found.append(
            Caution(
                CautionKind.INSET,
                "All that matches lies within a frame inside of the photo, and much outside of "
                "it does not: it may be a photo of a screen or of a print, or a collage.",
            )
        )
    elif is_small_part(look.spread):
        found.append(
            Caution(
                CautionKind.SMALL_PART,
                f"Only {look.spread:.0%} of what can be compared in the photo matches, in one "
                "part of it: a sign, a poster or a logo stands in many places.",
            )
        )
    return tuple(found)


def mirrored_caution(upright: SecondLook, mirrored: SecondLook) -> tuple[Caution, ...]:
    """Whether a photo matches as its mirror image, and not as it is."""
    if not mirrored.trusted or not is_mirrored(upright.inliers, mirrored.inliers):
        return ()
    return (
        Caution(
            CautionKind.MIRRORED,
            f"Mirrored, the photo matches: {mirrored.inliers} points against {upright.inliers} as "
            "it is. Left and right may have been exchanged.",
        ),
    )
