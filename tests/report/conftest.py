"""Verifications to report, made by hand so that every number in a report has a known origin."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from pixel_mask import pixel_mask
from placeproof.geometry import View, WrappedBox, direction_from_angles
from placeproof.location import Location
from placeproof.panoramas.source import PanoramaRecord
from placeproof.results import (
    Caution,
    CautionKind,
    Claim,
    Comparison,
    Ground,
    PanoramaEvidence,
    PatchMatch,
    PictureMatch,
    Provenance,
    SecondLook,
    Verdict,
    Verification,
)

PHOTO_SIZE = (80, 60)
PANORAMA_SIZE = (400, 200)


def make_comparison() -> Comparison:
    """A match across the seam: columns 380 to 420 of 400, a tenth of the panorama."""
    query_mask = np.zeros((60, 80), np.float32)
    query_mask[:30] = 0.75
    reference_mask = np.zeros((200, 400), np.float32)
    reference_mask[50:150, 380:] = 0.9
    reference_mask[50:150, :20] = 0.9
    return Comparison(
        logit=2.80912345,
        probability=0.94312345678,
        query_mask=pixel_mask(query_mask),
        reference_mask=pixel_mask(reference_mask),
        box=WrappedBox(380, 50, 40, 100),
        yaw=-179.996,
        yaws=(-179.996, 20.0),
        matches=(
            PatchMatch((20.04, 10.0), (390.0, 60.0), 0.91),
            PatchMatch((60.0, 20.0), (10.0, 90.0), 0.825555),
        ),
    )


def without_match() -> Comparison:
    masks = (pixel_mask(np.zeros(shape, np.float32)) for shape in ((60, 80), (200, 400)))
    return Comparison(-3.9, 0.02, *masks, box=None, yaw=None, yaws=(), matches=())


def make_second_look() -> SecondLook:
    """Three points, of which the last lies beyond the seam."""
    yaws = torch.tensor([170.0, 175.0, -175.0])
    return SecondLook(
        matcher="xfeat-lighterglue",
        views=(View(-180.0, 0.0, 0.0, 90.0, 128, 128), View(45.0, 0.0, 0.0, 90.0, 128, 128)),
        points=np.array([(10, 20), (40, 30), (70.04, 25)], np.float32),
        directions=direction_from_angles(yaws, torch.zeros(3)).double().numpy(),
        surprise=50.0,
        spread=0.25,
        camera=View(179.996, 2.0, -1.0, 61.234, *PHOTO_SIZE),
        kind="epipolar",
        towards=np.array([1.0, 0.0, 0.0]),
        other_yaws=(10.0,),
    )


def make_evidence(
    digit: str, comparison: Comparison, *, heading: float | None, bearing: float | None
) -> PanoramaEvidence:
    record = PanoramaRecord(
        id=digit * 64,
        location=Location(48.8585, 2.2945),
        heading=heading,
        captured=None if heading is None else "2023-05-01T10:00:00",
        source="geovisio",
        licence=None if heading is None else "CC-BY-SA 4.0",
        content_hash=digit * 64,
        width=PANORAMA_SIZE[0],
        height=PANORAMA_SIZE[1],
    )
    return PanoramaEvidence(record, 11.12345, comparison, None, comparison.logit, bearing)


def make_provenance(photo: Path) -> Provenance:
    return Provenance(
        photo=photo,
        photo_sha256="ab" * 32,
        weights="placeproof-lite2",
        weights_sha256="cd" * 32,
        extractor="efficientnet-lite2",
        seed=7,
        versions={"python": "3.12.3", "placeproof": "0.1.0", "torch": "2.9.0"},
        started="2026-10-01T12:00:00+00:00",
        seconds={"read photo": 0.12345, "match": 1.5},
    )


@pytest.fixture
def consistent() -> Verification:
    """Two panoramas; the first matches, of the second nothing is known."""
    return Verification(
        verdict=Verdict.CONSISTENT,
        probability=0.94312345678,
        prior=0.5,
        reasons=("The photo matches a panorama.", "It is near."),
        grounds=(
            Ground(2.5, "Many points lie where they should."),
            Ground(-0.75, "Other panoramas say nothing."),
        ),
        cautions=(Caution(CautionKind.COPY, "It was cut out of the panorama."),),
        claim=Claim(Location(48.85840012345, 2.2945), "exif"),
        radius_m=50.0,
        photo_size=PHOTO_SIZE,
        evidence=(
            replace(
                make_evidence("1", make_comparison(), heading=67.0, bearing=247.0),
                second_look=make_second_look(),
                other_bearings=(77.0,),
            ),
            make_evidence("2", without_match(), heading=None, bearing=None),
        ),
        decisive=0,
        provenance=make_provenance(Path("pictures/street.jpg")),
    )


@pytest.fixture
def no_coverage(consistent: Verification) -> Verification:
    return replace(
        consistent,
        verdict=Verdict.INCONCLUSIVE,
        probability=None,
        reasons=("No coverage.",),
        grounds=(),
        cautions=(),
        evidence=(),
        decisive=None,
    )


@pytest.fixture
def picture_match() -> PictureMatch:
    """A reference that is no panorama: no direction."""
    comparison = replace(make_comparison(), box=WrappedBox(10, 50, 40, 100), yaw=None)
    return PictureMatch(
        comparison=comparison,
        query_size=PHOTO_SIZE,
        reference=Path("pictures/wall.jpg"),
        reference_sha256="ef" * 32,
        reference_size=PANORAMA_SIZE,
        panorama=False,
        provenance=make_provenance(Path("pictures/street.jpg")),
    )
