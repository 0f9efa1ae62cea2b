"""`serve`: the server, on loopback unless told otherwise."""

from __future__ import annotations

from typing import Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake


def register(app: typer.Typer) -> None:
    app.command("serve")(serve)


def serve(
    lake: Lake = HERE,
    host: Annotated[str | None, typer.Option(help="Address to listen on; loopback unless set.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 picks a free one.")] = None,
) -> None:
    """Serve the API. The first start prints a one-time link that makes the first admin."""
    from shelfcast.bootstrap import open_lake
    from shelfcast.domain.errors import MissingExtra

    settings, platform = open_lake(lake, host=host, port=port)
    try:
        import uvicorn

        from shelfcast.entrypoints.http.app import build
    except ImportError as error:
        raise MissingExtra("the server needs the api extra: pip install 'shelfcast[api]'") from error
    from shelfcast.pipeline.manage_users import first_admin_code

    server = uvicorn.Server(
        uvicorn.Config(build(platform), host=settings.host, port=settings.port, log_level="warning")
    )
    address = f"http://{settings.host}:{settings.port}"
    typer.echo(f"Shelfcast serves {settings.lake.resolve()} at {address} (Ctrl-C stops it)")
    if code := first_admin_code(platform.records, platform.clock):
        typer.echo("There are no users yet. Make the first admin within 24 hours; this code works once:")
        typer.echo(
            f"  curl -X POST {address}/v1/auth/invite -H 'content-type: application/json' \\\n"
            f'    -d \'{{"code": "{code}", "name": "admin", "password": "choose-a-long-one"}}\''
        )
    server.run()
