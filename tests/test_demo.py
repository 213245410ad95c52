import csv
import functools
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import placeproof.demo
from placeproof.demo import LICENCE, SOURCE, DemoCase, DemoResult, Progress, run_demo
from placeproof.errors import LibraryError, StorageError, WeightsError
from placeproof.report.document import document_text, verification_document
from placeproof.scene.street import Street

Run = Callable[..., DemoResult]


@pytest.fixture(scope="module")
def run(checkpoint_path: Path) -> Run:
    """The demo in small; each street is built once for all tests."""
    build = functools.cache(Street)

    def demo(folder: Path, progress: Progress = lambda *_step: None) -> DemoResult:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(placeproof.demo, "Street", build)
            return run_demo(
                folder,
                weights=checkpoint_path,
                panorama_width=512,
                photo_size=(160, 120),
                progress=progress,
            )

    return demo


@pytest.fixture(scope="module")
def result(run: Run, tmp_path_factory: pytest.TempPathFactory) -> DemoResult:
    return run(tmp_path_factory.mktemp("demo") / "new" / "folder")


def files(folder: Path) -> dict[Path, bytes]:
    """All files but the index, whose bytes also tell when it was changed."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != "index.sqlite"
    }


def answer(case: DemoCase) -> str:
    document = verification_document(case.verification)
    del document["run"]
    return document_text(document)


def test_a_true_and_a_false_claim_about_one_place(result: DemoResult) -> None:
    true_case, false_case = result.cases
    assert (true_case.claim_is_true, false_case.claim_is_true) == (True, False)
    assert true_case.claim == false_case.claim
    for case in result.cases:
        assert case.verification.claim.location == case.claim
        assert case.verification.photo_size == (160, 120)
        assert len(case.verification.evidence) == 3
    distances = [e.distance_m for e in true_case.verification.evidence]
    assert 4 < distances[0] < 8  # another position, with parallax


def test_the_pictures_say_that_they_are_rendered(result: DemoResult) -> None:
    records = [evidence.record for evidence in result.cases[0].verification.evidence]
    for record in records:
        assert record.source == SOURCE
        assert record.licence == LICENCE
        assert record.heading is not None
        assert record.captured is not None
    pictures = list(result.folder.glob("**/rendered-*.jpg"))
    assert len(pictures) == 5
    with (result.folder / "rendered-panoramas" / "rendered-panoramas.csv").open() as file:
        assert {row["source"] for row in csv.DictReader(file)} == {SOURCE}
    for case in result.cases:
        assert "rendered" in case.title
        with Image.open(case.photo) as photo:
            assert not photo.getexif()


def test_the_truth(result: DemoResult) -> None:
    true_case, false_case = result.cases
    assert false_case.bearing is None
    assert false_case.truth == {}
    assert true_case.bearing is not None
    records = [evidence.record for evidence in true_case.verification.evidence]
    assert set(true_case.truth) == {record.id for record in records}
    nearest = records[0]
    truth = true_case.truth[nearest.id]
    assert truth.masks.reference.shape == (nearest.height, nearest.width)
    assert truth.masks.query.shape == (120, 160)
    assert truth.masks.query.mean() > 0.2
    assert truth.bearing is not None
    apart = (truth.bearing - true_case.bearing + 180) % 360 - 180
    assert abs(apart) < 45  # parallax of 6 m across a street
    # The bearing leads to the mask, also from the middle of a mask that the seam cuts.
    for record in records:
        assert record.heading is not None
        truth = true_case.truth[record.id]
        assert truth.bearing is not None
        yaw = (truth.bearing - record.heading + 180) % 360
        assert truth.masks.reference[:, int(yaw / 360 * record.width)].any()


def test_bearing_error(result: DemoResult) -> None:
    true_case, false_case = result.cases
    assert false_case.bearing_error is None
    verification = true_case.verification
    first = verification.evidence[0]
    for found, true, error in ((350.0, 10.0, 20.0), (10.0, 350.0, 20.0), (90.0, 90.0, 0.0)):
        decided = replace(verification, decisive=0, evidence=(replace(first, bearing=found),))
        assert replace(true_case, bearing=true, verification=decided).bearing_error == error
    undecided = replace(verification, decisive=None)
    assert replace(true_case, verification=undecided).bearing_error is None


@dataclass(frozen=True)
class Again:
    """A second run in the same folder, in which other things have been put before."""

    before: dict[Path, bytes]
    result: DemoResult
    steps: list[tuple[str, int, int]]


@pytest.fixture(scope="module")
def again(run: Run, result: DemoResult) -> Again:
    (result.folder / "mine.jpg").write_bytes(b"mine")
    noise = np.random.default_rng(0).integers(0, 256, (256, 512, 3), dtype=np.uint8)
    for name, source, pixels in (("my-own", "me", noise), ("outdated", SOURCE, noise[::-1])):
        Image.fromarray(pixels).save(result.folder / f"{name}.png")
        sidecar = result.folder / f"{name}.csv"
        sidecar.write_text(f"file,lat,lon,source\n{name}.png,10,20,{source}\n")
        assert [added.record is not None for added in result.library.add([sidecar])] == [True]
    before = files(result.folder)
    steps: list[tuple[str, int, int]] = []
    return Again(before, run(result.folder, lambda *step: steps.append(step)), steps)


def test_again_in_the_same_folder(result: DemoResult, again: Again) -> None:
    after = files(result.folder)
    gone = again.before.keys() - after.keys()
    # Its own panorama of another version, with its record, and no other file.
    assert len(gone) == 2
    assert all(path.parts[:2] == ("rendered-library", "panoramas") for path in gone)
    assert after == {path: again.before[path] for path in again.before.keys() - gone}
    sources = [record.source for record in again.result.library.records()]
    assert sorted(sources) == ["me", SOURCE, SOURCE, SOURCE]


def test_the_answers_are_the_same_again(result: DemoResult, again: Again) -> None:
    for one, other in zip(result.cases, again.result.cases, strict=True):
        assert answer(one) == answer(other)
        assert one.bearing == other.bearing


def test_steps_are_counted_to_the_end(again: Again) -> None:
    assert [done for _, done, _ in again.steps] == list(range(9))
    assert {total for _, _, total in again.steps} == {8}
    assert again.steps[-1][0] == "done"


def test_missing_weights_are_noticed_before_the_long_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placeproof.demo, "Street", lambda _seed: pytest.fail("built a street"))
    with pytest.raises(WeightsError):
        run_demo(tmp_path, weights=tmp_path / "none")


def test_a_folder_that_cannot_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StorageError, match="file"):
        run(tmp_path / "file")


def test_a_library_folder_with_other_things(run: Run, tmp_path: Path) -> None:
    (tmp_path / "rendered-library").mkdir()
    (tmp_path / "rendered-library" / "diary.txt").write_text("")
    with pytest.raises(LibraryError, match="other things"):
        run(tmp_path)
