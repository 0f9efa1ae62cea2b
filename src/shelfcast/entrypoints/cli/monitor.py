"""`monitor`: what drifted, in a planner's words."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake


def register(app: typer.Typer) -> None:
    app.command("monitor")(monitor)


def monitor(
    lake: Lake = HERE,
    cutoff: Annotated[
        datetime | None,
        typer.Option(help="Last business date to look at; the newest sales date when left out.", formats=["%Y-%m-%d"]),
    ] = None,
    show: Annotated[bool, typer.Option("--show", help="Only show what was measured last; measure nothing.")] = False,
    every: Annotated[bool, typer.Option("--all", help="Also list measures that are as they should be.")] = False,
    machine_hour: Annotated[
        float | None,
        typer.Option(help="What an hour of this machine costs: the night's cost is measured from then on."),
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write the newest measures to this CSV file as well.")
    ] = None,
) -> None:
    """Measure data, forecasts, decisions and the system against what is usual; say what drifted, why it is told and what to do.

    The daily cycle does the same at its end. Exit code 0 whatever it finds: findings are alerts, not errors.
    """
    from shelfcast.bootstrap import open_lake
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.pipeline.monitor_system import set_price
    from shelfcast.pipeline.run_cycle import last_sales_date
    from shelfcast.pipeline.steps import Parameters, run_step
    from shelfcast.serve.monitor import newest

    with Bars() as bars:
        settings, platform = open_lake(lake, bars)
        if machine_hour is not None:
            set_price(platform, machine_hour)
        wanted = cutoff.date() if cutoff else None
        if not show:
            wanted = wanted or last_sales_date(platform, settings.frequency)
            run_step(platform, "monitor", Parameters(cutoff=wanted, frequency=settings.frequency))
    found = newest(platform, cutoff=wanted)
    if found.cutoff is None:
        typer.echo("Nothing was measured yet. Run `shelfcast monitor`, or the cycle: `shelfcast run`.")
        return
    quiet = len(found.measures) - found.open - found.watched
    typer.echo(
        f"{found.cutoff:%a %d %b %Y}: {len(found.measures)} measures, {found.open} found wrong, {found.watched} watched, "
        f"{quiet} as they should be."
    )
    for one in found.measures:
        if one.state == "ok" and not every:
            continue
        word = {"open": "FOUND", "watch": "watch", "ok": "ok"}[one.state]
        since = f" (since {one.opened_on:%d %b})" if one.opened_on else ""
        typer.echo(f"\n{word}  {one.title}, {one.subject}{since}\n  {one.says}")
        if one.state != "ok":
            typer.echo(f"  Told because: {one.reason}")
        if one.moved_with:
            typer.echo(f"  Moved with it: {one.moved_with}")
        if one.state == "open":
            typer.echo(f"  Next: {one.next_step}")
    if output is not None:
        import polars as pl

        pl.DataFrame([one.model_dump() for one in found.measures], infer_schema_length=None).write_csv(output)
        typer.echo(f"\n{len(found.measures)} measures written to {output}")
