"""The deployment on AWS: put the templates where the cloud reads them, make or change the stack, bring the web app up;
say how it stands; remove it whole.

A stack is named `shelfcast-<stage>`; templates and code lie in the bucket `shelfcast-code-<account>-<region>`, each
version in a folder named by its content, so an older one can be deployed again.
"""

from __future__ import annotations

import hashlib
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from shelfcast.domain.errors import BadParameter, Conflict, NotFound
from shelfcast.ports.cloud_stacks import CloudStacks, Listener, StackEvent, StackState

TEMPLATE = "template.yaml"
PUBLISHED = ("*.yaml", "stacks/*.yaml", "state_machines/*.asl.json")
SOURCE = ("pyproject.toml", "README.md", "LICENSE", "requirements", "src", "web", "infra")
"""What the container image is built from."""
NOT_SOURCE = frozenset({"node_modules", "__pycache__", ".mypy_cache", ".pytest_cache", "dist", "test-results"})
BUCKET_OUTPUTS = ("RawBucket", "LakeBucket", "BlobsBucket", "ExportsBucket", "WebBucket", "AuditBucket", "LogsBucket")
"""Outputs that name buckets, the log bucket last: emptying the others writes into it."""
REMOVALS = 3
"""How often a removal is tried."""
CHANGEABLE = ("CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE")
MEDIA = {
    ".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
    ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json",
}  # fmt: skip
ZIP_TIME = (1980, 1, 1, 0, 0, 0)
"""Every file of an archive carries this time, so that the same content is the same archive."""

Say = Callable[[str], None]


@dataclass(frozen=True)
class Wanted:
    """What to deploy.

    Attributes:
        stage: dev, prod...: ends the stack's name.
        templates: folder of `template.yaml`.
        parameters: of the template, by name.
        code: a zip with the functions' code; then they are zips, else images.
        image_uri: an image that exists; empty = build one where none stands, or where `build` says so.
        source: root of the repository, from which an image is built.
        web: folder of the built web app; None = leave what is there.
        glue_script: what a Glue job starts.
        wheel: Shelfcast as a wheel, for the Glue job; None = as before.
    """

    stage: str
    templates: Path
    parameters: Mapping[str, str] = field(default_factory=dict)
    code: Path | None = None
    image_uri: str = ""
    build: bool = False
    source: Path | None = None
    web: Path | None = None
    glue_script: Path | None = None
    wheel: Path | None = None


def stack_name(stage: str) -> str:
    """
    >>> stack_name("prod")
    'shelfcast-prod'

    Raises:
        BadParameter: a name that can't begin every resource's name.
    """
    if not re.fullmatch(r"[a-z][a-z0-9]{0,9}", stage):
        raise BadParameter(f"stage {stage!r} can't be used: 1 to 10 lower-case letters and digits, a letter first.")
    return f"shelfcast-{stage}"


def code_bucket(account: str, region: str) -> str:
    return f"shelfcast-code-{account}-{region}"


def deploy(stacks: CloudStacks, wanted: Wanted, *, listen: Listener, say: Say) -> StackState:
    """Make or change the deployment and bring its web app up.

    Raises:
        BadParameter: a parameter the template doesn't have, or one that can't be.
        NotFound: templates, code or source that aren't there.
        Conflict: the cloud refused.
    """
    name = stack_name(wanted.stage)
    files = _published(wanted.templates)
    if wanted.glue_script is not None:
        files["glue/step.py"] = wanted.glue_script.read_bytes()
    _check_names(files[TEMPLATE], wanted.parameters)
    account, region = stacks.place()
    bucket = code_bucket(account, region)
    say(f"Account {account}, region {region}: templates go to s3://{bucket}")
    stacks.ensure_bucket(bucket)
    before = stacks.state(name)
    _refuse_busy(before)
    prefix, parameters = _upload(stacks, bucket, files, wanted)
    url = stacks.url(bucket, f"{prefix}/{TEMPLATE}")
    tags = {"Application": name, "Stage": wanted.stage, "ManagedBy": "shelfcast"}
    said = {key: value for key, value in (before.parameters if before else {}).items() if value}
    if wanted.code is None:
        image = wanted.image_uri or said.get("ImageUri", "")
        if wanted.build or not image:
            image = _build_image(
                stacks, name, bucket, prefix, url, parameters | {"ImageUri": image}, tags, wanted, listen, say
            )
        parameters["ImageUri"] = image
    changed = stacks.apply(name, url, parameters, tags, listen)
    after = _there(stacks, name)
    if web_url := after.outputs.get("WebUrl", ""):
        if wanted.web is not None:
            count = publish_web(stacks, after.outputs["WebBucket"], wanted.web)
            stacks.refresh(after.outputs["DistributionId"])
            say(f"The web app is up: {count} files")
        if not after.parameters.get("AppUrl") and not wanted.parameters.get("AppUrl"):
            say("The sign-in page learns the app's address")
            changed = stacks.change_parameters(name, {"AppUrl": web_url}, listen) or changed
            after = _there(stacks, name)
    say(f"{name}: {after.status}" if changed else f"{name}: nothing had to be changed")
    return after


