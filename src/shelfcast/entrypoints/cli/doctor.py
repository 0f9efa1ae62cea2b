"""`doctor`: every border looked at, with what is wrong and what to do."""

from __future__ import annotations

from typing import Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake


def register(app: typer.Typer) -> None:
    app.command("doctor")(doctor)


def doctor(
    lake: Lake = HERE,
    as_json: Annotated[bool, typer.Option("--json", help="Findings as JSON, for monitoring.")] = False,
) -> None:
    """Look at every border: stores, locations, till events, outside sources, databases, quarantine, ERP. Exit 1 if one failed."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.entrypoints.cli import render
    from shelfcast.pipeline.check_borders import Health, examine

    found = examine(open_platform(lake))
    if as_json:
        import json

        typer.echo(json.dumps([vars(one) for one in found], indent=1))
    else:
        rows = [(one.border, one.health.value, one.seen, one.cure) for one in found]
        render.grid("Borders of the lake", ("border", "health", "what was seen", "what to do"), rows)
    if any(one.health is Health.FAILED for one in found):
        raise typer.Exit(1)
