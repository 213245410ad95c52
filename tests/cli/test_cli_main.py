import errno
import importlib.metadata
import os
import subprocess
import sys
from collections.abc import Callable, Iterator

import pytest

import placeproof.cli.verify
from placeproof import errors
from placeproof.errors import PlaceproofError

Cli = Callable[..., tuple[int, str, str]]  # exit code, stdout, stderr


def kinds(base: type[PlaceproofError] = PlaceproofError) -> Iterator[type[PlaceproofError]]:
    if base.__module__ == PlaceproofError.__module__:  # others have the code of one of these
        yield base
    for kind in base.__subclasses__():
        yield from kinds(kind)


@pytest.fixture
def failing(monkeypatch: pytest.MonkeyPatch, cli: Cli) -> Cli:
    """Runs a command that raises the given error."""

    def run(error: BaseException, *options: str) -> tuple[int, str, str]:
        def fail(_text: str) -> float:
            raise error

        monkeypatch.setattr(placeproof.cli.verify, "parse_radius", fail)
        return cli(*options, "verify", "photo.jpg")

    return run


def process(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "placeproof.cli.main", *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def test_help_lists_all_commands(cli: Cli) -> None:
    code, out, err = cli("--help")
    assert code == 0
    assert err == ""
    for command in ("verify", "match", "demo", "train", "library", "weights"):
        assert command in out


@pytest.mark.parametrize("command", ["verify", "match", "demo", "train", "library", "weights"])
def test_each_command_has_help(cli: Cli, command: str) -> None:
    code, out, _ = cli(command, "--help")
    assert code == 0
    assert f"placeproof {command}" in out


def test_version(cli: Cli) -> None:
    assert cli("--version") == (0, f"placeproof {placeproof.__version__}\n", "")


def test_help_does_not_wait_for_torch() -> None:
    script = (
        "import sys; from placeproof.cli.main import main\n"
        "commands = ('', 'verify', 'match', 'demo', 'train', 'library', 'library add', 'weights')\n"
        "for command in commands:\n"
        "    assert main([*command.split(), '--help']) == 0\n"
        "slow = {'torch', 'timm', 'numpy'} & sys.modules.keys()\n"
        "sys.exit(f'imported: {slow}' if slow else 0)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=120
    )
    assert run.returncode == 0, run.stderr


def test_the_installed_command_is_main() -> None:
    (command,) = importlib.metadata.entry_points(group="console_scripts", name="placeproof")
    assert command.load() is placeproof.cli.main.main


@pytest.mark.parametrize(
    "arguments", [("verify",), ("verify", "a.jpg", "b.jpg"), ("frobnicate",), ("--frobnicate",)]
)
def test_a_wrong_command_line(cli: Cli, arguments: tuple[str, ...]) -> None:
    code, out, err = cli(*arguments)
    assert code == 2
    assert out == ""
    assert "Usage" in err


def test_every_kind_of_error_has_its_own_exit_code() -> None:
    codes = [kind.exit_code for kind in kinds()]
    assert len(set(codes)) == len(codes)
    assert not {0, 2, 70, 130} & set(codes)


@pytest.mark.parametrize("kind", list(kinds()))
def test_an_error_is_one_line(failing: Cli, kind: type[PlaceproofError]) -> None:
    code, out, err = failing(kind("the reason"))
    assert code == kind.exit_code
    assert (out, err) == ("", "placeproof: error: the reason\n")


def test_whatever_a_file_is_called(failing: Cli) -> None:
    _, _, err = failing(errors.NotAnImageError("'\x1b[31mred\n\udcff.jpg' is no picture"))
    assert err.count("\n") == 1
    assert "\x1b" not in err
    assert "red" in err


def test_the_traceback_of_an_error_on_demand(
    failing: Cli,
) -> None:
    code, _, err = failing(errors.WeightsError("the reason"), "--debug")
    assert code == errors.WeightsError.exit_code
    assert "Traceback" in err
    assert err.endswith("placeproof: error: the reason\n")


@pytest.mark.parametrize("error", [ValueError("two\nlines"), RuntimeError(), OSError(5, "I/O")])
def test_a_bug_is_one_line_that_says_so(failing: Cli, error: Exception) -> None:
    code, out, err = failing(error)
    assert code == 70
    assert out == ""
    assert err.startswith("placeproof: error: this is a bug in placeproof")
    assert type(error).__name__ in err
    assert "PLACEPROOF_DEBUG=1" in err
    assert err.count("\n") == 1


def test_the_traceback_of_a_bug(failing: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACEPROOF_DEBUG", "1")
    code, _, err = failing(ValueError("deep inside"))
    assert code == 70
    assert "Traceback" in err


def test_an_interrupted_run(failing: Cli) -> None:
    assert failing(KeyboardInterrupt()) == (130, "", "placeproof: interrupted\n")


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_anywhere(failing: Cli, number: int) -> None:
    code, _, err = failing(OSError(number, "No space left on device", "/data/file"))
    assert code == errors.StorageError.exit_code
    assert err.startswith("placeproof: error: the disk is full while writing /data/file")
    assert err.count("\n") == 1


def test_the_exit_code_reaches_the_shell() -> None:
    run = process("verify", "photo.jpg", "--at", "91,0")
    assert run.returncode == errors.LocationError.exit_code
    assert run.stdout == ""
    assert run.stderr == (
        "placeproof: error: latitude 91 is not between -90 and 90; "
        "if the longitude came first, write 0,91\n"
    )


@pytest.mark.parametrize("option", ["--help", "--version"])  # printed by rich and by typer
@pytest.mark.parametrize("flags", [[], ["-u"]])  # with and without a buffer
def test_a_reader_that_has_gone_is_no_error(option: str, flags: list[str]) -> None:
    with subprocess.Popen(
        [sys.executable, *flags, "-m", "placeproof.cli.main", option],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as run:
        assert run.stdout is not None
        assert run.stderr is not None
        run.stdout.close()
        assert run.stderr.read() == b""
    assert run.returncode == 1


def test_a_terminal_without_these_characters_is_no_error() -> None:
    script = "from placeproof.cli.main import main\nmain(['--version'])\nprint('247°')"
    run = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        check=False,
        timeout=120,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
    )
    assert run.returncode == 0
    assert b"247\\xb0" in run.stdout
