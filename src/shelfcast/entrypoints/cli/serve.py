"""`serve`: the server, on loopback unless told otherwise, with workers for long work."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake

if TYPE_CHECKING:
    from shelfcast.settings import Settings


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    lake: Lake = HERE,
    host: Annotated[str | None, typer.Option(help="Address to listen on; loopback unless set.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
    work: Annotated[
        bool,
        typer.Option("--work/--no-work", help="Start workers for jobs; without, start them by `shelfcast worker`."),
    ] = True,
) -> None:
    """Serve the app and the API. The first start prints a one-time link that makes the first admin."""
    from shelfcast.bootstrap import change_settings, open_lake, worker_processes
    from shelfcast.domain.errors import BadParameter, MissingExtra

    settings, platform = open_lake(lake, host=host, port=port)
    try:
        import uvicorn

        from shelfcast.entrypoints.http.app import build
    except ImportError as error:
        raise MissingExtra("the server needs the api extra: pip install 'shelfcast[api]'") from error
    from shelfcast.pipeline.manage_users import first_admin_code

    def write(values: Mapping[str, Any]) -> Settings:
        change_settings(lake, values)
        return open_lake(lake)[0]

    config = uvicorn.Config(
        "unused:app", host=settings.host, port=settings.port, log_level="warning", server_header=False,
        timeout_graceful_shutdown=5,
    )  # fmt: skip
    try:
        socket = config.bind_socket()
    except SystemExit as error:
        raise BadParameter(
            f"{settings.host}:{settings.port} can't be listened on: it is in use, or not ours. Choose another --port."
        ) from error
    shown = f"http://{settings.host}:{socket.getsockname()[1]}"
    runner = worker_processes(lake) if work else None
    application = build(
        platform, settings, runner=runner, read_settings=lambda: open_lake(lake)[0], write_settings=write
    )
    config.app = application
    typer.echo(f"Shelfcast serves {settings.lake.resolve()} at {shown} (Ctrl-C stops it)")
    if code := first_admin_code(platform.records, platform.clock):
        typer.echo("There are no users yet. Make the first admin within 24 hours; this link works once:")
        typer.echo(f"  {shown}/welcome?code={code}")
    sys.stdout.flush()
    if runner is not None:
        runner.start()
    try:
        uvicorn.Server(config).run(sockets=[socket])
    finally:
        if runner is not None:
            runner.close()
