"""Measures how often suspicious photos are noticed, and honest ones accused.

    python tools/measure_tricks.py PAIRS.csv [--pairs 60]

PAIRS.csv is a manifest as ``tools/make_training_data.py`` writes it. Drawn are, of each kind, so
many pairs that show one place: ``copy``, a view and the panorama it was cut from; ``near``, a view
and another panorama of the place; ``street``, a rendered photo and panorama of other days. XFeat
with LighterGlue matches each photo and its mirror image with eight views. Tricks are made of the
near pairs, by ``tools/made_tricks.py``.
"""

import argparse
import random
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from rich.progress import track

from made_tricks import in_a_frame, side_by_side, sign, with_sign
from placeproof.errors import PlaceproofError
from placeproof.geometry import View, wrap_degrees
from placeproof.images import read_picture
from placeproof.matchers.camera import fit_camera
from placeproof.matchers.contract import LocalFeatures, Matcher
from placeproof.matchers.geometric_check import match_and_check
from placeproof.matchers.panorama_search import extract_views
from placeproof.matchers.panorama_views import panorama_views
from placeproof.matchers.registry import make_matcher
from placeproof.second_look.spread import covered_share
from placeproof.second_look.views import Pixels, view_pixels
from placeproof.training.manifest import Row, read_manifest
from placeproof.training.views import develop
from placeproof.tricks.ambiguity import Bearing, equal_bearings
from placeproof.tricks.copy import check_copy
from placeproof.tricks.inset import find_inset
from placeproof.tricks.mirror import is_mirrored, mirrored
from placeproof.tricks.small_part import is_small_part

LEAST = 12  # matched points of pairs that count: others match nothing
MATCHER = "xfeat-lighterglue"


@dataclass(slots=True)
class Found:
    """What was said of the pictures of one kind: each number is that of one pair."""

    numbers: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))

    def add(self, what: str, number: float) -> None:
        """One more pair's."""
        self.numbers[what].append(number)

    def lines(self, kind: str) -> list[str]:
        """Counts of yes, and extremes of scores."""
        said = []
        for what, numbers in self.numbers.items():
            if what.startswith("?"):
                said.append(f"{kind}: {what[1:]} {int(sum(numbers))} of {len(numbers)}")
            else:
                low, middle, high = np.percentile(numbers, [0, 50, 100])
                said.append(f"{kind}: {what} {low:.2f} to {high:.2f}, half below {middle:.2f}")
        return said


def kind_of(row: Row) -> str:
    """Which of the three kinds of pairs a row is."""
    if row.place.startswith("street-"):
        return "street"
    return "copy" if row.mask else "near"


def drawn(rows: Sequence[Row], pairs: int) -> dict[Path, list[Row]]:
    """So many rows of each kind, by panorama."""
    of_kind: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.query:
            of_kind[kind_of(row)].append(row)
    chosen: dict[Path, list[Row]] = defaultdict(list)
    for same in of_kind.values():
        for row in random.Random(0).sample(same, min(pairs, len(same))):
            chosen[row.panorama].append(row)
    return chosen


