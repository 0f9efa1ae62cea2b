"""`demo`: a made-up shop through the whole cycle, then the server."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    app.command("demo")(demo)


def demo(
    directory: Annotated[Path, typer.Argument(help="Folder for the shop's files and the lake.")] = Path("demo"),
    stores: Annotated[int, typer.Option(help="Stores of the shop.", min=1)] = 10,
    items: Annotated[int, typer.Option(help="Items of the shop.", min=1)] = 200,
    days: Annotated[int, typer.Option(help="Days of history.", min=60)] = 1096,
    seed: Annotated[int, typer.Option(help="Seed: the same seed makes the same shop.")] = 7,
    serve: Annotated[bool, typer.Option("--serve/--no-serve", help="Start the server when the cycle is done.")] = True,
    port: Annotated[int, typer.Option(help="Port of the server.")] = 8787,
) -> None:
    """Make a shop with the simulator, run the whole cycle on its files, say what came of it, start the server."""
    import time

    from shelfcast.bootstrap import folder_door, init_lake, open_lake
    from shelfcast.entrypoints.cli import summary
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.entrypoints.cli.serve import serve as start_server
    from shelfcast.pipeline import fake_erp
    from shelfcast.pipeline.decide_orders import approve_auto
    from shelfcast.pipeline.ingest_files import ingest_files
    from shelfcast.pipeline.push_orders import Channel, collect, push
    from shelfcast.pipeline.run_cycle import last_sales_date, run_cycle
    from shelfcast.pipeline.simulate_shop import simulate_shop
    from shelfcast.pipeline.steps import Parameters
    from shelfcast.settings import FILE_NAME

    if not (directory / FILE_NAME).exists():
        init_lake(directory)
    with Bars() as bars:
        settings, platform = open_lake(directory, bars)
        shop = simulate_shop(directory / "shop", bars, stores=stores, items=items, days=days, seed=seed)
        loaded = ingest_files(platform, shop.files)
        parameters = Parameters(
            last_sales_date(platform),
            settings.frequency,
            settings.horizon,
            seed=settings.seed,
            currency=settings.currency,
            partition_rows=settings.partition_rows,
        )
        result = run_cycle(platform, parameters)
        approved = approve_auto(platform, "demo") if result.step("replenish").summary.get("lines") else 0
        door = folder_door(directory / "erp")
        channel = Channel("demo", door)
        sent = push(platform, channel, currency=settings.currency, wait=time.sleep)
        answered = fake_erp.answer_into(platform, directory / "erp")
        noted = collect(platform, channel)
    summary.loaded(loaded)
    summary.show(platform, result, currency=settings.currency)
    summary.erp(approved, sent, answered, noted, currency=settings.currency)
    typer.echo(
        f"\nThe shop's files are in {shop.directory}, the lake in {directory}. Look around: shelfcast tables --lake {directory}"
    )
    if serve:
        start_server(directory, port=port)
