"""`events`: till events in: replay a file, take what came into the sales, look at and retry what could not be used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake


def register(app: typer.Typer) -> None:
    events = typer.Typer(help="Till events: replay, take in, look at what could not be used.", no_args_is_help=True)
    events.command("replay")(replay)
    events.command("ingest")(ingest)
    events.command("dead-letters")(dead_letters)
    events.command("retry")(retry)
    app.add_typer(events, name="events")


def replay(
    file: Annotated[Path, typer.Argument(help="Till lines: any file that maps to the table pos_events.")],
    speed: Annotated[float, typer.Option(help="Times faster than they were rung up; 0 = no waiting.", min=0)] = 0.0,
    url: Annotated[str, typer.Option(help="Server to send to, http://127.0.0.1:8787; straight into the lake when left out.")] = "",
    token: Annotated[str, typer.Option(envvar="SHELFCAST_TOKEN", help="Access token for --url (role erp).")] = "",
    batch: Annotated[int, typer.Option(help="Events a request.", min=1, max=10_000)] = 500,
    live: Annotated[bool, typer.Option("--live", help="Treat them as known now, not when they were rung up.")] = False,
    take: Annotated[bool, typer.Option("--ingest/--no-ingest", help="Take them into the sales afterwards.")] = True,
    lake: Lake = HERE,
) -> None:  # fmt: skip
    """Send a file's till lines as events, in the order and (with --speed) at the pace they were rung up."""
    import time

    from shelfcast.bootstrap import open_lake
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.pipeline.ingest_events import ingest_events
    from shelfcast.pipeline.receive_events import EventIntake, event_log
    from shelfcast.pipeline.replay_events import Send, replay_file

    with Bars() as bars:
        settings, platform = open_lake(lake, bars)
        if url:
            from shelfcast.bootstrap import http_client
            from shelfcast.pipeline.replay_events import over_http

            send: Send = over_http(http_client(), url, token, time.sleep)
        else:
            intake = EventIntake(event_log(platform), platform.clock)

            def send(body: bytes) -> tuple[int, int]:
                done = intake.receive(body, f"replay {file.name}")
                return done.accepted, len(done.dead)

        done = replay_file(
            platform, file, send, speed=speed, wait=time.sleep, clock=time.monotonic, batch_events=batch,
            known_when_rung_up=not live,
        )  # fmt: skip
        report = ingest_events(platform, frequency=settings.frequency) if take and not url else None
    typer.echo(
        f"{done.events:,} lines = {done.accepted:,} accepted + {done.refused:,} refused + {done.unreadable:,} unreadable"
    )
    for reason in done.reasons:
        typer.echo(f"  {reason}", err=True)
    if report is not None:
        _show(report)


def ingest(
    lake: Lake = HERE,
    everything: Annotated[bool, typer.Option("--all", help="Look through all hours ever, not only the open ones.")] = False,
) -> None:  # fmt: skip
    """Take the events that came in into the curated events and the daily sales of the days they touch."""
    from shelfcast.bootstrap import open_lake
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.pipeline.ingest_events import ingest_events

    with Bars() as bars:
        settings, platform = open_lake(lake, bars)
        report = ingest_events(platform, frequency=settings.frequency, everything=everything)
    _show(report)


def dead_letters(lake: Lake = HERE) -> None:
    """Events that could not be used, with their reasons."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.entrypoints.cli import render
    from shelfcast.pipeline.receive_events import list_dead_letters

    found = list_dead_letters(open_platform(lake))
    if not found:
        typer.echo("There are no dead letters.")
        return
    rows = [
        (one["received_at"][:19], one["sender"], one["event_id"] or "", one["rule"], one["reason"]) for one in found
    ]
    render.grid(f"{len(rows):,} dead letters", ("received (UTC)", "sender", "event", "rule", "reason"), rows)
    typer.echo("Mend the cause, then: shelfcast events retry")


def retry(lake: Lake = HERE) -> None:
    """Send the dead letters again; what can be used now goes the usual way."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline.receive_events import retry_dead_letters

    done = retry_dead_letters(open_platform(lake))
    typer.echo(f"{done['tried']:,} tried = {done['accepted']:,} accepted + {done['still dead']:,} still dead")
    if done["accepted"]:
        typer.echo("Next: shelfcast events ingest")


def _show(report: object) -> None:
    from shelfcast.pipeline.ingest_events import EventReport

    assert isinstance(report, EventReport)
    typer.echo(
        f"{report.events:,} events in {report.batches:,} batches = {report.inserted:,} new + {report.corrected:,} corrected "
        f"+ {report.unchanged:,} known already + {report.dead:,} dead letters"
    )
    typer.echo(
        f"{report.days:,} days added up: {report.sales_inserted:,} rows of sales new, {report.sales_corrected:,} corrected"
    )
    if report.from_files:
        typer.echo(
            f"{report.from_files:,} rows of sales stand as a file brought them; {report.differing:,} differ from the events."
        )
    if report.waiting:
        typer.echo(f"{report.waiting:,} voids or corrections wait for the line they are about.")
    if report.damaged:
        typer.echo(f"{report.damaged:,} batches could not be read; see shelfcast events dead-letters.", err=True)