def status(stacks: CloudStacks, stage: str) -> StackState:
    """
    Raises:
        NotFound: nothing is deployed under this stage.
    """
    return _there(stacks, stack_name(stage))


def destroy(stacks: CloudStacks, stage: str, *, listen: Listener, say: Say) -> list[str]:
    """Remove everything: data, users, functions. Returns what AWS keeps for a while, as sentences.

    Raises:
        NotFound: nothing is deployed under this stage.
        Conflict: something could not be removed; run it again.
    """
    name = stack_name(stage)
    before = _there(stacks, name)
    _refuse_busy(before)
    if before.parameters.get("ProtectData") == "true" and before.status in CHANGEABLE:
        say("Protection against deletion is taken off")
        stacks.change_parameters(name, {"ProtectData": "false", "ScheduleState": "DISABLED"}, listen)
    if group := before.outputs.get("ModelGroup", ""):
        say(f"{group}: {stacks.forget_models(group):,} versions of the model deleted")
    for left in reversed(range(REMOVALS)):
        _empty(stacks, before, say)
        try:
            stacks.delete(name, listen)
            break
        except Conflict as refused:
            # Access logs and the trail arrive minutes after what they tell of: a bucket fills again while the stack goes.
            if not left:
                raise
            say(f"Not all of it went ({refused}). The buckets are emptied again")
    account, region = stacks.place()
    kept = [
        f"Templates and code stay in s3://{code_bucket(account, region)} (other stages use it too); delete it by hand when none is left."
    ]
    if before.outputs.get("KeyArn"):
        kept.append(f"Key {before.outputs['KeyArn']} is kept for 30 days, without charge, then gone.")
    return kept


def _empty(stacks: CloudStacks, found: StackState, say: Say) -> None:
    for output in BUCKET_OUTPUTS:
        if bucket := found.outputs.get(output, ""):
            count = stacks.empty(bucket, lambda _: None)
            say(f"{bucket}: {count:,} object versions deleted")


def environment(found: StackState) -> dict[str, str]:
    """What tells this process to work on a deployment's lake, as the functions are told (`bootstrap.open_aws`)."""
    out = found.outputs
    return {
        "SHELFCAST_STORE": "aws", "SHELFCAST_DEPLOYMENT": found.name, "SHELFCAST_WAREHOUSE": f"s3://{out['LakeBucket']}/tables",
        "SHELFCAST_BLOBS": f"s3://{out['BlobsBucket']}", "SHELFCAST_RAW": f"s3://{out['RawBucket']}",
        "SHELFCAST_EXPORTS": f"s3://{out['ExportsBucket']}", "SHELFCAST_DATABASE_PREFIX": out["DatabasePrefix"],
        "SHELFCAST_RECORDS_TABLE": out["RecordsTable"],
    }  # fmt: skip


def publish_web(stacks: CloudStacks, bucket: str, folder: Path) -> int:
    """Put the built app into its bucket, `index.html` last, so that it never names files that aren't there yet."""
    if not (folder / "index.html").is_file():
        raise NotFound(f"{folder} holds no built web app (no index.html). Build it with `make web`.")
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".br", ".gz"))
    files.sort(key=lambda path: path.name == "index.html")
    for path in files:
        key = path.relative_to(folder).as_posix()
        cache = "public, max-age=31536000, immutable" if key.startswith("assets/") else "no-cache"
        stacks.put(
            bucket, key, path.read_bytes(), media=MEDIA.get(path.suffix, "application/octet-stream"), cache=cache
        )
    return len(files)


