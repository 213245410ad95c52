import dataclasses
import hashlib
import importlib.metadata
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import placeproof
from placeproof.errors import (
    CorruptLibraryError,
    LocationError,
    NoClaimError,
    NotAnImageError,
    WeightsError,
    WeightsMismatchError,
)
from placeproof.location import Location
from placeproof.panoramas.library import Library
from placeproof.panoramas.source import PanoramaRecord
from placeproof.picture_match import match_pictures
from placeproof.report.document import document_text, verification_document
from placeproof.results import Verdict, Verification
from placeproof.verify import Verifier

PLACE = Location(48.8584, 2.2945)
FAR = Location(48.9, 2.2945)
HEADING, PHOTO_YAW = 30.0, 90.0


@pytest.fixture
def verifier(library_folder: Path, checkpoint_path: Path, model_path: Path) -> Verifier:
    library = Library.open(library_folder)
    return Verifier(library, library.features, checkpoint_path, model_path)


def reproducible(verification: Verification) -> str:
    """The verification as JSON, without what differs from run to run."""
    document = verification_document(verification)
    del document["run"]
    return document_text(document)


def test_a_true_claim(verifier: Verifier, photo_path: Path) -> None:
    verification = verifier.verify(photo_path, PLACE)
    assert verification.verdict is Verdict.CONSISTENT
    assert verification.claim.location == PLACE
    assert verification.claim.origin == "given"
    assert verification.photo_size == (320, 256)
    assert verification.decisive == 0
    nearest, other = verification.evidence
    assert verification.probability is not None
    assert verification.probability > 0.9
    assert nearest.comparison.probability > 0.9
    assert other.comparison.probability < 0.1
    assert nearest.distance_m == pytest.approx(11.1, abs=0.1)
    assert nearest.comparison.yaw == pytest.approx(PHOTO_YAW, abs=6)
    assert nearest.bearing == pytest.approx(HEADING + PHOTO_YAW, abs=6)
    box = nearest.comparison.box
    assert box is not None
    assert (box.left, box.top) == (608, 128)
    assert (box.width, box.height) == (320, 256)


def test_a_photo_across_the_seam(verifier: Verifier, tmp_path: Path) -> None:
    source = verifier.source
    record = source.search(PLACE, 50)[1]
    panorama = np.roll(source.fetch(record), 512, axis=1)
    Image.fromarray(panorama[128:384, 352:672]).save(tmp_path / "seam.png")
    verification = verifier.verify(tmp_path / "seam.png", PLACE)
    assert verification.verdict is Verdict.CONSISTENT
    assert verification.decisive == 1
    evidence = verification.evidence[1]
    assert evidence.bearing == pytest.approx(HEADING + 180, abs=6)
    assert evidence.comparison.box is not None
    assert len(evidence.comparison.box.spans(1024)) == 2


def test_a_false_claim(verifier: Verifier, elsewhere_path: Path) -> None:
    verification = verifier.verify(elsewhere_path, PLACE)
    assert verification.verdict is Verdict.INCONSISTENT
    assert verification.probability is not None
    assert verification.probability < 0.2


def test_no_coverage_is_inconclusive(verifier: Verifier, elsewhere_path: Path) -> None:
    verification = verifier.verify(elsewhere_path, FAR)
    assert verification.verdict is Verdict.INCONCLUSIVE
    assert verification.probability is None
    assert verification.decisive is None
    assert verification.evidence == ()
    assert "no coverage" in verification.reasons[0].lower()


def test_distant_panoramas_do_not_refute(verifier: Verifier, elsewhere_path: Path) -> None:
    north = Location(PLACE.latitude + 0.0005, PLACE.longitude)  # 44 m from the nearest
    verification = verifier.verify(elsewhere_path, north)
    assert len(verification.evidence) == 1
    assert verification.verdict is Verdict.INCONCLUSIVE


def test_the_radius_counts(verifier: Verifier, photo_path: Path) -> None:
    assert len(verifier.verify(photo_path, PLACE, radius_m=15).evidence) == 1
    for radius in (0.0, -5.0, float("nan")):
        with pytest.raises(LocationError, match="radius"):
            verifier.verify(photo_path, PLACE, radius_m=radius)


def test_an_unknown_heading_leaves_the_bearing_open(verifier: Verifier, photo_path: Path) -> None:
    class WithoutHeading:
        def search(self, location: Location, radius_m: float) -> list[PanoramaRecord]:
            found = library.search(location, radius_m)
            return [dataclasses.replace(record, heading=None) for record in found]

        def fetch(self, record: PanoramaRecord) -> NDArray[np.uint8]:
            return library.fetch(record)

    library = verifier.source
    verifier.source = WithoutHeading()
    evidence = verifier.verify(photo_path, PLACE).evidence[0]
    assert evidence.comparison.yaw is not None
    assert evidence.bearing is None


GPS = {1: "N", 2: (48.0, 51.0, 30.24), 3: "E", 4: (2.0, 17.0, 40.2)}


def test_exif_gps_is_a_claim(verifier: Verifier, with_exif: Callable[..., Path]) -> None:
    verification = verifier.verify(with_exif(GPS))
    assert verification.claim.origin == "exif"
    assert verification.claim.location.distance_m(PLACE) < 1
    assert verification.verdict is Verdict.CONSISTENT


def test_a_given_claim_goes_before_exif(verifier: Verifier, with_exif: Callable[..., Path]) -> None:
    verification = verifier.verify(with_exif(GPS), FAR)
    assert verification.claim.origin == "given"
    assert verification.claim.location == FAR


def test_without_any_claim_there_is_nothing_to_verify(verifier: Verifier, photo_path: Path) -> None:
    with pytest.raises(NoClaimError, match="--at"):
        verifier.verify(photo_path)


