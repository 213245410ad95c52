"""When matches cover too little of a photo: a sign, a poster or a logo stands in many places.

Measured by ``tools/measure_tricks.py PAIRS.csv --pairs 40``: 5 of 119 true photos that match cover
less, and so do 5 of 10 photos that share nothing but a shop sign, a quarter to half as wide as
the photo, with a panorama of another place; with wrong matches around it, these cover 0.08 to
0.22. So the share weighs as evidence, too, and this rule catches the clear cases only.
"""

LEAST_SHARE = 0.15  # of the textured cells


def is_small_part(share: float) -> bool:
    """Whether the matches of a photo are too few parts of it to speak for a place.

    Args:
        share: Of the photo's textured cells, those with a match, in [0, 1], by
            :func:`placeproof.second_look.spread.covered_share`.
    """
    return share < LEAST_SHARE
