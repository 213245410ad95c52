import inspect
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import placeproof.demo
from placeproof import errors
from placeproof.demo import DemoCase, DemoResult, PanoramaTruth, Progress
from placeproof.location import Location
from placeproof.panoramas.library import Library
from placeproof.scene.truth import MatchedMasks
from placeproof.verify import Verifier

Run = Any  # exit code, stdout, stderr; see conftest.py
PLACE = Location(48.8584, 2.2945)


@pytest.fixture
def quick_demo(
    library_folder: Path,
    photo_path: Path,
    elsewhere_path: Path,
    model_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> list[DemoCase]:
    """Stands in for the rendering, which takes long: other pictures, known answers.

    Returns:
        The cases that a run will have; a test may change them.
    """
    library = Library.open(library_folder)
    titles = ("a rendered photo of this street", "a rendered photo of another street")
    cases: list[DemoCase] = []

    def run(folder: Path, *, weights: Path, progress: Progress, **_sizes: object) -> DemoResult:
        folder.mkdir(parents=True)
        progress("rendering", 0, 1)
        verifier = Verifier(library, library.features, weights, model_path)
        for number, (title, photo) in enumerate(
            zip(titles, (photo_path, elsewhere_path), strict=True)
        ):
            path = folder / photo.name
            path.write_bytes(photo.read_bytes())
            true = number == 0
            verification = verifier.verify(path, PLACE)
            bearing = 117.0 if true else None
            cases.append(DemoCase(title, path, PLACE, true, bearing, {}, verification))
        progress("done", 1, 1)
        return DemoResult(folder, library, (cases[0], cases[1]))

    real = inspect.signature(placeproof.demo.run_demo).parameters
    assert {"folder", "weights", "progress"} <= set(real)
    monkeypatch.setattr(placeproof.demo, "run_demo", run)
    return cases


@pytest.fixture
def demo(
    cli: Callable[..., Run], checkpoint_path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Run]:
    monkeypatch.chdir(tmp_path)
    return lambda *arguments: cli("demo", "--weights", checkpoint_path, *arguments)


@pytest.mark.usefixtures("quick_demo")
def test_it_says_what_is_rendered_true_and_found(demo: Callable[..., Run], tmp_path: Path) -> None:
    run = demo()
    assert run.code == 0
    assert run.err == ""
    assert "Nothing here is real" in run.out
    _, first, second = run.out.split("\n\n")
    lines = [line.strip() for line in first.splitlines()]
    assert lines[:5] == [
        "A rendered photo of this street",
        "Claim     48.858400,2.294500, which is true",
        "Verdict   Consistent with the claimed place: right",
        "Match     probability 0.95",
        "Camera    looked ESE 117°; found ESE 120°, 3° off",
    ]
    assert lines[5] == f"Report    {Path('demo-output', 'photo.html')}"
    overlays = [Path(line.removeprefix("Overlay").strip()) for line in lines[6:]]
    sheets = [path.name[:9] for path in overlays if not path.stem.endswith("-points")]
    assert sheets == ["photo-01-", "photo-02-"]
    for path in (Path("demo-output", "photo.html"), *overlays):
        assert (tmp_path / path).stat().st_size > 1000
    assert "which is false" in second
    assert "Verdict   Inconsistent with the claimed place: right" in second
    assert "Camera" not in second
    assert len(list((tmp_path / "demo-output").glob("*.html"))) == 2


def test_it_says_what_parallax_explains(
    demo: Callable[..., Run], quick_demo: list[DemoCase], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = placeproof.demo.run_demo

    def with_truth(folder: Path, **options: Any) -> DemoResult:
        result = quick(folder, **options)
        true, false = quick_demo
        nearest = true.verification.evidence[0].record.id
        masks = MatchedMasks(np.ones((2, 2), bool), np.ones((2, 2), bool))
        known = replace(true, truth={nearest: PanoramaTruth(masks, 122.6)})
        return replace(result, cases=(known, false))

    monkeypatch.setattr(placeproof.demo, "run_demo", with_truth)
    out = demo().out
    assert out.count("Parallax") == 1
    assert "what it shows lies ESE 123° of the panorama that decided" in out


def test_it_does_not_hide_that_it_is_wrong(
    demo: Callable[..., Run], quick_demo: list[DemoCase], monkeypatch: pytest.MonkeyPatch
) -> None:
    quick = placeproof.demo.run_demo

    def swapped(folder: Path, **options: Any) -> DemoResult:
        result = quick(folder, **options)
        true, false = quick_demo
        wrong = replace(true, verification=false.verification)
        lost = replace(false, verification=true.verification)
        return replace(result, cases=(wrong, lost))

    monkeypatch.setattr(placeproof.demo, "run_demo", swapped)
    run = demo()
    assert run.code == 0
    assert "Inconsistent with the claimed place: wrong" in run.out
    assert "Consistent with the claimed place: wrong" in run.out


@pytest.mark.usefixtures("quick_demo")
def test_another_folder(demo: Callable[..., Run], tmp_path: Path) -> None:
    folder = tmp_path / "new" / "folder"
    assert demo("--output", folder).code == 0
    assert len(list(folder.glob("*.html"))) == 2
    assert not (tmp_path / "demo-output").exists()


def test_a_folder_that_cannot_be_made(demo: Callable[..., Run], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    run = demo("--output", tmp_path / "file")
    assert run.code == errors.StorageError.exit_code
    assert run.err.startswith("placeproof: error: ")
    assert run.err.count("\n") == 1


def test_weights_that_are_not_there(demo: Callable[..., Run], tmp_path: Path) -> None:
    run = demo("--weights", tmp_path / "missing.safetensors")
    assert run.code == errors.WeightsError.exit_code
    assert run.err.count("\n") == 1
