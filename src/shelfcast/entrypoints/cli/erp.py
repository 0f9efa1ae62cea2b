"""`erp`: approved orders out to the ERP, its acknowledgements back, and an ERP that plays along."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake

if TYPE_CHECKING:
    from shelfcast.pipeline.push_orders import Channel
    from shelfcast.ports.platform import Platform

Sftp = Annotated[str, typer.Option(envvar="SHELFCAST_ERP_SFTP", help="sftp://user@host:22/folder")]
HostKey = Annotated[
    str, typer.Option(envvar="SHELFCAST_ERP_HOST_KEY", help="The server's key: SHA256:... or a public key line.")
]
KeyFile = Annotated[Path | None, typer.Option(envvar="SHELFCAST_ERP_KEY_FILE", help="Private key to sign in with.")]
Passphrase = Annotated[
    str, typer.Option(envvar="SHELFCAST_ERP_PASSPHRASE", help="Of the key file; best by its variable.")
]
Password = Annotated[
    str, typer.Option(envvar="SHELFCAST_ERP_PASSWORD", help="Where there is no key; best by its variable.")
]
Hook = Annotated[
    str, typer.Option("--webhook", envvar="SHELFCAST_ERP_WEBHOOK", help="https address that takes signed requests.")
]
Secret = Annotated[
    str, typer.Option(envvar="SHELFCAST_ERP_SECRET", help="Shared secret of the webhook; best by its variable.")
]
Folder = Annotated[
    Path | None, typer.Option("--folder", envvar="SHELFCAST_ERP_FOLDER", help="A folder of this machine the ERP reads.")
]
Name = Annotated[str, typer.Option("--channel", help="Name of the door, for its numbering; give each door its own.")]


def register(app: typer.Typer) -> None:
    erp = typer.Typer(help="Orders out to the ERP, acknowledgements back.", no_args_is_help=True)
    erp.command("push")(push)
    erp.command("collect")(collect)
    erp.command("deliveries")(deliveries)
    erp.command("fake")(fake)
    app.add_typer(erp, name="erp")


def push(
    lake: Lake = HERE,
    sftp: Sftp = "",
    host_key: HostKey = "",
    key_file: KeyFile = None,
    passphrase: Passphrase = "",
    password: Password = "",
    folder: Folder = None,
    webhook: Hook = "",
    secret: Secret = "",
    format: Annotated[str, typer.Option(help="csv, json, x12 (850) or edifact (ORDERS).")] = "csv",
    source: Annotated[str, typer.Option(help="Only orders to this supplier.")] = "",
    sender: Annotated[str, typer.Option(help="Our name in EDI envelopes.")] = "SHELFCAST",
    recipient: Annotated[str, typer.Option(help="Their name in EDI envelopes.")] = "ERP",
    channel: Name = "erp",
) -> None:
    """Send the approved order lines, each once; a delivery that broke off is finished first."""
    import time

    from shelfcast.bootstrap import open_lake
    from shelfcast.domain.errors import SourceDown
    from shelfcast.pipeline import push_orders

    settings, platform = open_lake(lake)
    door = _channel(
        platform,
        channel,
        sftp,
        host_key,
        key_file,
        passphrase,
        password,
        webhook,
        secret,
        format,
        source,
        sender,
        recipient,
        folder=folder,
    )
    done = push_orders.push(platform, door, currency=settings.currency, wait=time.sleep)
    if not done:
        typer.echo("Nothing to send: no approved lines wait.")
    for one in done:
        typer.echo(f"{one.name}: {one.lines:,} lines, {one.value:,.2f} {settings.currency}, {one.state} {one.where}")
        if one.answered or one.refused:
            typer.echo(f"  answered at once: {one.answered:,} lines noted, {one.refused:,} refused")
        for reason in one.reasons[:20]:
            typer.echo(f"  {reason}", err=True)
    if stuck := [one for one in done if one.error]:
        raise SourceDown(stuck[0].error)


def collect(
    lake: Lake = HERE,
    sftp: Sftp = "",
    host_key: HostKey = "",
    key_file: KeyFile = None,
    passphrase: Passphrase = "",
    password: Password = "",
    folder: Folder = None,
    channel: Name = "erp",
) -> None:
    """Fetch the ERP's acknowledgement files (folder acks/) and note what they say of each line."""
    from shelfcast.bootstrap import open_lake
    from shelfcast.pipeline import push_orders

    _, platform = open_lake(lake)
    door = _channel(platform, channel, sftp, host_key, key_file, passphrase, password, folder=folder)
    done = push_orders.collect(platform, door)
    typer.echo(
        f"{done.files:,} files, {done.lines:,} lines = {done.noted:,} noted + {done.refused:,} refused + {done.broken:,} broken"
    )
    for reason in done.reasons[:20]:
        typer.echo(f"  {reason}", err=True)


def deliveries(lake: Lake = HERE) -> None:
    """What went out to the ERP, and what waits to."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.entrypoints.cli import render
    from shelfcast.pipeline import push_orders

    found = push_orders.deliveries(open_platform(lake))
    if not found:
        typer.echo("Nothing was sent yet. Approve order lines, then: shelfcast erp push")
        return
    rows = [
        (
            one["delivery"],
            one["state"],
            one.get("lines", ""),
            one["format"],
            one["opened_at"][:16],
            one.get("where", "") or one["error"],
        )
        for one in found
    ]
    render.grid(
        "Deliveries to the ERP, newest first", ("delivery", "state", "lines", "format", "opened (UTC)", "where"), rows
    )


def fake(
    lake: Lake = HERE,
    seed: Annotated[int, typer.Option(help="The same seed plays the same ERP.")] = 7,
) -> None:
    """Play the ERP: acknowledge most lines that went out, delay, change and reject some, and report open orders."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline.fake_erp import Temper, play

    done = play(open_platform(lake), Temper(seed=seed))
    typer.echo(", ".join(f"{count:,} {state}" for state, count in sorted(done.items())) or "No line waits for the ERP.")


def _channel(
    platform: Platform, name: str, sftp: str, host_key: str, key_file: Path | None, passphrase: str, password: str,
    webhook: str = "", secret: str = "", format: str = "csv", source: str = "", sender: str = "SHELFCAST", recipient: str = "ERP",
    folder: Path | None = None,
) -> Channel:  # fmt: skip
    from shelfcast.bootstrap import folder_door, sftp_door, webhook_door
    from shelfcast.domain.errors import BadParameter
    from shelfcast.pipeline.push_orders import Channel

    if sum(map(bool, (sftp, webhook, folder))) != 1:
        raise BadParameter(
            "name the ERP's door: --sftp sftp://user@host/folder, --webhook https://... or --folder PATH, one of them."
        )
    if folder:
        door = folder_door(folder)
    elif sftp:
        door = sftp_door(sftp, host_key, key_file=key_file, passphrase=passphrase or None, password=password or None)
    else:
        door = webhook_door(webhook, secret, platform.clock)
    return Channel(name, door, format, source, sender, recipient)
