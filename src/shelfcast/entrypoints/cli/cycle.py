"""`run`: the daily cycle."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake


def register(app: typer.Typer) -> None:
    app.command("run")(run)


def run(
    lake: Lake = HERE,
    cutoff: Annotated[
        datetime | None,
        typer.Option(
            help="Last business date whose data may be used; the newest sales date when left out.", formats=["%Y-%m-%d"]
        ),
    ] = None,
    horizon: Annotated[
        int | None, typer.Option(help="Periods to forecast; the lake's setting when left out.", min=1)
    ] = None,
    step: Annotated[
        list[str] | None,
        typer.Option(help="Run only this step (repeatable): quality, features, train, forecast, replenish, monitor."),
    ] = None,
    retrain: Annotated[bool, typer.Option("--retrain", help="Train anew even if the model is still fresh.")] = False,
    terms: Annotated[
        Path | None,
        typer.Option(
            help="YAML file of sourcing terms to assume where the retailer gave none; each line it touches says so. The lake's setting `terms` when left out."
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes that work side by side; never changes a result.", min=1)
    ] = None,
) -> None:
    """Run the daily cycle: quality, features, models, forecasts, orders, monitoring."""
    from dataclasses import replace

    from shelfcast.bootstrap import lake_settings, open_lake
    from shelfcast.domain.errors import BadParameter
    from shelfcast.entrypoints.cli import summary
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.pipeline.assumed_terms import read_terms
    from shelfcast.pipeline.begin_cycle import begin_cycle
    from shelfcast.pipeline.run_cycle import run_cycle
    from shelfcast.pipeline.steps import CYCLE, Asked

    for name in step or []:
        if name not in CYCLE:
            raise BadParameter.unknown("step", name, CYCLE)
    with Bars() as bars:
        settings, platform = open_lake(lake, bars, horizon=horizon, workers=workers)
        parameters = begin_cycle(
            platform, lake_settings(settings), steps=step or (), cutoff=cutoff.date() if cutoff else None, retrain=retrain,
            terms=read_terms(terms) if terms else "",
        )  # fmt: skip
        if retrain:
            parameters = replace(parameters, asked=Asked("hand", "shelfcast run --retrain", "cli"))
        result = run_cycle(platform, parameters, steps=tuple(step) if step else CYCLE)
    summary.show(platform, result, currency=settings.currency)
