"""`replay`: what policies would have cost on past days."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    app.command("replay")(replay)


def replay(
    first: Annotated[datetime, typer.Option("--from", formats=["%Y-%m-%d"], help="First day played.")],
    last: Annotated[datetime, typer.Option("--to", formats=["%Y-%m-%d"], help="Last day played.")],
    policy: Annotated[
        list[str] | None,
        typer.Option(
            help="nightly (the rules in force), one of the engine's policies, min_max:2, cover:3, normal:0.95, or rules: "
            "target_cycle_service=0.98. Repeatable. min_max, cover, normal and perfect are always played beside."
        ),
    ] = None,
    lake: Lake = HERE,
    out: Annotated[
        Path | None, typer.Option(help="Folder for the page, the picture of the frontier, and all figures as JSON.")
    ] = None,
    json: Annotated[Path | None, typer.Option("--json", help="Write all figures to this file.")] = None,
    frontier: Annotated[
        bool, typer.Option("--frontier/--no-frontier", help="Play each policy over a range of its setting too.")
    ] = True,
    truth: Annotated[
        Path | None, typer.Option(help="True demand of a simulated shop (its truth/days), instead of what is recorded.")
    ] = None,
    terms: Annotated[
        Path | None, typer.Option(help="YAML file of sourcing terms to assume where the retailer gave none.")
    ] = None,
    refresh: Annotated[int, typer.Option(help="Days after which forecasts are made anew.", min=1)] = 7,
    forecasts: Annotated[
        str,
        typer.Option(
            help="auto: by the champion, or, where it has seen these days, by a model trained on data before them, as the "
            "nightly run trains; baselines: by the baselines alone, quicker."
        ),
    ] = "auto",
    warm_up: Annotated[
        int | None, typer.Option(help="Days played and not counted; 28 or two windows when left out.", min=1)
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of late deliveries and of the bootstrap.")] = 0,
    workers: Annotated[
        int | None, typer.Option(help="Processes that work side by side; never changes a result.", min=1)
    ] = None,
) -> None:
    """Replay past days in money: the nightly code, night by night, beside rules of thumb and perfect information."""
    from shelfcast.bootstrap import open_lake
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.pipeline.assumed_terms import read_terms
    from shelfcast.pipeline.replay_orders import Request, replay_orders, write_replay

    with Bars() as bars:
        settings, platform = open_lake(lake, bars, workers=workers)
        request = Request(
            first=first.date(),
            last=last.date(),
            policies=tuple(policy or ("nightly",)),
            frontier=frontier,
            refresh_days=refresh,
            forecasts=forecasts,
            warm_up_days=warm_up,
            truth=truth,
            terms=read_terms(terms) if terms else "",
            frequency=settings.frequency,
            horizon=settings.horizon,
            partition_rows=settings.partition_rows,
            currency=settings.currency,
            seed=seed,
        )
        document = replay_orders(platform, request)
    _print(document)
    written = write_replay(document, out, json)
    if written:
        typer.echo("Written: " + ", ".join(str(path) for path in written))
    else:
        typer.echo("--out FOLDER keeps the page, with every figure and the picture of the frontier.")


def _print(document: Mapping[str, Any]) -> None:
    from shelfcast.entrypoints.cli import render
    from shelfcast.pipeline.replay_orders import terminal_tables

    task = document["task"]
    typer.echo(
        f"{task['item_locations']:,} item-locations, {task['first']} to {task['last']}, the first {task['warm_up_days']} days "
        f"not counted. Forecasts: every {task['forecasts_every_days']} days, by {task['forecasts']}."
    )
    for title, columns, rows in terminal_tables(document):
        render.grid(title, columns, rows, right=columns[1:])
        typer.echo("")
    typer.echo("What the data can't tell")
    for note in document["notes"]:
        typer.echo(f"- {note}")
