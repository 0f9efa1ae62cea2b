"""The `shelfcast` command: parse, call one use case, render. Heavy parts are imported by the command that needs them."""

from __future__ import annotations

import sys

import typer

from shelfcast.domain.errors import BadInput, NotFound, NotReady, ShelfcastError
from shelfcast.entrypoints.cli import SUBJECTS, load

EXIT_FAILED = 1
EXIT_BAD_INPUT = 2


def build() -> typer.Typer:
    app = typer.Typer(
        name="shelfcast",
        help="Demand forecasts and replenishment orders a planner can understand, challenge and send to the ERP.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback(invoke_without_command=True)
    def main(version: bool = typer.Option(False, "--version", help="Print the version and stop.")) -> None:
        if version:
            from shelfcast import __version__

            typer.echo(f"shelfcast {__version__}")
            raise typer.Exit

    for subject in SUBJECTS:
        load(subject).register(app)
    return app


def run() -> None:
    """Run the command; an error of ours is one message on stderr and an exit code, never a traceback."""
    try:
        build()(standalone_mode=True)
    except ShelfcastError as error:
        print(f"shelfcast: {error}", file=sys.stderr)
        sys.exit(EXIT_BAD_INPUT if isinstance(error, BadInput | NotFound | NotReady) else EXIT_FAILED)
    except BrokenPipeError:
        sys.exit(0)
