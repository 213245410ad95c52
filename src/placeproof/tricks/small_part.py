"""When matches cover too little of a photo: a sign, a poster or a logo stands in many places."""

LEAST_SHARE = 0.15


def is_small_part(share: float) -> bool:
    """Whether the matches of a photo are too few parts of it to speak for a place.

    Args:
        share: Of the photo's textured cells, those with a match, in [0, 1], by
            :func:`placeproof.second_look.spread.covered_share`.
    """
    return share < LEAST_SHARE
