"""`worker`: works the queue of jobs; `jobs`: shows it."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake


def register(app: typer.Typer) -> None:
    app.command("worker")(worker)
    app.command("jobs")(jobs)


def worker(
    lake: Lake = HERE,
    lane: Annotated[
        list[str] | None,
        typer.Option(help="Kinds of work to take: lake (changes the lake), quick (the rest); both when left out."),
    ] = None,
    until_empty: Annotated[bool, typer.Option("--until-empty", help="Stop when nothing waits any more.")] = False,
    with_parent: Annotated[
        bool, typer.Option("--with-parent", hidden=True, help="End when standard input does.")
    ] = False,
) -> None:
    """Work the queue of jobs, start what is scheduled, tell people of trouble. `shelfcast serve` starts workers of its own;
    more may run beside them."""
    import signal
    import threading

    from shelfcast.bootstrap import lake_settings, open_lake, watch
    from shelfcast.domain.errors import BadParameter
    from shelfcast.pipeline import log_events
    from shelfcast.pipeline.keep_watch import watching
    from shelfcast.pipeline.queue_jobs import LANES
    from shelfcast.pipeline.run_jobs import run_waiting, work

    lanes = tuple(lane or LANES)
    for name in lanes:
        if name not in LANES:
            raise BadParameter.unknown("lane", name, LANES)
    settings, platform = open_lake(lake)
    if until_empty:
        for done in run_waiting(platform, lake_settings(settings), lanes):
            typer.echo(f"{done.job_id}  {done.kind:<10} {done.state:<10} {done.error}")
        return
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: _leave(stop))
    if with_parent:
        threading.Thread(target=_end_with_parent, daemon=True).start()
    log_events.start(os.environ)
    keeper = watch(platform, lambda: open_lake(lake)[0], settings.lake)
    watching(keeper, stop)
    work(
        platform, lambda: lake_settings(open_lake(lake)[0]), stop, lanes=lanes, give_up=_start_over,
        after=lambda _: keeper.after_job(),
    )  # fmt: skip


def _leave(stop: object) -> None:
    """Jobs survive being killed, so a stop is a stop: what runs is taken up again by the next worker."""
    del stop
    os._exit(0)


def _end_with_parent() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os._exit(0)


def _start_over() -> None:
    """Become a fresh worker: ends every thread of the job that didn't stop."""
    os.execv(sys.executable, [sys.executable, "-m", "shelfcast", *sys.argv[1:]])


def jobs(
    lake: Lake = HERE,
    limit: Annotated[int, typer.Option(help="How many, newest first.", min=1)] = 20,
) -> None:
    """Jobs, newest first: what ran, what runs, what waits."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import queue_jobs

    found, _ = queue_jobs.newest(open_platform(lake), limit)
    if not found:
        typer.echo("No jobs yet. Start one in the app, or with POST /v1/jobs.")
    for one in found:
        seconds = (one.ended_at - one.started_at).total_seconds() if one.ended_at and one.started_at else None
        took = f"{seconds:8.1f} s" if seconds is not None else " " * 10
        typer.echo(f"{one.job_id}  {one.kind:<10} {one.state:<10} {took}  {one.created_by:<12} {one.error}".rstrip())
