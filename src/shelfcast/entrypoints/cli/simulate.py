"""`simulate`: a made-up shop with known truth, as plain files."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("simulate")(simulate)


def simulate(
    directory: Annotated[Path, typer.Argument(help="Folder for the files; made if it isn't there.")],
    stores: Annotated[int, typer.Option(help="Stores.")] = 10,
    items: Annotated[int, typer.Option(help="Items.")] = 200,
    days: Annotated[int, typer.Option(help="Days of history.")] = 1096,
    seed: Annotated[int, typer.Option(help="Seed: the same seed makes the same shop, byte for byte.")] = 7,
    last_day: Annotated[
        datetime | None,
        typer.Option(
            formats=["%Y-%m-%d"], help="Last day of history.", show_default="2026-10-31, a week before Diwali"
        ),
    ] = None,
    events: Annotated[int, typer.Option(help="Days at the end to write till lines for as well.")] = 7,
    dirty: Annotated[float, typer.Option(help="Share of rows that are planted errors; 0 for a clean shop.")] = 0.002,
    replace: Annotated[bool, typer.Option("--replace", help="Make a simulated shop that is there anew.")] = False,
) -> None:
    """Make a shop chain with known truth: sales, prices, promotions, weather, stock, orders as a retailer exports them."""
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.pipeline.simulate_shop import simulate_shop

    with Bars() as bars:
        shop = simulate_shop(
            directory,
            bars,
            stores=stores,
            items=items,
            days=days,
            seed=seed,
            last_day=last_day.date() if last_day else None,
            event_days=events,
            dirty_share=dirty,
            replace=replace,
        )
    if not shop.made:
        typer.echo(f"The very same shop is in {directory} already; nothing was done.")
    typer.echo(
        f"{shop.item_days:,} item-days: {shop.mean_units:.2f} units a day on average, {shop.zero_share:.0%} without a sale, "
        f"{shop.promotion_share:.0%} on promotion, {shop.out_of_stock_share:.1%} ran out of stock, "
        f"{shop.censored_share:.1%} sent customers away, {shop.waste_share:.1%} of fresh goods wasted."
    )
    for table, count in sorted(shop.rows.items()):
        typer.echo(f"  {table:<16} {count:>12,} rows")
    typer.echo(f"{shop.planted:,} errors are planted; they and everything true are in {directory / 'truth'}.")
    typer.echo(f"Next: shelfcast init LAKE, then shelfcast ingest --lake LAKE {directory}")
