"""`init`, `status`, `tables`, `export`, `maintain`."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake


def register(app: typer.Typer) -> None:
    app.command("init")(init)
    app.command("status")(status)
    app.command("tables")(tables)
    app.command("export")(export)
    app.command("maintain")(maintain)


def init(
    directory: Annotated[Path, typer.Argument(help="Folder to make a lake of; made if it isn't there.")] = HERE,
    currency: Annotated[str | None, typer.Option(help="ISO 4217 currency of every money column.")] = None,
    frequency: Annotated[str | None, typer.Option(help="Planning period: D or W.")] = None,
    horizon: Annotated[int | None, typer.Option(help="Periods to forecast.")] = None,
) -> None:
    """Make a folder a Shelfcast lake."""
    from shelfcast.bootstrap import init_lake

    path = init_lake(directory, currency=currency, frequency=frequency, horizon=horizon)
    typer.echo(f"{directory} is a Shelfcast lake now. Settings: {path}")
    typer.echo(f"Next: shelfcast ingest --lake {directory} YOUR_FILES..., then: shelfcast run --lake {directory}")


def status(
    lake: Lake = HERE,
    run: Annotated[
        str, typer.Option(help="Show everything recorded of one run: its id, its beginning, or a step for the newest.")
    ] = "",
    limit: Annotated[int, typer.Option(help="Newest runs to show.", min=1)] = 12,
) -> None:
    """What ran, on what, with what result; and what is in the lake."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.entrypoints.cli import render
    from shelfcast.serve.runs import newest_runs, one_run

    platform = open_platform(lake)
    if run:
        render.record(one_run(platform, run))
    else:
        render.runs(newest_runs(platform, limit))


def tables(
    name: Annotated[str, typer.Argument(help="A table to look into; all of them when left out.")] = "",
    lake: Lake = HERE,
    rows: Annotated[int, typer.Option(help="Rows of the table to show.", min=0)] = 5,
    snapshot: Annotated[int | None, typer.Option(help="Read the table as it was at this snapshot.")] = None,
    at: Annotated[datetime | None, typer.Option(help="Read the table as it was at this moment (UTC).")] = None,
    history: Annotated[bool, typer.Option(help="List the table's snapshots.")] = False,
) -> None:
    """The catalog: tables, schemas, rows, snapshots, freshness, time travel."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.entrypoints.cli import render
    from shelfcast.serve import catalog

    platform = open_platform(lake)
    if not name:
        render.catalog(catalog.overview(platform))
    else:
        render.table(catalog.details(platform, name, rows=rows, snapshot_id=snapshot, moment=at), history=history)


def export(
    what: Annotated[
        str,
        typer.Argument(
            help="forecasts, orders, order_headers, allocations, projection (stock of 28 days), or the name of any table."
        ),
    ],
    lake: Lake = HERE,
    format: Annotated[str, typer.Option(help="csv or parquet.")] = "csv",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="File to write; WHAT-CUTOFF.FORMAT when left out.")
    ] = None,
    cutoff: Annotated[
        datetime | None, typer.Option(help="Cutoff; the newest when left out.", formats=["%Y-%m-%d"])
    ] = None,
    all_stages: Annotated[bool, typer.Option("--all-stages", help="Forecasts of every stage, not only final.")] = False,
) -> None:
    """Write forecasts, order lines or a table to a file."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline.export_results import export_file

    done = export_file(
        open_platform(lake),
        what,
        format=format,
        output=output,
        cutoff=cutoff.date() if cutoff else None,
        all_stages=all_stages,
    )
    typer.echo(f"{done.rows:,} rows of {done.what} written to {done.path}")


def maintain(
    lake: Lake = HERE,
    grace_hours: Annotated[float, typer.Option(help="Leave files younger than this alone.", min=0)] = 1.0,
    keep_nights: Annotated[
        int, typer.Option(help="Nights of forecasts, orders and measures that are kept.", min=100)
    ] = 400,
) -> None:
    """Forget nights long past, join small files, expire old snapshots, free disk."""
    from shelfcast.bootstrap import open_lake
    from shelfcast.entrypoints.cli import render
    from shelfcast.pipeline.maintain_lake import maintain_lake

    settings, platform = open_lake(lake)
    done = maintain_lake(platform, keep=settings.keep_snapshots, grace_hours=grace_hours, keep_nights=keep_nights)
    render.maintenance(done, grace_hours)
