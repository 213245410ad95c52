"""``placeproof``: all commands joined, and what is said when one fails."""

import errno
import io
import logging
import sys
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import typer

from placeproof import __version__
from placeproof.cli import claim, collect, demo, evaluate, library, match, train, verify, weights
from placeproof.cli.options import INTERRUPTED
from placeproof.errors import PlaceproofError, StorageError

BUG = 70  # exit codes; this one is EX_SOFTWARE of sysexits.h
_FULL_DISK = (errno.ENOSPC, errno.EDQUOT)


@dataclass(slots=True)
class Settings:
    """What the options before the command say."""

    debug: bool = False


app = typer.Typer(
    name="placeproof",
    help="Was this photo taken where it is claimed to have been taken?",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command("verify")(verify.verify)
app.command("match")(match.match)
app.command("claim")(claim.claim)
app.command("demo")(demo.demo)
app.command("train")(train.train)
app.command("collect", context_settings={"ignore_unknown_options": True})(collect.collect)
app.command("evaluate")(evaluate.evaluate)
app.add_typer(library.app, name="library")
app.add_typer(weights.app, name="weights")


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"placeproof {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    context: typer.Context,
    debug: Annotated[
        bool,
        typer.Option("--debug", envvar="PLACEPROOF_DEBUG", help="Show the traceback of an error."),
    ] = False,
    version: Annotated[  # noqa: ARG001  its callback does it all
        bool,
        typer.Option(
            "--version", callback=_show_version, is_eager=True, help="Print the version and exit."
        ),
    ] = False,
) -> None:
    context.obj.debug = debug


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command.

    Args:
        arguments: What stands behind ``placeproof``; the process's own by default.

    Returns:
        The exit code: 0; 1 if nobody reads the output any more; 2 for a wrong command line; an
        error's own (:mod:`placeproof.errors`); 70 for a bug in placeproof; 130 if the user
        interrupted.
    """
    settings = Settings()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # as stderr: output always comes out
    try:
        app(arguments, prog_name="placeproof", obj=settings)
        return 0
    except SystemExit as end:  # typer's usual end, also of a wrong command line or a closed pipe
        if end.code == INTERRUPTED:
            _say("interrupted")
        return end.code if isinstance(end.code, int) else 0
    except Exception as error:
        if settings.debug:
            traceback.print_exc()
        message, code = _explain(error)
        _say(f"error: {message}")
        return code


def _explain(error: Exception) -> tuple[str, int]:
    """An error in words, and the exit code that it means."""
    if isinstance(error, PlaceproofError):
        return str(error), error.exit_code
    if isinstance(error, OSError) and error.errno in _FULL_DISK:
        where = f" while writing {error.filename}" if error.filename else ""
        return f"the disk is full{where}; free some space and try again", StorageError.exit_code
    return (
        f"this is a bug in placeproof ({type(error).__name__}: {error}); for the traceback to "
        "report, run it again with PLACEPROOF_DEBUG=1",
        BUG,
    )


def _say(text: str) -> None:
    """Prints one line to stderr, whatever a file's name or a library's message holds."""
    if not text.isprintable():
        from placeproof.report.describe import printable  # slow to import, seldom needed

        text = printable(text)
    typer.echo(f"placeproof: {text}", err=True)


class _Warnings(logging.Handler):
    """Prints what placeproof's modules log: nothing but warnings, a line each."""

    def emit(self, record: logging.LogRecord) -> None:
        _say(f"warning: {record.getMessage()}")


logging.getLogger("placeproof").addHandler(_Warnings())


if __name__ == "__main__":
    sys.exit(main())
