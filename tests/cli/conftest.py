"""The command line as a user meets it: arguments in, exit code and both streams out."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from placeproof.cli.main import main


class Run(NamedTuple):
    """What a run left behind."""

    code: int
    out: str
    err: str


@pytest.fixture
def cli(capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Run]:
    """Runs ``placeproof`` with these arguments through its real entry point."""
    monkeypatch.setenv("COLUMNS", "100")
    for variable in ("PLACEPROOF_LIBRARY", "PLACEPROOF_DEBUG", "FORCE_COLOR"):
        monkeypatch.delenv(variable, raising=False)

    def run(*arguments: object) -> Run:
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        return Run(code, *capfd.readouterr())

    return run


@pytest.fixture
def verify(
    cli: Callable[..., Run], library_folder: Path, checkpoint_path: Path
) -> Callable[..., Run]:
    """Runs ``placeproof verify`` with the test's library and weights, unless told others."""

    def run(photo: Path, *arguments: object) -> Run:
        defaults = ("--library", library_folder, "--weights", checkpoint_path)
        return cli("verify", photo, *defaults, *arguments)

    return run


@pytest.fixture(autouse=True)
def hand_set_model(model_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The model that belongs to the hand-set network, since no option names one."""
    from placeproof import fusion, verify

    monkeypatch.setattr(verify, "load_model", lambda _shipped: fusion.load_model(model_path))
