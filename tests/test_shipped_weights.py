"""The weights that ship, on real pictures that they were not trained, tuned or calibrated on."""

import csv
from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

from placeproof.evaluation.method import Features
from placeproof.evaluation.methods.bupm import Bupm
from placeproof.geometry import wrap_degrees
from placeproof.images import read_picture
from placeproof.network.checkpoint import load_checkpoint
from placeproof.weights_store import SHIPPED, SHIPPED_FILE

PAIRS = Path(__file__).parents[2] / "shared" / "data" / "cambridge_west" / "pairs.csv"


def test_they_load_and_say_what_they_are() -> None:
    card = load_checkpoint(SHIPPED_FILE).card
    assert card.name == SHIPPED
    assert not any("cambridge" in text for text in (card.training_data, *card.metrics))
    assert card.extractor == "efficientnet-lite2"
    assert SHIPPED_FILE.stat().st_size < 40e6
    assert "Apache-2.0" in card.attribution
    assert "CC BY-SA 4.0" in card.training_data


@pytest.mark.skipif(not PAIRS.exists(), reason=f"the real pairs are not here: {PAIRS}")
def test_they_tell_real_places_apart() -> None:
    rows = list(csv.DictReader(PAIRS.open(newline="", encoding="utf-8")))
    queries = list(dict.fromkeys(row["query"] for row in rows))[::8]
    chosen = [row for row in rows if row["query"] in queries]
    method = Bupm()
    made: dict[str, Features] = {}

    def features(name: str, *, panorama: bool) -> Features:
        if name not in made:
            pixels = read_picture(PAIRS.parent / name).pixels
            made[name] = method.features(pixels, panorama=panorama)
        return made[name]

    said = [
        method.compare(
            features(row["query"], panorama=False),
            features(row["panorama"], panorama=True),
            panorama=True,
        )
        for row in chosen
    ]
    same = [row["label"] == "1" for row in chosen]
    assert roc_auc_score(same, [answer.score for answer in said]) > 0.9  # .956 over all pairs
    errors = sorted(
        abs(wrap_degrees(answer.yaw - float(row["bearing_deg"])))
        for row, answer in zip(chosen, said, strict=True)
        if row["label"] == "1" and answer.yaw is not None and row["bearing_deg"]
    )
    assert len(errors) > len(queries) / 2
    assert errors[len(errors) // 2] < 20
