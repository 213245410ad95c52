"""The weights that ship, on real pictures that they were not trained, tuned or calibrated on."""

import csv
from pathlib import Path

import pytest
from sklearn.metrics import roc_auc_score

from measure_pairs import score_pairs
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
def test_they_tell_real_places_apart(tmp_path: Path) -> None:
    rows = list(csv.DictReader(PAIRS.open(newline="", encoding="utf-8")))
    queries = list(dict.fromkeys(row["query"] for row in rows))[::8]
    chosen = [row for row in rows if row["query"] in queries]
    listing = tmp_path / "pairs.csv"
    with listing.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["query", "panorama", "label", "bearing_deg"])
        writer.writeheader()
        for row in chosen:
            writer.writerow(
                {
                    "query": PAIRS.parent / row["query"],
                    "panorama": PAIRS.parent / row["panorama"],
                    "label": row["label"],
                    "bearing_deg": row["bearing_deg"],
                }
            )
    scored = score_pairs(listing, load_checkpoint(SHIPPED_FILE), tmp_path / "features")
    area = roc_auc_score([pair.same for pair in scored], [pair.probability for pair in scored])
    assert area > 0.9  # .956 over all pairs
    errors = [p.bearing_error for p in scored if p.same and p.bearing_error is not None]
    assert len(errors) > len(queries) / 2
    assert sorted(errors)[len(errors) // 2] < 20
