import copy
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from jsonschema import Draft202012Validator

from placeproof.location import Location
from placeproof.report.document import comparison_document, document_text, verification_document
from placeproof.results import Claim, PatchMatch, PictureMatch, Verdict, Verification

Document = dict[str, Any]
Change = Callable[[Document], object]

MANUAL = Path(__file__).parents[2] / "docs" / "json.md"
SCHEMA = json.loads(resources.files("placeproof.report").joinpath("schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("verdict", list(Verdict))
def test_verifications_are_valid(consistent: Verification, verdict: Verdict) -> None:
    document = verification_document(replace(consistent, verdict=verdict))
    VALIDATOR.validate(json.loads(document_text(document)))
    assert document["verdict"] == verdict.value


def test_no_coverage_is_valid(no_coverage: Verification) -> None:
    document = verification_document(no_coverage)
    VALIDATOR.validate(json.loads(document_text(document)))
    assert document["probability"] is None
    assert document["decisive"] is None
    assert document["evidence"] == []


def test_comparisons_are_valid(picture_match: PictureMatch) -> None:
    VALIDATOR.validate(json.loads(document_text(comparison_document(picture_match))))


def test_every_field_of_a_verification(consistent: Verification) -> None:
    document = verification_document(consistent)
    matched, unmatched = document.pop("evidence")
    assert document == {
        "schema": "placeproof/verification/2",
        "verdict": "consistent",
        "probability": 0.943123,
        "prior": 0.5,
        "grounds": [
            {"log_odds": 2.5, "text": "Many points lie where they should."},
            {"log_odds": -0.75, "text": "Other panoramas say nothing."},
        ],
        "cautions": [{"kind": "copy", "text": "It was cut out of the panorama."}],
        "reasons": ["The photo matches a panorama.", "It is near."],
        "claim": {"latitude": 48.8584001, "longitude": 2.2945, "origin": "exif"},
        "radius_m": 50.0,
        "photo": {
            "path": str(Path("pictures/street.jpg")),
            "sha256": "ab" * 32,
            "width": 80,
            "height": 60,
        },
        "decisive": 0,
        "provenance": {
            "weights": {"name": "placeproof-lite2", "sha256": "cd" * 32},
            "extractor": "efficientnet-lite2",
            "seed": 7,
            "versions": {"placeproof": "0.1.0", "python": "3.12.3", "torch": "2.9.0"},
        },
        "run": {
            "started": "2026-10-01T12:00:00+00:00",
            "seconds": {"read photo": 0.123, "match": 1.5},
        },
    }
    assert matched == {
        "panorama": {
            "id": "1" * 64,
            "latitude": 48.8585,
            "longitude": 2.2945,
            "heading": 67.0,
            "captured": "2023-05-01T10:00:00",
            "source": "geovisio",
            "licence": "CC-BY-SA 4.0",
            "sha256": "1" * 64,
            "width": 400,
            "height": 200,
            "page": None,
        },
        "distance_m": 11.12,
        "bearing": 247.0,
        "other_bearings": [77.0],
        "log_odds": 2.809,
        "shows": True,
        "second_look": {
            "matcher": "xfeat-lighterglue",
            "views": 2,
            "inliers": 3,
            "surprise": 50.0,
            "spread": 0.25,
            "trusted": True,
            "kind": "epipolar",
            "camera": {"yaw": -180.0, "pitch": 2.0, "roll": -1.0, "fov": 61.23},
            "towards": 157.0,
            "other_yaws": [10.0],
            "points": [
                {"photo": [10.0, 20.0], "panorama": [388.9, 100.0]},
                {"photo": [40.0, 30.0], "panorama": [394.4, 100.0]},
                {"photo": [70.0, 25.0], "panorama": [5.6, 100.0]},
            ],
        },
        "comparison": {
            "probability": 0.943123,
            "logit": 2.809,
            "yaw": -180.0,
            "yaws": [-180.0, 20.0],
            "box": {"left": 380, "top": 50, "width": 40, "height": 100},
            "query_mask": {"mean": 0.375, "matched_share": 0.5},
            "reference_mask": {"mean": 0.045, "matched_share": 0.05},
            "matches": [
                {"query": [20.0, 10.0], "reference": [390.0, 60.0], "similarity": 0.91},
                {"query": [60.0, 20.0], "reference": [10.0, 90.0], "similarity": 0.8256},
            ],
        },
    }
    assert unmatched["bearing"] is None
    assert unmatched["second_look"] is None
    assert unmatched["panorama"]["heading"] is None
    assert unmatched["panorama"]["captured"] is None
    assert unmatched["panorama"]["licence"] is None
    assert unmatched["comparison"] == {
        "probability": 0.02,
        "logit": -3.9,
        "yaw": None,
        "yaws": [],
        "box": None,
        "query_mask": {"mean": 0.0, "matched_share": 0.0},
        "reference_mask": {"mean": 0.0, "matched_share": 0.0},
        "matches": [],
    }


def test_every_field_of_a_comparison(picture_match: PictureMatch, consistent: Verification) -> None:
    document = comparison_document(picture_match)
    verification = verification_document(consistent)
    expected = copy.deepcopy(verification["evidence"][0]["comparison"])
    expected["box"]["left"] = 10
    expected["yaw"] = None
    assert document == {
        "schema": "placeproof/comparison/1",
        "query": verification["photo"],
        "reference": {
            "path": str(Path("pictures/wall.jpg")),
            "sha256": "ef" * 32,
            "width": 400,
            "height": 200,
            "panorama": False,
        },
        "comparison": expected,
        "provenance": verification["provenance"],
        "run": verification["run"],
    }


@pytest.mark.parametrize(
    ("bearing", "written"),
    [(359.999, 0.0), (359.99, 359.99), (0.001, 0.0), (247.126, 247.13)],
)
def test_a_rounded_bearing_stays_in_its_range(
    consistent: Verification, bearing: float, written: float
) -> None:
    evidence = replace(consistent.evidence[0], bearing=bearing, other_bearings=(bearing, 5.0))
    document = verification_document(replace(consistent, evidence=(evidence,)))
    assert document["evidence"][0]["bearing"] == written
    assert document["evidence"][0]["other_bearings"] == [written, 5.0]
    VALIDATOR.validate(document)


@pytest.mark.parametrize(
    ("yaw", "written"),
    [(-179.996, -180.0), (179.996, -180.0), (179.99, 179.99), (-0.001, 0.0), (12.347, 12.35)],
)
def test_a_rounded_yaw_stays_in_its_range(
    consistent: Verification, yaw: float, written: float
) -> None:
    evidence = consistent.evidence[0]
    evidence = replace(evidence, comparison=replace(evidence.comparison, yaw=yaw))
    document = verification_document(replace(consistent, evidence=(evidence,)))
    assert document["evidence"][0]["comparison"]["yaw"] == written
    VALIDATOR.validate(document)


def with_look(verification: Verification, **changes: Any) -> Document:
    """What the document says of a changed second look."""
    (evidence, *_), look = verification.evidence, verification.evidence[0].second_look
    assert look is not None
    changed = replace(evidence, second_look=replace(look, **changes))
    document = verification_document(replace(verification, evidence=(changed,)))
    VALIDATOR.validate(json.loads(document_text(document)))
    said: Document = document["evidence"][0]["second_look"]
    return said


def test_of_many_points_a_hundred_are_written_and_all_are_counted(
    consistent: Verification,
) -> None:
    look = consistent.evidence[0].second_look
    assert look is not None
    said = with_look(
        consistent,
        points=np.tile(look.points, (50, 1)),
        directions=np.tile(look.directions, (50, 1)),
    )
    assert said["inliers"] == 150
    assert len(said["points"]) == 100


def test_a_second_look_that_found_nothing(consistent: Verification) -> None:
    said = with_look(
        consistent,
        points=np.empty((0, 2), np.float32),
        directions=np.empty((0, 3)),
        surprise=0.0,
        spread=0.0,
        camera=None,
        kind=None,
        towards=None,
        other_yaws=(),
    )
    assert said["points"] == []
    assert said["camera"] is said["kind"] is said["towards"] is None
    assert said["trusted"] is False


def test_a_camera_that_is_not_trusted_stands_nowhere(consistent: Verification) -> None:
    said = with_look(consistent, surprise=1.0)
    assert said["trusted"] is False
    assert said["towards"] is None


def test_noise_in_the_last_bits_does_not_show(consistent: Verification) -> None:
    def text(sign: int) -> str:
        noise = sign * 1e-9
        evidence = consistent.evidence[0]
        comparison = replace(
            evidence.comparison,
            probability=0.25 + noise,
            yaw=noise,
            matches=(PatchMatch((20 + noise, 10), (30 + noise, 20), noise),),
        )
        evidence = replace(evidence, comparison=comparison, distance_m=5 + noise)
        claim = Claim(Location(48.5 + noise, noise), "given")
        return document_text(
            verification_document(replace(consistent, claim=claim, evidence=(evidence,)))
        )

    assert text(-1) == text(1)
    assert "-0.0" not in text(-1)


def test_the_radius_is_written_as_given(consistent: Verification) -> None:
    document = verification_document(replace(consistent, radius_m=0.001))
    assert document["radius_m"] == 0.001
    VALIDATOR.validate(document)


def test_the_same_result_gives_the_same_bytes(consistent: Verification) -> None:
    provenance = consistent.provenance
    reordered = dict(reversed(provenance.versions.items()))
    assert list(reordered) != list(provenance.versions)
    again = replace(consistent, provenance=replace(provenance, versions=reordered))
    assert document_text(verification_document(again)) == document_text(
        verification_document(consistent)
    )


def test_only_run_changes_with_the_times(
    consistent: Verification, picture_match: PictureMatch
) -> None:
    later = replace(consistent.provenance, started="2027", seconds={"match": 9.0})
    for first, second in (
        (
            verification_document(consistent),
            verification_document(replace(consistent, provenance=later)),
        ),
        (
            comparison_document(picture_match),
            comparison_document(replace(picture_match, provenance=later)),
        ),
    ):
        assert first.pop("run") != second.pop("run")
        assert document_text(first) == document_text(second)


def test_text_is_ascii_in_order_and_ends_with_one_newline(consistent: Verification) -> None:
    photo = replace(consistent.provenance, photo=Path("東京\u202e\udcff.jpg"))
    text = document_text(verification_document(replace(consistent, provenance=photo)))
    text.encode("ascii")
    assert text.endswith("}\n")
    assert not text.endswith("\n\n")
    assert json.loads(text)["photo"]["path"] == "東京\u202e\udcff.jpg"
    assert next(iter(json.loads(text))) == "schema"


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_what_is_no_number_is_never_written(consistent: Verification, number: float) -> None:
    document = verification_document(replace(consistent, probability=number))
    with pytest.raises(ValueError, match="not JSON compliant"):
        document_text(document)


def in_comparison(change: Change) -> Change:
    return lambda document: change(document["evidence"][0]["comparison"])


def in_second_look(change: Change) -> Change:
    return lambda document: change(document["evidence"][0]["second_look"])


WRONG: dict[str, Change] = {
    "another schema": lambda d: d.update(schema="placeproof/verification/1"),
    "no verdict": lambda d: d.pop("verdict"),
    "another verdict": lambda d: d.update(verdict="true"),
    "a probability in percent": lambda d: d.update(probability=94.3),
    "a negative probability": lambda d: d.update(probability=-0.1),
    "a verdict without a probability": lambda d: d.update(probability=None),
    "a verdict that no panorama decided": lambda d: d.update(decisive=None),
    "a verdict without panoramas": lambda d: d.update(evidence=[]),
    "no reason": lambda d: d.update(reasons=[]),
    "a latitude beyond the pole": lambda d: d["claim"].update(latitude=91),
    "a longitude beyond the date line": lambda d: d["claim"].update(longitude=-180.1),
    "another origin": lambda d: d["claim"].update(origin="photo"),
    "no radius": lambda d: d.update(radius_m=0),
    "a hash that is too short": lambda d: d["photo"].update(sha256="ab"),
    "a hash in capitals": lambda d: d["photo"].update(sha256="AB" * 32),
    "an empty photo": lambda d: d["photo"].update(width=0),
    "a fraction of a pixel": lambda d: d["photo"].update(width=80.5),
    "a negative distance": lambda d: d["evidence"][0].update(distance_m=-1),
    "a bearing of 360": lambda d: d["evidence"][0].update(bearing=360),
    "no bearing, not even null": lambda d: d["evidence"][0].pop("bearing"),
    "a heading in words": lambda d: d["evidence"][0]["panorama"].update(heading="N"),
    "a panorama without licence": lambda d: d["evidence"][0]["panorama"].pop("licence"),
    "no prior": lambda d: d.pop("prior"),
    "a prior that is certain": lambda d: d.update(prior=1),
    "a ground without weight": lambda d: d["grounds"][0].pop("log_odds"),
    "another caution": lambda d: d["cautions"][0].update(kind="forged"),
    "another bearing of 360": lambda d: d["evidence"][0].update(other_bearings=[360]),
    "no second look, not even null": lambda d: d["evidence"][0].pop("second_look"),
    "a camera that looks nowhere": in_second_look(lambda s: s["camera"].pop("yaw")),
    "a spread in percent": in_second_look(lambda s: s.update(spread=25)),
    "another kind of geometry": in_second_look(lambda s: s.update(kind="affine")),
    "too many points": in_second_look(lambda s: s.update(points=s["points"] * 40)),
    "a yaw of 180": in_comparison(lambda c: c.update(yaw=180)),
    "a box of no height": in_comparison(lambda c: c["box"].update(height=0)),
    "a box left of the picture": in_comparison(lambda c: c["box"].update(left=-1)),
    "a mask in percent": in_comparison(lambda c: c["query_mask"].update(mean=37)),
    "a similarity over 1": in_comparison(lambda c: c["matches"][0].update(similarity=1.01)),
    "a point in space": in_comparison(lambda c: c["matches"][0].update(query=[1, 2, 3])),
    "a point outside": in_comparison(lambda c: c["matches"][0].update(reference=[-1, 2])),
    "no weights": lambda d: d["provenance"].pop("weights"),
    "no version of placeproof": lambda d: d["provenance"]["versions"].pop("placeproof"),
    "no start": lambda d: d["run"].pop("started"),
    "a negative time": lambda d: d["run"]["seconds"].update(match=-1),
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_the_schema_refuses(consistent: Verification, change: Change) -> None:
    document = verification_document(consistent)
    change(document)
    assert not VALIDATOR.is_valid(document)


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.pop("query"),
        lambda d: d["reference"].pop("panorama"),
        lambda d: d.update(schema="placeproof/verification/2"),
    ],
)
def test_the_schema_refuses_a_comparison(picture_match: PictureMatch, change: Change) -> None:
    document = comparison_document(picture_match)
    change(document)
    assert not VALIDATOR.is_valid(document)


def test_readers_have_to_accept_fields_that_a_later_minor_version_adds(
    consistent: Verification,
) -> None:
    document = verification_document(consistent)
    document["new"] = 1
    document["evidence"][0]["panorama"]["new"] = {}
    document["run"]["new"] = None
    VALIDATOR.validate(document)


def properties(schema: object) -> Iterator[str]:
    if isinstance(schema, dict):
        for key, value in schema.items():
            if key == "properties" and isinstance(value, dict):
                yield from value
            yield from properties(value)
    elif isinstance(schema, list):
        for value in schema:
            yield from properties(value)


def test_the_manual_names_every_property() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    named = set(re.findall(r"^\| `(\w+)`", manual, re.MULTILINE))
    assert named == set(properties(SCHEMA["$defs"]))


def test_the_manual_shows_valid_documents() -> None:
    manual = MANUAL.read_text(encoding="utf-8")
    examples = re.findall(r"```json\n(.*?)```", manual, re.DOTALL)
    documents = [json.loads(example) for example in examples]
    for document in documents:
        VALIDATOR.validate(document)
    assert {document["schema"] for document in documents} == {
        "placeproof/verification/2",
        "placeproof/comparison/1",
    }
