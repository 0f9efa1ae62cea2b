"""`schedule`: what runs when; list, edit, run by hand."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake

if TYPE_CHECKING:
    from shelfcast.pipeline.schedule_jobs import Stored

Name = Annotated[str, typer.Argument(help="Name of the schedule.")]
WHO = "command line"


def register(app: typer.Typer) -> None:
    schedule = typer.Typer(
        help="What runs when: the daily cycle, sources, retraining, exports, maintenance.", no_args_is_help=True
    )
    schedule.command("list")(list_)
    schedule.command("show")(show)
    schedule.command("set")(set_)
    schedule.command("load")(load)
    schedule.command("enable")(enable)
    schedule.command("disable")(disable)
    schedule.command("remove")(remove)
    schedule.command("run")(run)
    schedule.command("next")(next_)
    app.add_typer(schedule, name="schedule")


def list_(lake: Lake = HERE) -> None:
    """Every schedule, when it comes next and how it went last."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.entrypoints.cli import render
    from shelfcast.serve import schedules

    rows = [
        (
            one.name, one.kind, f"{one.when} {one.time_zone}", "yes" if one.enabled else "no",
            f"{one.next_runs[0]:%Y-%m-%d %H:%M}" if one.next_runs else "",
            f"{one.last:%Y-%m-%d %H:%M} {one.last_job_state or one.last_outcome}" if one.last else "",
        )
        for one in schedules.listed(open_platform(lake))
    ]  # fmt: skip
    render.grid("Schedules", ("name", "job", "when", "enabled", "next (UTC)", "last (UTC)"), rows)
    if not any(row[3] == "yes" for row in rows):
        typer.echo("Nothing runs by itself yet. Begin with: shelfcast schedule enable daily-cycle")


def show(
    name: Annotated[str | None, typer.Argument(help="Name of the schedule; all when left out.")] = None,
    lake: Lake = HERE,
) -> None:
    """Schedules as TOML, to be read, kept, edited and loaded again with `schedule load`."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import schedule_file, schedule_jobs

    platform = open_platform(lake)
    found = schedule_jobs.schedules(platform) if name is None else [schedule_jobs.get(platform, name)]
    typer.echo(schedule_file.as_toml([one.schedule for one in found]), nl=False)


def set_(
    name: Name,
    lake: Lake = HERE,
    kind: Annotated[str | None, typer.Option(help="Which job: cycle, retrain, connect, export, push, maintain...")] = None,
    when: Annotated[
        str | None, typer.Option(help="'daily at 02:30', 'mon-fri at 06:00, 18:00', 'every 15 minutes', 'day 1, last at 03:00', or cron.")
    ] = None,
    time_zone: Annotated[str | None, typer.Option(help="Whose clock it means, such as Europe/Berlin.")] = None,
    skip_holidays: Annotated[
        str | None, typer.Option(help="Country or country-region whose public holidays are left out: DE, DE-BY; '' for none.")
    ] = None,
    parameter: Annotated[list[str] | None, typer.Option(help="NAME=VALUE of the job (VALUE as in JSON, or text); again for more.")] = None,
    catch_up_hours: Annotated[float | None, typer.Option(help="After downtime it still runs if it is no older than this.")] = None,
    jitter_seconds: Annotated[int | None, typer.Option(help="Start up to so much later.")] = None,
    note: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    enabled: Annotated[bool | None, typer.Option("--enable/--disable", help="Whether it runs by itself.")] = None,
) -> None:  # fmt: skip
    """Change a schedule, or add one. What is left out stays."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import schedule_jobs

    given: dict[str, Any] = {
        "kind": kind, "when": when, "time_zone": time_zone, "skip_holidays": skip_holidays, "catch_up_hours": catch_up_hours,
        "jitter_seconds": jitter_seconds, "note": note, "enabled": enabled,
        "parameters": _parameters(parameter) if parameter is not None else None,
    }  # fmt: skip
    values = {key: value for key, value in given.items() if value is not None}
    _say(schedule_jobs.put(open_platform(lake), WHO, name, values))


def load(
    file: Annotated[Path, typer.Argument(help="TOML as `schedule show` prints it; - reads standard input.")],
    lake: Lake = HERE,
) -> None:
    """Add and change schedules from a file; all of it is checked before anything is written. Others stay."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.domain.errors import BadFile
    from shelfcast.pipeline import schedule_file, schedule_jobs

    try:
        text = sys.stdin.read() if str(file) == "-" else file.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadFile(f"{file} can't be read: {error}.") from error
    wanted = schedule_file.from_toml(text)
    platform = open_platform(lake)
    for one in wanted:
        _say(schedule_jobs.save(platform, WHO, one))


def enable(name: Name, lake: Lake = HERE) -> None:
    """Let a schedule run by itself from now on."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import schedule_jobs

    _say(schedule_jobs.edit(open_platform(lake), WHO, name, {"enabled": True}))


def disable(name: Name, lake: Lake = HERE) -> None:
    """Stop a schedule; what runs goes on."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import schedule_jobs

    _say(schedule_jobs.edit(open_platform(lake), WHO, name, {"enabled": False}))


def remove(name: Name, lake: Lake = HERE) -> None:
    """Take a schedule away; the jobs it started stay."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import schedule_jobs

    schedule_jobs.remove(open_platform(lake), WHO, name)
    typer.echo(f"{name} is gone.")


def run(name: Name, lake: Lake = HERE) -> None:
    """Queue a schedule's job now, whatever its times; a worker takes it."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import schedule_jobs

    job = schedule_jobs.run_now(open_platform(lake), WHO, name)
    typer.echo(f"Job {job.job_id} waits for a worker: `shelfcast serve`, or `shelfcast worker --until-empty`.")


def next_(
    lake: Lake = HERE,
    count: Annotated[int, typer.Option(help="How many, over all schedules.", min=1, max=200)] = 20,
) -> None:
    """What comes next, over all enabled schedules."""
    from zoneinfo import ZoneInfo

    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import schedule_jobs

    platform = open_platform(lake)
    now = platform.clock.now()
    coming = [
        (moment, one.schedule)
        for one in schedule_jobs.schedules(platform)
        for moment in schedule_jobs.next_runs(one, now, count)
    ]
    coming.sort(key=lambda it: (it[0], it[1].name))
    for moment, schedule in coming[:count]:
        local = moment.astimezone(ZoneInfo(schedule.time_zone))
        typer.echo(f"{moment:%a %Y-%m-%d %H:%M} UTC  {local:%H:%M %Z}  {schedule.name} ({schedule.kind})")
    if not coming:
        typer.echo("No schedule is enabled. Begin with: shelfcast schedule enable daily-cycle")


def _say(stored: Stored) -> None:
    one = stored.schedule
    state = "enabled" if one.enabled else "disabled"
    typer.echo(f"{one.name}: {one.kind} {one.when} {one.time_zone}, {state}")


def _parameters(given: list[str]) -> dict[str, Any]:
    import json

    from shelfcast.domain.errors import BadParameter

    found: dict[str, Any] = {}
    for one in given:
        name, equals, text = one.partition("=")
        if not name or not equals:
            raise BadParameter(f"parameter {one!r} is not NAME=VALUE, such as what=forecasts.")
        try:
            found[name] = json.loads(text)
        except ValueError:
            found[name] = text
    return found
