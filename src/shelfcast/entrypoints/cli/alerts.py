"""`alerts`: what needs attention; acknowledge and resolve."""

from __future__ import annotations

from typing import Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake

AlertId = Annotated[str, typer.Argument(help="As `alerts list` shows it; its first characters will do.")]
Note = Annotated[str, typer.Option(help="What was found or done.")]
WHO = "command line"


def register(app: typer.Typer) -> None:
    alerts = typer.Typer(help="What needs attention, and who deals with it.", no_args_is_help=True)
    alerts.command("list")(list_)
    alerts.command("acknowledge")(acknowledge)
    alerts.command("resolve")(resolve)
    alerts.command("test")(test)
    app.add_typer(alerts, name="alerts")


def list_(
    lake: Lake = HERE,
    every: Annotated[bool, typer.Option("--all", help="Acknowledged ones too.")] = False,
) -> None:
    """Open alerts, the gravest first, each with its next step."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.serve import alerts

    found = alerts.alerts(open_platform(lake), states=("open", "acknowledged") if every else ("open",))
    for one in found:
        owner = f"  ({one.owner})" if one.owner else ""
        typer.echo(f"{one.alert_id[:8]}  {one.severity:<8} {one.cause}  {one.title}{owner}")
        for text in (one.detail, f"Next: {one.next_step}"):
            if text:
                typer.echo(f"          {text}")
    if not found:
        typer.echo("Nothing needs attention.")


def acknowledge(alert: AlertId, lake: Lake = HERE, note: Note = "") -> None:
    """Say that you deal with an alert."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import handle_alerts
    from shelfcast.serve import alerts

    platform = open_platform(lake)
    made = handle_alerts.acknowledge(platform, WHO, alerts.kept(platform, alert), note)
    typer.echo(f"{made.finding.says}: acknowledged.")


def resolve(alert: AlertId, lake: Lake = HERE, note: Note = "") -> None:
    """Say that an alert is dealt with."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import handle_alerts
    from shelfcast.serve import alerts

    platform = open_platform(lake)
    made = handle_alerts.resolve(platform, WHO, alerts.kept(platform, alert), note)
    typer.echo(f"{made.finding.says}: resolved.")


def test(lake: Lake = HERE) -> None:
    """Send a test notice by every way that is set up."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.domain.errors import BadParameter
    from shelfcast.pipeline import send_notices

    platform = open_platform(lake)
    said = send_notices.trial(platform, platform.doors.notifiers(), WHO)
    for name, error in said.items():
        typer.echo(f"{name}: {error or 'sent'}")
    if any(said.values()):
        raise BadParameter("not every notice arrived; see above.")
