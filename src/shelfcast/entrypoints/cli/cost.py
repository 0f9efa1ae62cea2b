"""`cost`: what a month on AWS would cost, and what the runs on record did."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake


def register(app: typer.Typer) -> None:
    cost = typer.Typer(help="What AWS costs: before, and from the runs.", no_args_is_help=True)
    cost.command("estimate")(estimate)
    cost.command("report")(report)
    app.add_typer(cost, name="cost")


def estimate(
    series: Annotated[int, typer.Option(help="Items at locations; left out: stores x items.")] = 0,
    stores: Annotated[int, typer.Option(help="Locations.")] = 10,
    items: Annotated[int, typer.Option(help="Items at each location.")] = 200,
    days: Annotated[int, typer.Option(help="Days of history in the lake.")] = 1096,
    horizon: Annotated[int, typer.Option(help="Days to forecast.")] = 28,
    users: Annotated[int, typer.Option(help="People who work with the app.")] = 5,
    requests: Annotated[int, typer.Option(help="Requests of each of them on a working day.")] = 400,
    scenarios: Annotated[int, typer.Option(help="Scenarios worked out in a month.")] = 20,
    events: Annotated[int, typer.Option(help="Till events a month over Kinesis; 0 = no stream.")] = 0,
    train_every: Annotated[int, typer.Option(help="Days until a model is trained anew.")] = 7,
    keep: Annotated[int, typer.Option(help="Days forecasts and orders are kept.")] = 365,
    network: Annotated[bool, typer.Option("--network", help="With private endpoints (EnableNetwork).")] = False,
) -> None:
    """A month's bill by a few sizes, from the price table in this version (its date and sources are printed)."""
    from shelfcast.entrypoints.cli.render import console, grid
    from shelfcast.pipeline import estimate_cost

    usage = estimate_cost.Usage(
        series=series or stores * items, stores=stores, history_days=days, horizon=horizon, users=users,
        requests_each_day=requests, scenarios=scenarios, events=events, train_every_days=train_every, network=network,
        keep_days=keep,
    )  # fmt: skip
    lines = estimate_cost.estimate(usage)
    found = estimate_cost.summary(lines, usage)
    grid(
        f"A month on AWS: {usage.series:,} series, {usage.million_rows:,.1f} million rows of history",
        ("what", "how much", "US dollars", "also when idle"),
        [(one.what, one.how_much, f"{one.dollars:,.2f}", "yes" if one.idle else "") for one in lines],
        right=("US dollars",),
    )
    console.print(
        f"\n{found['month']:,.2f} US dollars a month, {found['idle']:,.2f} of it even if nothing runs; "
        f"{found['each_thousand_series']:,.2f} for each thousand series.",
        markup=False,
    )
    if usage.million_rows > estimate_cost.MILLION_ROWS_MEASURED:
        console.print(
            f"More rows than were ever measured ({estimate_cost.MILLION_ROWS_MEASURED} million): times and memory are "
            "drawn out in a straight line.",
            markup=False,
        )
    _sources()


def report(
    lake: Lake = HERE,
    stage: Annotated[str, typer.Option(help="Runs of a deployment on AWS instead of a lake's.")] = "",
    since: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="First day of runs.")] = None,
    until: Annotated[datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Last day of runs.")] = None,
    place: Annotated[
        str, typer.Option(help="Where the runs ran, or would have: lambda, fargate or processing.")
    ] = "lambda",
    memory: Annotated[int, typer.Option(help="Memory of the function in MB; counts with lambda.")] = 3008,
) -> None:
    """What the runs on record cost in compute, by step; for runs on this machine: what they would have cost."""
    from shelfcast.bootstrap import cloud_stacks, open_aws, open_platform
    from shelfcast.entrypoints.cli.render import console, grid
    from shelfcast.pipeline import deploy_cloud, estimate_cost

    if stage:
        platform = open_aws(deploy_cloud.environment(deploy_cloud.status(cloud_stacks(), stage)))[1]
    else:
        platform = open_platform(lake)
    found = estimate_cost.report(
        platform.records, since=since.date() if since else None, until=until.date() if until else None,
        place=place, memory=memory,  # type: ignore[arg-type]
    )  # fmt: skip
    if not found:
        console.print("No finished runs are on record in that time. `shelfcast status` lists runs.")
        return
    grid(
        f"Runs on record, priced as {place}" + (f" with {memory:,} MB" if place == "lambda" else ""),
        ("step", "runs", "seconds", "peak MB", "US dollars"),
        [(one.step, one.runs, f"{one.seconds:,.1f}", f"{one.peak_mb:,.0f}", f"{one.dollars:,.4f}") for one in found],
        right=("runs", "seconds", "peak MB", "US dollars"),
    )
    console.print(f"\n{sum(one.dollars for one in found):,.4f} US dollars of compute.", markup=False)
    if place == "lambda" and any(one.peak_mb > memory for one in found):
        console.print(f"A step needed more than {memory:,} MB: it would not have run there.", markup=False)
    _sources()


def _sources() -> None:
    from shelfcast.entrypoints.cli.render import console
    from shelfcast.pipeline.estimate_cost import prices

    known = prices()
    console.print(
        f"List prices of {known['region']} as of {known['date']}, without taxes and discounts; sources in aws_prices.toml.",
        markup=False, style="dim",
    )  # fmt: skip
