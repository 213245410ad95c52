"""Pairs of photos and panoramas to train the first weights on, and their features.

Photos are made from panoramas (``street_views.py``) and paired with their own panorama, with
panoramas near it (true parallax), and with look-alikes: of some panoramas of other places, those
that match best. Places drawn blindly are too easy to tell apart, and a decision that is set on
them calls every second street of a town the same place.
"""

import csv
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from rich.progress import track
from torch import Tensor

from placeproof.geometry import View, view_mask
from placeproof.images import read_picture
from placeproof.location import Location
from placeproof.network.bupm import Bupm
from placeproof.network.features import FeatureExtractor
from placeproof.network.matching import match
from placeproof.panoramas.feature_cache import FeatureCache
from placeproof.scene.render import render_panorama, render_photo
from placeproof.scene.street import Street
from placeproof.scene.visit import Light, Season, Visit
from street_views import LONGER_SIDE, take_photo

PANORAMA_WIDTH = 1664  # pixels; what the network sees
NEAR_M = 20.0  # two panoramas nearer than this show the same place
ELSEWHERE = 24  # panoramas of other places that a photo is compared with
LOOK_ALIKES = 3  # of them that it is paired with: those that match best
RENDERED_STREETS = range(101, 109)  # seeds

Kind = Literal["own", "near", "other"]


@dataclass(frozen=True, slots=True, eq=False)
class Panorama:
    """One row of the list of panoramas, its pixels as the network sees them, its features."""

    name: str
    group: str
    location: Location | None
    licence: str
    pixels: NDArray[np.uint8]
    features: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """A photo made from a panorama, its features and its mask there."""

    panorama: Panorama
    features: Tensor
    mask: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Pair:
    """Best-match scores of a photo and a panorama.

    Attributes:
        photo: Number of the photo.
        kind: The photo's own panorama, one near it, or one of another place.
        reference: B_R, (H, W).
        query: B_Q, (h, w).
        mask: M_R as it should be, (H, W), or None where it is not known.
    """

    photo: int
    kind: Kind
    reference: Tensor
    query: Tensor
    mask: Tensor | None


class CachedFeatures:
    """Features of one extractor, computed once and kept on the disk.

    Args:
        extractor: With its weights.
        weights_sha256: Their hash.
        folder: Where features are kept.
    """

    def __init__(self, extractor: FeatureExtractor, weights_sha256: str, folder: Path) -> None:
        self._extractor = extractor
        self._weights = weights_sha256
        self._cache = FeatureCache(folder)

    @torch.inference_mode()
    def __call__(self, pixels: NDArray[np.uint8], *, wraps: bool) -> Tensor:
        """Features (C, h, w), half precision, of a picture (H, W, 3)."""
        height, width = pixels.shape[:2]
        content = hashlib.sha256(pixels.tobytes()).hexdigest()
        key = (content, self._extractor.name, self._weights, (width, height))
        features = self._cache.get(*key)
        if features is None:
            batch = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
            features = self._cache.put(*key, self._extractor(batch, wraps=wraps)[0])
        return features


def read_panoramas(listing: Path, features: CachedFeatures) -> list[Panorama]:
    """The outdoor panoramas of a CSV (file, group, outdoor, lat, lon, licence)."""
    with listing.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["outdoor"] == "1"]
    panoramas = []
    for row in track(rows, "Panoramas"):
        picture = Image.fromarray(read_picture(listing.parent / row["file"]).pixels)
        size = (PANORAMA_WIDTH, PANORAMA_WIDTH // 2)
        pixels = np.array(picture.resize(size, Image.Resampling.LANCZOS))
        location = Location(float(row["lat"]), float(row["lon"])) if row["lat"] else None
        panoramas.append(
            Panorama(
                name=row["file"],
                group=row["group"],
                location=location,
                licence=row["licence"],
                pixels=pixels,
                features=features(pixels, wraps=True),
            )
        )
    return panoramas


def development_groups(panoramas: list[Panorama]) -> set[str]:
    """A quarter of the groups, and half of those with pairs of near panoramas."""
    by_digest = sorted(
        {panorama.group for panorama in panoramas},
        key=lambda group: hashlib.sha256(group.encode()).hexdigest(),
    )
    with_near = [
        group
        for group in by_digest
        if any(near(a, b) for a in panoramas for b in panoramas if a.group == b.group == group)
    ]
    alone = [group for group in by_digest if group not in with_near]
    return {*with_near[::2], *alone[::4]}


def near(a: Panorama, b: Panorama) -> bool:
    """Whether two different panoramas surely show the same place."""
    if a is b or a.location is None or b.location is None:
        return False
    return a.location.distance_m(b.location) <= NEAR_M


def rendered_features(features: CachedFeatures) -> list[Tensor]:
    """Features of a summer's panorama and three winter photos of each rendered street."""
    found = []
    summer = Visit(Season.SUMMER, Light.NOON, seed=1)
    winter = Visit(Season.WINTER, Light.OVERCAST, seed=3)
    for seed in track(RENDERED_STREETS, "Rendered streets"):
        street = Street(seed)
        panorama = render_panorama(
            street, summer, street.position(0, 0, 2.5), street.bearing, PANORAMA_WIDTH
        )
        found.append(features(panorama.pixels, wraps=True))
        for turn in (-60.0, 0.0, 60.0):
            view = View(street.bearing + turn, 8.0, 0.0, 65.0, LONGER_SIDE, LONGER_SIDE * 3 // 4)
            photo = render_photo(street, winter, street.position(6, 3, 1.6), view)
            found.append(features(photo.pixels, wraps=False))
    return found


def make_photos(
    panoramas: list[Panorama], features: CachedFeatures, count: int, seed: int
) -> list[Photo]:
    """Takes ``count`` photos in every panorama."""
    photos = []
    for index, panorama in enumerate(track(panoramas, "Photos")):
        rows, columns = panorama.features.shape[1:]
        for number in range(count):
            photo = take_photo(panorama.pixels, seed + index * count + number)
            mask = view_mask(photo.view, columns, rows).float()
            photos.append(Photo(panorama, features(photo.pixels, wraps=False), mask))
    return photos


@torch.inference_mode()
def make_pairs(
    network: Bupm, panoramas: list[Panorama], photos: list[Photo], random: np.random.Generator
) -> list[Pair]:
    """Matches every photo with its own panorama, all near ones, and its look-alikes.

    Args:
        network: Its projection is applied to the features before they are matched.
        panoramas: The references.
        photos: Made from these panoramas.
        random: Draws the panoramas of other places.
    """
    projected = {p.name: network.projection(p.features.float()) for p in panoramas}
    pairs = []
    for number, photo in enumerate(track(photos, "Pairs")):
        own = photo.panorama
        query = network.projection(photo.features.float())
        pairs.append(_pair(number, "own", projected[own.name], query, photo.mask))
        pairs += [
            _pair(number, "near", projected[p.name], query, None) for p in panoramas if near(own, p)
        ]
        elsewhere = [p for p in panoramas if p.group != own.group]
        drawn = random.choice(len(elsewhere), min(ELSEWHERE, len(elsewhere)), replace=False)
        empty = torch.zeros_like(photo.mask)
        others = [_pair(number, "other", projected[elsewhere[i].name], query, empty) for i in drawn]
        others.sort(key=lambda other: float(other.query.mean()), reverse=True)
        pairs += others[:LOOK_ALIKES]
    return pairs


def _pair(photo: int, kind: Kind, reference: Tensor, query: Tensor, mask: Tensor | None) -> Pair:
    found = match(reference, query)
    return Pair(photo, kind, found.reference, found.query, mask)
