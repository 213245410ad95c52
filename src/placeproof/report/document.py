"""Results as JSON documents of a versioned schema; ``docs/json.md`` describes every field.

The same input on the same machine gives the same bytes, but for what is under ``"run"``. What
placeproof computes is rounded, so that noise in the last bits does not look like a difference;
what it was given (the radius, a panorama's record) is passed on as it is.
"""

import itertools
import json
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from placeproof.geometry import (
    WrappedBox,
    angles_from_direction,
    pixel_from_angles,
    wrap_degrees,
)
from placeproof.panoramas.record_file import record_as_dict
from placeproof.report.describe import bearing_towards_camera, matched_share
from placeproof.results import (
    Comparison,
    PanoramaEvidence,
    PatchMatch,
    PictureMatch,
    Provenance,
    SecondLook,
    Verification,
)

VERIFICATION_SCHEMA = "placeproof/verification/2"
COMPARISON_SCHEMA = "placeproof/comparison/1"

_PROBABILITY_DIGITS = 6
_SHARE_DIGITS = 4  # masks and similarities
_COORDINATE_DIGITS = 7  # of a degree: 1 cm
_METRE_DIGITS = 2
_ANGLE_DIGITS = 2
_PIXEL_DIGITS = 1
_SECOND_DIGITS = 3
_LOG_ODDS_DIGITS = 3
_SURPRISE_DIGITS = 2
_MOST_POINTS = 100  # of a second look


def verification_document(verification: Verification) -> dict[str, Any]:
    """A verification as JSON of schema ``placeproof/verification/2``; masks as summaries."""
    claim = verification.claim
    return {
        "schema": VERIFICATION_SCHEMA,
        "verdict": verification.verdict.value,
        "probability": None
        if verification.probability is None
        else _rounded(verification.probability, _PROBABILITY_DIGITS),
        "prior": verification.prior,
        "reasons": list(verification.reasons),
        "grounds": [
            {"log_odds": _rounded(ground.log_odds, _LOG_ODDS_DIGITS), "text": ground.text}
            for ground in verification.grounds
        ],
        "cautions": [
            {"kind": caution.kind.value, "text": caution.text} for caution in verification.cautions
        ],
        "claim": {
            "latitude": _rounded(claim.location.latitude, _COORDINATE_DIGITS),
            "longitude": _rounded(claim.location.longitude, _COORDINATE_DIGITS),
            "origin": claim.origin,
        },
        "radius_m": verification.radius_m,
        "photo": _query(verification.provenance, verification.photo_size),
        "decisive": verification.decisive,
        "evidence": [_evidence(evidence) for evidence in verification.evidence],
        "provenance": _provenance(verification.provenance),
        "run": _run(verification.provenance),
    }


def comparison_document(match: PictureMatch) -> dict[str, Any]:
    """Two pictures' comparison as JSON of schema ``placeproof/comparison/1``."""
    width, height = match.reference_size
    return {
        "schema": COMPARISON_SCHEMA,
        "query": _query(match.provenance, match.query_size),
        "reference": {
            "path": str(match.reference),
            "sha256": match.reference_sha256,
            "width": width,
            "height": height,
            "panorama": match.panorama,
        },
        "comparison": _comparison(match.comparison),
        "provenance": _provenance(match.provenance),
        "run": _run(match.provenance),
    }


def document_text(document: dict[str, Any]) -> str:
    """A document as text: pure ASCII, indented, keys in their documented order, one newline."""
    return json.dumps(document, indent=2, allow_nan=False) + "\n"


def _rounded(value: float, digits: int) -> float:
    """A number with so many decimals; what rounds to 0 has no sign."""
    return round(value, digits) + 0.0


def _query(provenance: Provenance, size: tuple[int, int]) -> dict[str, Any]:
    return {
        "path": str(provenance.photo),
        "sha256": provenance.photo_sha256,
        "width": size[0],
        "height": size[1],
    }


