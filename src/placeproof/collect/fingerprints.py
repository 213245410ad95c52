"""Looking up photos that look alike, by a few bits of their fingerprints.

Two fingerprints of 64 bits that differ in ``MOST_DIFFERENT`` bits at most, cut into one band
more than that, have at least one band in common: all fingerprints alike are found among those
that share a band. So a database finds them by an index, without reading them all.
"""

from itertools import pairwise

MOST_DIFFERENT = 4  # bits, of the same photo scaled, compressed or a little brightened
_BITS = 64
_BANDS = MOST_DIFFERENT + 1
_EDGES = [round(_BITS * band / _BANDS) for band in range(_BANDS + 1)]


def bands(fingerprint: int) -> list[int]:
    """The bands of a fingerprint, each by a number that no other band of it can have."""
    found = []
    for band, (low, high) in enumerate(pairwise(_EDGES)):
        value = fingerprint >> low & (1 << high - low) - 1
        found.append(value * _BANDS + band)
    return found


def alike(one: int, other: int) -> bool:
    """Whether two fingerprints are of the same photo."""
    return (one ^ other).bit_count() <= MOST_DIFFERENT
