"""The country that a place lies in, or is near.

It is that of the nearest town of at least 1000 people, which is looked up in a table that the
package ``reverse-geocode`` (data: GeoNames, CC BY 4.0) brings along; it may be wrong within some
kilometres of a border. Importing this needs that package.
"""

import csv
from collections.abc import Sequence

_csv_limit = csv.field_size_limit()
import reverse_geocode  # noqa: E402  which lifts that limit for the whole process

csv.field_size_limit(_csv_limit)


def country_names(positions: Sequence[tuple[float, float]]) -> list[str]:
    """The country of each latitude and longitude in degrees, by name or else by its code."""
    if not positions:
        return []
    towns = reverse_geocode.search(positions)
    return [town["country"] or town["country_code"] for town in towns]