def _evidence(evidence: PanoramaEvidence) -> dict[str, Any]:
    bearing, look = evidence.bearing, evidence.second_look
    return {
        "panorama": record_as_dict(evidence.record) | {"page": evidence.record.page},
        "distance_m": _rounded(evidence.distance_m, _METRE_DIGITS),
        "bearing": None if bearing is None else _bearing(bearing),
        "other_bearings": [_bearing(other) for other in evidence.other_bearings],
        "log_odds": _rounded(evidence.log_odds, _LOG_ODDS_DIGITS),
        "shows": evidence.shows,
        "comparison": _comparison(evidence.comparison),
        "second_look": None if look is None else _second_look(look, evidence),
    }


def _second_look(look: SecondLook, evidence: PanoramaEvidence) -> dict[str, Any]:
    record, camera, towards = evidence.record, look.camera, bearing_towards_camera(evidence)
    x, y = pixel_from_angles(
        *angles_from_direction(torch.from_numpy(look.directions)), record.width, record.height
    )
    points = zip(look.points.tolist(), x.tolist(), y.tolist(), strict=True)
    return {
        "matcher": look.matcher,
        "views": len(look.views),
        "inliers": look.inliers,
        "surprise": _rounded(look.surprise, _SURPRISE_DIGITS),
        "spread": _rounded(look.spread, _SHARE_DIGITS),
        "trusted": look.trusted,
        "kind": look.kind,
        "camera": None
        if camera is None
        else {
            "yaw": _yaw(camera.yaw),
            "pitch": _rounded(camera.pitch, _ANGLE_DIGITS),
            "roll": _rounded(camera.roll, _ANGLE_DIGITS),
            "fov": _rounded(camera.fov, _ANGLE_DIGITS),
        },
        "towards": None if towards is None else _bearing(towards),
        "other_yaws": [_yaw(yaw) for yaw in look.other_yaws],
        "points": [
            {
                "photo": [_rounded(value, _PIXEL_DIGITS) for value in photo],
                "panorama": [_rounded(column, _PIXEL_DIGITS), _rounded(row, _PIXEL_DIGITS)],
            }
            for photo, column, row in itertools.islice(points, _MOST_POINTS)
        ],
    }


def _comparison(comparison: Comparison) -> dict[str, Any]:
    return {
        "probability": _rounded(comparison.probability, _PROBABILITY_DIGITS),
        "logit": _rounded(comparison.logit, _LOG_ODDS_DIGITS),
        "yaw": None if comparison.yaw is None else _yaw(comparison.yaw),
        "yaws": [_yaw(yaw) for yaw in comparison.yaws],
        "box": None if comparison.box is None else _box(comparison.box),
        "query_mask": _mask(comparison.query_mask.pixels()),
        "reference_mask": _mask(comparison.reference_mask.pixels()),
        "matches": [_match(match) for match in comparison.matches],
    }


def _bearing(bearing: float) -> float:
    return _rounded(bearing, _ANGLE_DIGITS) % 360.0  # 359.999 rounds to 360, which is 0


def _yaw(yaw: float) -> float:
    return _rounded(wrap_degrees(_rounded(yaw, _ANGLE_DIGITS)), _ANGLE_DIGITS)


def _box(box: WrappedBox) -> dict[str, int]:
    return {"left": box.left, "top": box.top, "width": box.width, "height": box.height}


def _mask(mask: NDArray[np.float32]) -> dict[str, float]:
    return {
        "mean": _rounded(float(mask.mean(dtype=np.float64)), _SHARE_DIGITS),
        "matched_share": _rounded(matched_share(mask), _SHARE_DIGITS),
    }


def _match(match: PatchMatch) -> dict[str, Any]:
    return {
        "query": [_rounded(coordinate, _PIXEL_DIGITS) for coordinate in match.query],
        "reference": [_rounded(coordinate, _PIXEL_DIGITS) for coordinate in match.reference],
        "similarity": _rounded(match.similarity, _SHARE_DIGITS),
    }


def _provenance(provenance: Provenance) -> dict[str, Any]:
    return {
        "weights": {"name": provenance.weights, "sha256": provenance.weights_sha256},
        "extractor": provenance.extractor,
        "seed": provenance.seed,
        "versions": dict(sorted(provenance.versions.items())),
    }


def _run(provenance: Provenance) -> dict[str, Any]:
    """All that differs from run to run."""
    seconds = provenance.seconds
    return {
        "started": provenance.started,
        "seconds": {stage: _rounded(value, _SECOND_DIGITS) for stage, value in seconds.items()},
    }