def test_an_orientation_is_obeyed(verifier: Verifier, with_exif: Callable[..., Path]) -> None:
    assert verifier.verify(with_exif(orientation=6), PLACE).photo_size == (256, 320)


def test_progress(verifier: Verifier, photo_path: Path) -> None:
    calls: list[tuple[int, int]] = []
    verifier.verify(photo_path, PLACE, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 2), (1, 2), (2, 2)]
    calls.clear()
    verifier.verify(photo_path, FAR, progress=lambda done, total: calls.append((done, total)))
    assert calls == [(0, 0)]


def test_cached_and_fresh_features_give_the_same(
    verifier: Verifier, photo_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = verifier.verify(photo_path, PLACE)
    assert "panorama features" in first.provenance.seconds
    monkeypatch.setattr(verifier.source, "fetch", None)  # it must not be asked again
    second = verifier.verify(photo_path, PLACE)
    assert "panorama features" not in second.provenance.seconds
    assert reproducible(first) == reproducible(second)


def test_without_a_cache_it_is_the_same_twice(
    library_folder: Path, checkpoint_path: Path, photo_path: Path
) -> None:
    verifier = Verifier(Library.open(library_folder), None, checkpoint_path)
    first, second = (reproducible(verifier.verify(photo_path, PLACE)) for _ in range(2))
    assert first == second
    assert not (library_folder / "features").exists()


def test_damaged_cached_features_are_made_anew(
    verifier: Verifier, library_folder: Path, photo_path: Path
) -> None:
    first = verifier.verify(photo_path, PLACE)
    every = sorted((library_folder / "features").rglob("*.safetensors"))
    cached = [path for path in every if not path.name.startswith("local-")]
    assert len(cached) == 2
    sound = [path.read_bytes() for path in cached]
    cached[0].write_bytes(sound[0][:-100])
    flipped = bytearray(sound[1])
    flipped[-50] ^= 0x40
    cached[1].write_bytes(flipped)
    second = verifier.verify(photo_path, PLACE)
    assert reproducible(first) == reproducible(second)
    assert [path.read_bytes() for path in cached] == sound


def test_other_weights_do_not_use_these_features(
    verifier: Verifier, checkpoint_path: Path, photo_path: Path, tmp_path: Path
) -> None:
    from placeproof.network.checkpoint import load_checkpoint, save_checkpoint

    verifier.verify(photo_path, PLACE)
    other = load_checkpoint(checkpoint_path)
    other.network.projection.linear.bias.data += 1.0
    save_checkpoint(other.network, other.card, tmp_path / "other.safetensors")
    again = Verifier(verifier.source, verifier.cache, tmp_path / "other.safetensors")
    assert "panorama features" in again.verify(photo_path, PLACE).provenance.seconds


def test_a_panorama_that_was_tampered_with_is_an_error(
    verifier: Verifier, library_folder: Path, photo_path: Path
) -> None:
    record = verifier.source.search(PLACE, 50)[0]
    picture = Library.open(library_folder).picture_path(record.id)
    picture.write_bytes(picture.read_bytes()[:-1])
    with pytest.raises(CorruptLibraryError):
        verifier.verify(photo_path, PLACE)


def test_provenance(verifier: Verifier, checkpoint_path: Path, photo_path: Path) -> None:
    provenance = verifier.verify(photo_path, PLACE).provenance
    assert provenance.photo == photo_path
    assert provenance.photo_sha256 == hashlib.sha256(photo_path.read_bytes()).hexdigest()
    assert provenance.weights_sha256 == hashlib.sha256(checkpoint_path.read_bytes()).hexdigest()
    assert provenance.versions["placeproof"] == placeproof.__version__
    assert provenance.versions["torch"] == importlib.metadata.version("torch")
    assert provenance.seed == 0
    assert all(seconds >= 0 for seconds in provenance.seconds.values())


def test_the_photo_is_only_read(verifier: Verifier, photo_path: Path) -> None:
    before = (photo_path.read_bytes(), photo_path.stat().st_mtime_ns)
    verifier.verify(photo_path, PLACE)
    assert (photo_path.read_bytes(), photo_path.stat().st_mtime_ns) == before


def test_bad_photos_and_weights_are_errors(
    verifier: Verifier, library_folder: Path, checkpoint_path: Path, tmp_path: Path
) -> None:
    with pytest.raises(NotAnImageError):
        verifier.verify(tmp_path / "missing.jpg", PLACE)
    library = Library.open(library_folder)
    damaged = tmp_path / "damaged.safetensors"
    for data, error in (
        (b"", WeightsError),
        (checkpoint_path.read_bytes()[:-7], WeightsError),
        (
            checkpoint_path.read_bytes().replace(b'test_resnet\\"', b'test_vit3__\\"', 1),
            WeightsError,
        ),
    ):
        damaged.write_bytes(data)
        with pytest.raises(error):
            Verifier(library, None, damaged)
    shutil.copy(checkpoint_path, damaged)
    Verifier(library, None, damaged)


def test_weights_of_another_extractor_are_refused(
    library_folder: Path, other_extractor_path: Path
) -> None:
    with pytest.raises(WeightsMismatchError, match="tensors differ"):
        Verifier(Library.open(library_folder), None, other_extractor_path)


def test_the_public_names_are_the_real_ones() -> None:
    assert placeproof.Verifier is Verifier
    assert placeproof.Library is Library
    assert placeproof.Location is Location
    assert placeproof.Verdict is Verdict
    assert placeproof.match_pictures is match_pictures
    assert all(hasattr(placeproof, name) for name in placeproof.__all__)
    with pytest.raises(AttributeError, match="nothing"):
        placeproof.nothing  # noqa: B018
    json.dumps(placeproof.__version__)