def archive(root: Path, names: Iterable[str] = SOURCE) -> bytes:
    """The source as a zip, the same bytes for the same content."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as packed:
        for path in sorted(_files(root, names)):
            entry = zipfile.ZipInfo(path.relative_to(root).as_posix(), ZIP_TIME)
            entry.external_attr = (0o755 if path.suffix == ".sh" else 0o644) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            packed.writestr(entry, path.read_bytes())
    return out.getvalue()


def _files(root: Path, names: Iterable[str]) -> Iterable[Path]:
    for name in names:
        start = root / name
        if not start.exists():
            raise NotFound(f"{root} is no checkout of Shelfcast ({name} is missing). Name one with --source.")
        for path in [start] if start.is_file() else start.rglob("*"):
            if path.is_file() and not NOT_SOURCE & set(path.relative_to(root).parts):
                yield path


def _published(folder: Path) -> dict[str, bytes]:
    found = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for pattern in PUBLISHED
        for path in sorted(folder.glob(pattern))
    }
    if TEMPLATE not in found:
        raise NotFound(f"{folder} holds no {TEMPLATE}. Name the folder of the templates with --templates.")
    return found


def _check_names(template: bytes, parameters: Mapping[str, str]) -> None:
    section = re.search(r"^Parameters:\n((?:[ #].*\n|\n)*)", template.decode("utf-8"), re.MULTILINE)
    known = set(re.findall(r"^  (\w+):", section.group(1), re.MULTILINE)) if section else set()
    for name in parameters:
        if name not in known:
            raise BadParameter.unknown("parameter", name, known, "docs/how-to/deploy-to-aws.md says what each does.")


def _upload(stacks: CloudStacks, bucket: str, files: Mapping[str, bytes], wanted: Wanted) -> tuple[str, dict[str, str]]:
    """Folder of this version, and the parameters that name what lies in it."""
    digest = hashlib.sha256()
    for key, data in sorted(files.items()):
        digest.update(key.encode() + b"\0" + data)
    code = b""
    if wanted.code is not None:
        if not wanted.code.is_file():
            raise NotFound(f"{wanted.code} isn't there. Name a zip of the functions' code.")
        code = wanted.code.read_bytes()
        digest.update(code)
    prefix = f"{wanted.stage}/{digest.hexdigest()[:12]}"
    for key, data in files.items():
        stacks.put(bucket, f"{prefix}/{key}", data)
    given = dict(wanted.parameters)
    if wanted.wheel is not None:
        if not wanted.wheel.is_file() or wanted.wheel.suffix != ".whl":
            raise NotFound(f"{wanted.wheel} is no wheel. Make one: `uv build --wheel`, and name the file in dist/.")
        given["GlueWheel"] = f"wheels/{wanted.wheel.name}"
        stacks.put(bucket, given["GlueWheel"], wanted.wheel.read_bytes())
    parameters = {**given, "Stage": wanted.stage, "CodeBucket": bucket, "CodePrefix": prefix}
    if code:
        stacks.put(bucket, f"{prefix}/code.zip", code)
        return prefix, parameters | {"PackageType": "Zip", "CodeKey": f"{prefix}/code.zip"}
    return prefix, parameters | {"PackageType": "Image"}


def _build_image(
    stacks: CloudStacks, name: str, bucket: str, prefix: str, url: str, parameters: Mapping[str, str], tags: Mapping[str, str],
    wanted: Wanted, listen: Listener, say: Say,
) -> str:  # fmt: skip
    """Registry and builder first (a stack without code), then the image."""
    if wanted.source is None:
        raise BadParameter(
            "an image must be built, but there is no source to build it from. Run this in a checkout of Shelfcast, name one "
            "with --source, or name an image that exists with --image-uri."
        )
    say("The source goes to the builder")
    stacks.put(bucket, f"{prefix}/source.zip", archive(wanted.source))
    stacks.apply(name, url, parameters, tags, listen)
    project = _there(stacks, name).outputs.get("ImageBuildProject", "")
    if not project:
        raise Conflict(f"{name} has no builder of images. Name an image with --image-uri.")
    say("The image is built (about ten minutes)")
    made = stacks.build(project, lambda phase: say(f"  builder: {phase}"))
    if "IMAGE_URI" not in made:
        raise Conflict("the builder made an image but didn't say its name. See its log in CodeBuild.")
    return made["IMAGE_URI"]


def _there(stacks: CloudStacks, name: str) -> StackState:
    found = stacks.state(name)
    if found is None:
        raise NotFound(f"there is no stack {name} in this account and region. `shelfcast aws deploy` makes one.")
    return found


def _refuse_busy(found: StackState | None) -> None:
    if found is not None and found.busy:
        raise Conflict(f"{found.name} is being changed already ({found.status}). Wait for it: `shelfcast aws status`.")


def line(event: StackEvent) -> str:
    """An event as a line of progress.

    >>> line(StackEvent("shelfcast-prod-Lake-1AB", "RawBucket", "AWS::S3::Bucket", "CREATE_COMPLETE"))
    'Lake     CREATE_COMPLETE     RawBucket (S3::Bucket)'
    """
    part = next((one for one in event.stack.split("-") if one[:1].isupper()), "")
    kind = event.type.removeprefix("AWS::")
    return f"{part:<8} {event.status:<19} {event.resource} ({kind})" + (f": {event.reason}" if event.reason else "")