def looks(
    matcher: Matcher, photo: LocalFeatures, views: Sequence[LocalFeatures]
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Matched points and directions by each of a panorama's views, most first."""
    found = []
    for view, features in zip(panorama_views(), views, strict=True):
        match = match_and_check(matcher, photo, features)
        x, y = torch.from_numpy(match.second).unbind(dim=1)
        found.append((match.first, view.directions(x, y).numpy()))
    return sorted(found, key=lambda each: -len(each[0]))


def bearings(found: Sequence[tuple[np.ndarray, np.ndarray]], photo: LocalFeatures) -> list[Bearing]:
    """Where the photo's camera looks by each of the better looks."""
    return [
        Bearing(fit_camera(points, photo.width, photo.height, directions).yaw, len(points))
        for points, directions in found
        if len(points) >= max(LEAST, len(found[0][0]) / 2)
    ]


def measure_tricks(
    matcher: Matcher,
    photo: Pixels,
    features: LocalFeatures,
    panorama: Pixels,
    inliers: tuple[np.ndarray, np.ndarray],
    stranger: tuple[Pixels, LocalFeatures, Pixels],
    number: int,
    found: Found,
) -> None:
    """Tricks made of a near pair.

    Args:
        matcher: Of local features.
        photo: The photo.
        features: Its local features.
        panorama: The panorama.
        inliers: Matched points and directions of both.
        stranger: Photo, its local features, and panorama of another place.
        number: Of the pair.
        found: Takes what is said of them.
    """
    random = np.random.default_rng(number)
    points, directions = inliers
    whole, around = (photo, features, points), stranger[:2]
    for name, made in (
        ("screens", in_a_frame(whole, around, random, rim=True)),
        ("prints", in_a_frame(whole, around, random, rim=False)),
        ("collages", side_by_side(whole, around, bool(random.integers(2)))),
    ):
        pixels, matched, keypoints = made
        found.add(
            f"?{name} found", find_inset(develop(pixels, number), matched, keypoints) is not None
        )

    # The same panorama once more, as another camera would have taken it: the like side.
    middle = directions.mean(axis=0)
    yaw = wrap_degrees(float(np.degrees(np.arctan2(middle[0], middle[2]))))
    sides = [
        len(match_and_check(matcher, features, seen(matcher, side, turned)).first)
        for side, turned in ((panorama, yaw), (develop(panorama, number), wrap_degrees(yaw + 5)))
    ]
    if max(sides) >= LEAST:
        twins = [Bearing(0.0, sides[0]), Bearing(180.0, sides[1])]
        found.add("?like sides found", len(equal_bearings(twins)) == 2)

    board, (height, width) = sign(random), photo.shape[:2]
    wide = int(width * random.uniform(0.25, 0.45))
    place = int(random.integers(width - wide)), int(random.integers(height // 4, height // 2))
    shop = matcher.extract(develop(with_sign(photo, board, *place, wide), number))
    across = stranger[2].shape[1]
    wide = int(across * random.uniform(20, 30) / 360)
    chain = with_sign(stranger[2], board, (across - wide) // 2, int(across * 0.22), wide)
    match = match_and_check(matcher, shop, seen(matcher, chain, 0.0))
    if len(match.first) >= LEAST:
        share = covered_share(match.first, shop.keypoints, (width, height))
        found.add("share covered by the same sign", share)
        found.add("?same signs found", is_small_part(share))


def seen(matcher: Matcher, panorama: Pixels, yaw: float) -> LocalFeatures:
    """Local features of one view."""
    return matcher.extract(view_pixels(panorama, View(yaw, 0.0, 0.0, 90.0, 512, 512)))


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("manifest", type=Path, help="pairs, by tools/make_training_data.py")
    parser.add_argument("--pairs", type=int, default=60, help="of each kind")
    arguments = parser.parse_args()
    try:
        rows = read_manifest(arguments.manifest)
        matcher = make_matcher(MATCHER)
        for line in measure(matcher, drawn(rows, arguments.pairs)):
            print(line)
    except PlaceproofError as error:
        print(f"error: {error}", file=sys.stderr)
        return error.exit_code
    return 0


def measure(matcher: Matcher, chosen: dict[Path, list[Row]]) -> list[str]:
    """What is said of all pairs, and of the tricks made of them, line by line."""
    said: dict[str, Found] = defaultdict(Found)
    stranger: tuple[str, tuple[Pixels, LocalFeatures, Pixels]] | None = None
    for number, (path, rows) in enumerate(track(list(chosen.items()), "Pairs", transient=True)):
        panorama = read_picture(path).pixels
        views = extract_views(matcher, panorama)
        for row in rows:
            if row.query is None:
                continue
            photo = read_picture(row.query).pixels
            features = matcher.extract(photo)
            found, size = looks(matcher, features, views), (features.width, features.height)
            upright = len(found[0][0])
            turned = len(looks(matcher, matcher.extract(mirrored(photo)), views)[0][0])
            kind, (points, directions) = said[kind_of(row)], found[0]
            if upright >= LEAST:
                copy = check_copy(photo, panorama, points, directions)
                share = covered_share(points, features.keypoints, size)
                kind.add("score as a copy", copy.score)
                kind.add("?said to be copies", copy.copied)
                kind.add(
                    "?said to be insets", find_inset(photo, points, features.keypoints) is not None
                )
                kind.add(
                    "?said to be ambiguous", len(equal_bearings(bearings(found, features))) > 1
                )
                kind.add("?said to be a small part", is_small_part(share))
                kind.add("?said to be mirrored", is_mirrored(upright, turned))
                kind.add("?mirror images found", is_mirrored(turned, upright))
                if kind_of(row) == "near" and stranger and stranger[0] != row.place:
                    measure_tricks(
                        matcher,
                        photo,
                        features,
                        panorama,
                        found[0],
                        stranger[1],
                        number,
                        said["made"],
                    )
            if kind_of(row) != "street":
                stranger = (row.place, (photo, features, panorama))
    return [line for kind, found in sorted(said.items()) for line in found.lines(kind)]


if __name__ == "__main__":
    sys.exit(main())
