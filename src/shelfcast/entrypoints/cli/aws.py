"""`aws`: the deployment on AWS: make or change it, see how it stands, remove it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from shelfcast.ports.cloud_stacks import StackEvent, StackState

Stage = Annotated[
    str,
    typer.Option(envvar="SHELFCAST_STAGE", help="Which deployment: dev, prod, ...; the stack is shelfcast-<stage>."),
]
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]


def register(app: typer.Typer) -> None:
    aws = typer.Typer(
        help="The deployment on AWS: make or change it, see how it stands, remove it.", no_args_is_help=True
    )
    aws.command("deploy")(deploy)
    aws.command("status")(status)
    aws.command("replay")(replay)
    aws.command("destroy")(destroy)
    app.add_typer(aws, name="aws")


def deploy(
    stage: Stage = "prod",
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="A parameter of the template: NAME=VALUE. What is left out stays as it is."),
    ] = None,
    image_uri: Annotated[
        str, typer.Option(help="Image of the functions; left out, the one that runs, or a new one.")
    ] = "",
    build: Annotated[bool, typer.Option("--build", help="Build a new image from the source.")] = False,
    code: Annotated[Path | None, typer.Option(help="A zip with the functions' code, for an emulator.")] = None,
    templates: Annotated[
        Path | None, typer.Option(help="Folder of template.yaml.", show_default="of this version")
    ] = None,
    source: Annotated[
        Path | None, typer.Option(help="Checkout the image is built from.", show_default="this one")
    ] = None,
    wheel: Annotated[Path | None, typer.Option(help="Shelfcast as a wheel, for the Glue job (EnableGlueJob).")] = None,
    web: Annotated[bool, typer.Option("--web/--no-web", help="Put the built web app up too.")] = True,
    yes: Yes = False,
) -> None:
    """Deploy, or change what is deployed. Credentials and region come from the usual AWS settings; AWS_ENDPOINT_URL leads elsewhere."""
    from shelfcast.bootstrap import cloud_stacks
    from shelfcast.domain.errors import BadParameter
    from shelfcast.entrypoints.cli.render import console
    from shelfcast.pipeline import deploy_cloud

    parameters = {}
    for one in set_ or []:
        name, equals, value = one.partition("=")
        if not equals:
            raise BadParameter(f"--set {one!r} says no value. Write --set NAME=VALUE.")
        parameters[name.strip()] = value.strip()
    stacks = cloud_stacks()
    account, region = stacks.place()
    if not yes and not typer.confirm(f"Deploy {deploy_cloud.stack_name(stage)} to account {account}, {region}?"):
        raise typer.Exit(1)
    checkout = _checkout()
    built = _built_web()
    wanted = deploy_cloud.Wanted(
        stage=stage, templates=templates or _templates(checkout), parameters=parameters, code=code, image_uri=image_uri,
        build=build, source=source or checkout, web=built if web else None, glue_script=_glue_script(), wheel=wheel,
    )  # fmt: skip
    if web and built is None:
        console.print("The web app isn't built (`make web`): what is up stays as it is.", style="dim")
    found = deploy_cloud.deploy(stacks, wanted, listen=_tell, say=lambda text: console.print(text, markup=False))
    _show(found)


def status(stage: Stage = "prod") -> None:
    """How the deployment stands: its parts, and the addresses and names they gave."""
    from shelfcast.bootstrap import cloud_stacks
    from shelfcast.pipeline import deploy_cloud

    _show(deploy_cloud.status(cloud_stacks(), stage))


def replay(stage: Stage = "prod") -> None:
    """Try again what was given up: arrivals, batches of till events, outside sources. What goes well leaves the queue."""
    from shelfcast.bootstrap import cloud_stacks, dead_letters
    from shelfcast.domain.errors import NotReady, SourceDown
    from shelfcast.entrypoints.cli.render import console
    from shelfcast.pipeline import deploy_cloud

    outputs = deploy_cloud.status(cloud_stacks(), stage).outputs
    if not outputs.get("DeadLetterQueueUrl"):
        raise NotReady("this deployment has no ingest part (EnableIngest), so nothing can have been given up.")
    done = failed = 0
    for one in dead_letters(outputs["DeadLetterQueueUrl"], outputs["Deployment"]).replay():
        done, failed = done + (not one.problem), failed + bool(one.problem)
        console.print(f"{one.part:<28} {one.about:<40} {one.problem or 'done'}", markup=False, soft_wrap=True)
    console.print(f"{done} done, {failed} stay in the queue." if done or failed else "Nothing was given up.")
    if failed:
        raise SourceDown(f"{failed} could not be done; the reasons stand above. They stay in the queue for 14 days.")


def destroy(
    stage: Stage = "prod",
    yes: Annotated[bool, typer.Option("--yes", help="Don't ask. The data are gone.")] = False,
) -> None:
    """Remove the deployment with all its data. Asks for the stack's name first."""
    from shelfcast.bootstrap import cloud_stacks
    from shelfcast.entrypoints.cli.render import console
    from shelfcast.pipeline import deploy_cloud

    stacks = cloud_stacks()
    name = deploy_cloud.stack_name(stage)
    found = deploy_cloud.status(stacks, stage)
    if not yes:
        account, region = stacks.place()
        buckets = ", ".join(found.outputs[one] for one in deploy_cloud.BUCKET_OUTPUTS if found.outputs.get(one))
        console.print(
            f"This removes {name} from account {account}, {region}, with every table, file, user and model in it.\n"
            f"Buckets: {buckets}", markup=False,
        )  # fmt: skip
        if typer.prompt("Write the stack's name to go on", default="", show_default=False) != name:
            console.print("Nothing was removed.")
            raise typer.Exit(1)
    kept = deploy_cloud.destroy(stacks, stage, listen=_tell, say=lambda text: console.print(text, markup=False))
    console.print(f"{name} is removed.")
    for sentence in kept:
        console.print(sentence, markup=False, style="dim")


def _checkout() -> Path | None:
    """The checkout this code runs from; None where it is installed."""
    import shelfcast

    root = Path(shelfcast.__file__).resolve().parents[2]
    return root if (root / "infra" / "template.yaml").is_file() else None


def _templates(checkout: Path | None) -> Path:
    import shelfcast

    return checkout / "infra" if checkout else Path(shelfcast.__file__).resolve().parent / "infra"


def _glue_script() -> Path:
    import shelfcast

    return Path(shelfcast.__file__).resolve().parent / "entrypoints" / "glue" / "step.py"


def _built_web() -> Path | None:
    import shelfcast

    folder = Path(shelfcast.__file__).resolve().parent / "entrypoints" / "http" / "web"
    return folder if (folder / "index.html").is_file() else None


def _tell(event: StackEvent) -> None:
    from shelfcast.entrypoints.cli.render import console
    from shelfcast.pipeline.deploy_cloud import line

    console.print(line(event), markup=False, style="red" if event.failed else "dim", soft_wrap=True)


def _show(found: StackState) -> None:
    from shelfcast.entrypoints.cli.render import console, grid

    console.print(f"{found.name}: {found.status}" + (f" ({found.reason})" if found.reason else ""), markup=False)
    if found.parts:
        grid("Parts", ("part", "status", "reason"), found.parts)
    if found.outputs:
        grid("Outputs", ("name", "value"), [(name, value) for name, value in sorted(found.outputs.items()) if value])
