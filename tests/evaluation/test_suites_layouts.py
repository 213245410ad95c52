from pathlib import Path

import pytest

from placeproof.errors import SuiteError
from placeproof.evaluation.suites import LAYOUTS, read_suite


def test_a_table_is_a_manifest(tmp_path: Path) -> None:
    for name in ("q1", "q2", "p1", "p2"):
        (tmp_path / f"{name}.jpg").touch()
    listing = tmp_path / "list.CSV"
    listing.write_text("query,panorama\nq1.jpg,p1.jpg\nq2.jpg,p2.jpg\n")
    assert read_suite(listing) == read_suite(listing, "manifest")


@pytest.mark.parametrize("name", ["folder", "folder.csv", "photo.jpg"])
def test_anything_else_must_name_its_layout(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SuiteError, match=r"name one of manifest, pairs-folder, .*, wikimedia"):
        read_suite(tmp_path / name)


def test_an_unknown_layout_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(SuiteError, match="there is no layout 'manifst'; there are manifest,"):
        read_suite(tmp_path, "manifst")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_what_does_not_exist_is_an_error_in_one_line(tmp_path: Path, layout: str) -> None:
    for name in ("none", "none.csv"):
        with pytest.raises(SuiteError) as error:
            read_suite(tmp_path / name, layout)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_is_described_in_one_line(layout: str) -> None:
    assert "\n" not in LAYOUTS[layout].about
    assert len(LAYOUTS[layout].about) < 90
