"""`cdc`: change files of a database (AWS DMS) into the lake."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake


def register(app: typer.Typer) -> None:
    app.command("cdc")(cdc)


def cdc(
    folder: Annotated[Path, typer.Argument(help="Folder DMS writes to: <schema>/<table>/LOAD*.csv and change files.")],
    lake: Lake = HERE,
    table: Annotated[list[str] | None, typer.Option(help="SOURCE=CANONICAL where names don't tell, such as public.art=items.")] = None,
    accept: Annotated[list[str] | None, typer.Option("--accept-columns", help="Source table whose changed columns are as they should be.")] = None,
) -> None:  # fmt: skip
    """Take in full loads, changes and deletes of a database's tables; the same files again change nothing."""
    from shelfcast.bootstrap import open_lake
    from shelfcast.domain.errors import BadInput, BadParameter
    from shelfcast.entrypoints.cli import render
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.pipeline.ingest_cdc import accept_columns, ingest_cdc

    pairs = [one.partition("=") for one in table or ()]
    if bad := ["".join(one) for one in pairs if not all(one)]:
        raise BadParameter(f"--table {bad[0]!r} came; SOURCE=CANONICAL is needed, such as public.articles=items.")
    with Bars() as bars:
        settings, platform = open_lake(lake, bars)
        for one in accept or ():
            accept_columns(platform, one)
        reports = ingest_cdc(
            platform, folder, tables={name: canonical for name, _, canonical in pairs}, currency=settings.currency,
            frequency=settings.frequency, max_bad_share=settings.max_bad_share,
        )  # fmt: skip
    columns = (
        "source",
        "table",
        "state",
        "files",
        "rows in",
        "upserted",
        "deleted",
        "overtaken",
        "repeated",
        "quarantined",
        "taken back",
    )
    rows = [
        (one.source, one.table, one.state, one.files, one.rows_in, one.upserted, one.deleted, one.overtaken, one.repeated, one.quarantined, one.taken_back)
        for one in reports
    ]  # fmt: skip
    render.grid("Changes taken in", columns, rows, right=columns[3:])
    for report in reports:
        for note in report.notes:
            typer.echo(f"{report.source}: {note}", err=True)
    if failed := [report.error for report in reports if report.error]:
        raise BadInput(failed[0])
