"""The one place that chooses adapters."""

from __future__ import annotations

import os
import sys
import tempfile
import tomllib
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shelfcast.domain.errors import BadParameter, Conflict, NotFound
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.ports.platform import Platform
from shelfcast.ports.progress import Progress, Silent
from shelfcast.settings import FILE_NAME, PREFIX, AwsPlaces, Settings, with_values

if TYPE_CHECKING:
    from shelfcast.adapters.aws.task import TaskReporter
    from shelfcast.adapters.local.jobs import WorkerProcesses
    from shelfcast.adapters.record_models import RecordModels
    from shelfcast.pipeline.issue_tokens import Verifier
    from shelfcast.pipeline.keep_watch import Watch
    from shelfcast.pipeline.send_notices import NoticeRules
    from shelfcast.ports.blob_store import BlobStore
    from shelfcast.ports.clock import Clock
    from shelfcast.ports.cloud_stacks import CloudStacks
    from shelfcast.ports.dead_letters import DeadLetters
    from shelfcast.ports.doors import Doors
    from shelfcast.ports.engine import Engine
    from shelfcast.ports.file_delivery import FileDelivery
    from shelfcast.ports.http_client import HttpClient
    from shelfcast.ports.job_runner import JobRunner
    from shelfcast.ports.metrics import Metrics
    from shelfcast.ports.model_registry import ModelRegistry


SAVED_SETTINGS = ("settings", "lake")
"""Kind and id of the record that holds a lake's changed settings on AWS."""


def local(settings: Settings, progress: Progress | None = None) -> Platform:
    """Everything in one folder: Iceberg tables with a SQLite catalog, blobs as files, records in SQLite."""
    from shelfcast.adapters.iceberg import IcebergTables
    from shelfcast.adapters.local.clock import SystemClock
    from shelfcast.adapters.local.databases import Databases
    from shelfcast.adapters.local.engine import LocalEngine
    from shelfcast.adapters.local.records import SqliteRecords
    from shelfcast.adapters.objects import Objects
    from shelfcast.adapters.record_models import RecordModels

    root = settings.lake.resolve()
    blobs, records = Objects.local(root / "blobs"), SqliteRecords(root / "records.db")
    return Platform(
        tables=IcebergTables.local(root / "lake"),
        blobs=blobs,
        records=records,
        clock=SystemClock(),
        engine=_spark(settings.workers, root) if settings.engine == "spark" else LocalEngine(settings.workers),
        reader=Databases(),
        doors=doors(settings),
        models=_local_models(settings, root, RecordModels(records, blobs), blobs),
        progress=progress or Silent(),
    )


def _spark(cores: int, lake: Path | None, blobs: BlobStore | None = None) -> Engine:
    """Spark: the session Glue or EMR has made already, or one on this machine that also knows the lake's tables.

    Raises:
        BadParameter: Spark or Java isn't installed.
    """
    from importlib.util import find_spec
    from shutil import which

    if find_spec("pyspark") is None or which("java") is None:
        raise BadParameter(
            "engine is spark, but PySpark or Java isn't installed here. Install both (pip install 'shelfcast[spark]', and Java "
            "17), or set engine to local."
        )
    from shelfcast.adapters.spark.engine import SparkEngine
    from shelfcast.adapters.spark.session import active_session, catalog_settings, iceberg_jars, local_session

    session = active_session()
    if session is not None:
        return SparkEngine(session, blobs)
    jars = iceberg_jars() if lake is not None else []
    tables = {"type": "sql", "uri": f"sqlite:///{lake}/lake/catalog.db"}
    known = catalog_settings(tables, f"file://{lake}/lake/tables", "shelfcast") if jars else {}
    return SparkEngine(local_session(cores, settings=known, jars=jars))


def _local_models(settings: Settings, root: Path, in_records: RecordModels, blobs: BlobStore) -> ModelRegistry:
    """MLflow where it is installed or the lake has its file already, else records: never two truths in one lake.

    Raises:
        BadParameter: a lake whose models are in MLflow is to keep them in records.
    """
    from importlib.util import find_spec

    from shelfcast.adapters.local.mlflow_models import DATABASE, MlflowModels

    there = (root / DATABASE).exists()
    if settings.model_registry == "records":
        if there:
            raise BadParameter(
                f"model_registry is records, but this lake keeps its models in {root / DATABASE}. Set model_registry to mlflow "
                "(or leave it out), or move that file away: the versions in it are then no longer known."
            )
        return in_records
    if settings.model_registry == "mlflow" or there or find_spec("mlflow") is not None:
        return MlflowModels(root, blobs, in_records)
    return in_records


def doors(settings: Settings) -> Doors:
    """The ways out as the settings name them; secrets come from the environment when they are used."""
    from shelfcast.adapters.doors import EnvironmentDoors

    def addresses(text: str) -> tuple[str, ...]:
        return tuple(one.strip() for one in text.split(",") if one.strip())

    return EnvironmentDoors(
        settings.smtp_host, settings.smtp_port, settings.smtp_security, settings.smtp_user, settings.notify_sender,
        addresses(settings.notify_mail_to), addresses(settings.notify_escalation_to),
    )  # fmt: skip


def notice_rules(settings: Settings) -> NoticeRules:
    """Who is told of what and when."""
    from datetime import timedelta

    from shelfcast.pipeline.send_notices import NoticeRules

    return NoticeRules(
        settings.notify_from, settings.notify_digest_at, settings.notify_time_zone,
        timedelta(hours=settings.notify_escalate_after_hours), settings.app_url,
    )  # fmt: skip


def watch(platform: Platform, settings: Callable[[], Settings], folder: Path | None = None) -> Watch:
    """What a worker does beside its jobs: schedules, alerts, notices. Settings are read anew each time.

    Args:
        folder: of a lake on this machine, whose disk is watched and whose settings name who is told; elsewhere the
            platform's doors do.
    """
    import socket

    from shelfcast.pipeline.keep_watch import Watch
    from shelfcast.serve import alerts

    return Watch(
        platform, alerts.look, lambda: (doors(settings()) if folder else platform.doors).notifiers(),
        lambda: notice_rules(settings()), folder,
        f"{socket.gethostname()}:{os.getpid()}",
    )  # fmt: skip


def aws(places: AwsPlaces, progress: Progress | None = None, *, workers: int = 1, on_spark: bool = False) -> Platform:
    """Iceberg tables in the Glue catalog, files in S3, records in DynamoDB; region and role as the environment says."""
    from shelfcast.adapters.aws import session
    from shelfcast.adapters.aws.doors import TopicDoors
    from shelfcast.adapters.aws.records import DynamoRecords
    from shelfcast.adapters.aws.sagemaker_models import SageMakerModels
    from shelfcast.adapters.doors import EnvironmentDoors
    from shelfcast.adapters.iceberg import IcebergTables
    from shelfcast.adapters.local.clock import SystemClock
    from shelfcast.adapters.local.databases import Databases
    from shelfcast.adapters.local.engine import LocalEngine
    from shelfcast.adapters.objects import Objects
    from shelfcast.adapters.record_models import RecordModels
    from shelfcast.adapters.routed import RoutedBlobs

    options = session.object_options()
    received = Objects(places.raw or places.blobs, options)
    exported = Objects(places.exports or places.blobs, options)
    routes = {"raw/": received, "incoming/": received, "dead_letters/": received, "exports/": exported}
    records = DynamoRecords(places.records_table)
    blobs = RoutedBlobs(Objects(places.blobs, options), routes)
    models: ModelRegistry = RecordModels(records, blobs)
    if places.model_group:
        models = SageMakerModels(places.model_group, records, blobs, image=places.image)
    return Platform(
        tables=IcebergTables(
            "shelfcast",
            session.catalog_properties(),
            places.warehouse,
            namespace_prefix=places.database_prefix,
            storage_options=session.storage_options(),
        ),
        blobs=blobs,
        records=records,
        clock=SystemClock(),
        engine=_spark(workers, None, blobs) if on_spark else LocalEngine(workers),
        reader=Databases(),
        models=models,
        progress=progress or Silent(),
        doors=TopicDoors(EnvironmentDoors(), places.topic),
    )


def open_aws(environ: Mapping[str, str], progress: Progress | None = None) -> tuple[Settings, Platform]:
    """The settings and the platform of the lake on AWS the environment names.

    Raises:
        BadParameter: the environment names no whole lake, or settings that aren't allowed.
    """
    platform = aws_platform(environ, progress)
    return aws_settings(environ, platform), platform


def aws_platform(environ: Mapping[str, str], progress: Progress | None = None) -> Platform:
    """The platform alone: nothing is asked of AWS yet, so a function that reads no settings needs no right to them.

    Raises:
        BadParameter: the environment names no whole lake.
    """
    workers = int(environ.get("SHELFCAST_WORKERS", "1"))
    on_spark = environ.get("SHELFCAST_ENGINE", "") == "spark"
    return aws(AwsPlaces.read(environ), progress, workers=workers, on_spark=on_spark)


def aws_settings(environ: Mapping[str, str], platform: Platform) -> Settings:
    """Settings of a lake on AWS: those changed in the app are a record; the environment stands over them."""
    try:
        saved = platform.records.get(*SAVED_SETTINGS).body
    except NotFound:
        saved = {}
    return Settings.over(saved, environ, lake=Path(tempfile.gettempdir()))


def change_aws_settings(environ: Mapping[str, str], platform: Platform, values: Mapping[str, object]) -> Settings:
    """Keep changed settings of a lake on AWS.

    Raises:
        BadParameter: a value that isn't allowed, or one the environment sets; nothing was written.
    """
    fixed = sorted(name for name in values if PREFIX + name.upper() in environ)
    if fixed:
        raise BadParameter(f"{', '.join(fixed)}: set by the deployment's parameters. Change them there.")
    try:
        record = platform.records.get(*SAVED_SETTINGS)
        body, version = dict(record.body), record.version
    except NotFound:
        body, version = {}, 0
    body |= values
    Settings.over(body, environ)
    platform.records.put(*SAVED_SETTINGS, body, expected=version)
    return aws_settings(environ, platform)


def job_runner(environ: Mapping[str, str]) -> JobRunner:
    """Starts the jobs' state machine on AWS; nobody where none is named."""
    from shelfcast.adapters.aws.jobs import StateMachineRunner
    from shelfcast.ports.job_runner import Nobody

    machine = AwsPlaces.read(environ).jobs_machine
    return StateMachineRunner(machine) if machine else Nobody()


def start_cycle(environ: Mapping[str, str]) -> Callable[[str, Mapping[str, Any]], str]:
    """Starts the state machine of the daily cycle, by a name and its input.

    Raises:
        BadParameter: the environment names no machine.
    """
    from shelfcast.adapters.aws.jobs import start_execution

    machine = AwsPlaces.read(environ).cycle_machine
    if not machine:
        raise BadParameter("SHELFCAST_CYCLE_MACHINE is empty: set it to the ARN of the cycle's state machine.")
    return partial(start_execution, machine)


def aws_metrics(environ: Mapping[str, str]) -> Metrics:
    """Numbers into CloudWatch by lines in the log."""
    from shelfcast.adapters.aws.metrics import EmfMetrics

    return EmfMetrics("Shelfcast", {"Deployment": AwsPlaces.read(environ).deployment})


def task_reporter(environ: Mapping[str, str]) -> TaskReporter:
    """Tells a waiting state machine how this process ended; tells nobody without a token."""
    from shelfcast.adapters.aws.task import TaskReporter

    return TaskReporter(environ.get(PREFIX + "TASK_TOKEN", ""))


def in_memory() -> Platform:
    """Everything in memory, for tests."""
    from shelfcast.adapters.memory import (
        FixedClock,
        InlineEngine,
        MemoryBlobs,
        MemoryRecords,
        MemoryTables,
        NoDatabases,
    )
    from shelfcast.adapters.record_models import RecordModels

    blobs, records = MemoryBlobs(), MemoryRecords()
    models = RecordModels(records, blobs)
    return Platform(MemoryTables(), blobs, records, FixedClock(), InlineEngine(), NoDatabases(), models)


def in_container() -> Platform:
    """Everything in memory for as long as a call lasts, with this machine's clock and cores: training and serving away
    from the lake."""
    from shelfcast.adapters.local.clock import SystemClock
    from shelfcast.adapters.local.engine import LocalEngine
    from shelfcast.adapters.memory import MemoryBlobs, MemoryRecords, MemoryTables, NoDatabases
    from shelfcast.adapters.record_models import RecordModels

    blobs, records = MemoryBlobs(), MemoryRecords()
    models = RecordModels(records, blobs)
    return Platform(MemoryTables(), blobs, records, SystemClock(), LocalEngine(1), NoDatabases(), models)


def open_lake(folder: Path, progress: Progress | None = None, **arguments: object) -> tuple[Settings, Platform]:
    """The settings and the platform of the lake in a folder; `arguments` win over the lake's own settings.

    Raises:
        NotFound: the folder isn't a lake.
    """
    settings = Settings.read(folder, os.environ, **arguments)
    return settings, local(settings, progress)


def lake_settings(settings: Settings) -> LakeSettings:
    """The settings as use cases take them."""
    from shelfcast.pipeline.assumed_terms import read_terms

    terms = read_terms(settings.lake / settings.terms) if settings.terms else ""
    return LakeSettings(
        settings.currency, settings.frequency, settings.horizon, settings.seed, settings.partition_rows,
        settings.max_bad_share, settings.keep_snapshots, terms,
    )  # fmt: skip


def token_verifier(settings: Settings, platform: Platform) -> Verifier:
    """Verifies the lake's own tokens and, where a pool is named, its tokens: one path, two issuers.

    Raises:
        BadParameter: signing in by Cognito without its issuer and audience.
    """
    from functools import partial

    from shelfcast.adapters.remote_keys import RemoteKeys
    from shelfcast.pipeline import issue_tokens
    from shelfcast.pipeline.manage_users import still_a_user

    own = issue_tokens.TokenVerifier(
        issue_tokens.ISSUER,
        issue_tokens.AUDIENCE,
        lambda: issue_tokens.jwks(platform.records),
        partial(still_a_user, platform.records),
    )
    if not settings.token_issuer:
        if settings.sign_in == "cognito":
            raise BadParameter("sign_in is cognito, but token_issuer and token_audience are empty. Set both.")
        return own
    if not settings.token_audience:
        raise BadParameter("token_issuer is set, but token_audience is empty. Set it to the app client's id.")
    url = settings.token_keys_url or f"{settings.token_issuer.rstrip('/')}/.well-known/jwks.json"
    pool = issue_tokens.TokenVerifier(settings.token_issuer, settings.token_audience, RemoteKeys(url).get)
    return issue_tokens.ManyIssuers((own, pool))


def worker_processes(lake: Path) -> WorkerProcesses:
    """Workers for a lake on this machine: one for everything, one for quick work alone, so that it needn't wait."""
    from shelfcast.adapters.local.jobs import WorkerProcesses

    command = [sys.executable, "-m", "shelfcast", "worker", "--lake", str(lake.resolve()), "--with-parent"]
    return WorkerProcesses([command, [*command, "--lane", "quick"]])


def change_settings(lake: Path, values: Mapping[str, object]) -> None:
    """Write settings into a lake's file; its other lines and comments stay.

    Raises:
        BadParameter: a value that isn't allowed; nothing was written.
    """
    path = lake / FILE_NAME
    text = with_values(path.read_text("utf-8"), values)
    Settings.checked({**tomllib.loads(text), "lake": lake})
    partial = path.with_name(f".{FILE_NAME}.{os.getpid()}.partial")
    partial.write_text(text, "utf-8")
    partial.replace(path)


def open_platform(lake: Path, progress: Progress | None = None) -> Platform:
    """The platform alone, for commands that need no settings."""
    return open_lake(lake, progress)[1]


def init_lake(folder: Path, **values: object) -> Path:
    """Make a folder a lake: its settings file, and nothing else until data come.

    Raises:
        Conflict: it is one already.
        BadParameter: a value that isn't allowed.
    """
    path = folder / FILE_NAME
    if path.exists():
        raise Conflict(f"{folder} is a Shelfcast lake already; its settings are in {path}.")
    Settings.checked({name: value for name, value in values.items() if value is not None})
    folder.mkdir(parents=True, exist_ok=True)
    path.write_text(Settings.template(**values), "utf-8")
    return path


def http_client(*, allow_plain: bool = False) -> HttpClient:
    """Speaks to servers outside; `allow_plain` lets it use http beyond this machine."""
    from shelfcast.adapters.http import StandardHttp

    return StandardHttp(allow_plain=allow_plain)


def sftp_door(url: str, host_key: str, **more: Any) -> FileDelivery:
    """The ERP's folder on an SFTP server whose key is pinned; `more`: key_file, passphrase, password."""
    from shelfcast.adapters.sftp import Sftp, SftpTarget

    return Sftp(SftpTarget.from_url(url, host_key, **more))


def folder_door(folder: Path) -> FileDelivery:
    """The ERP's folder on a share of this machine."""
    from shelfcast.adapters.local.folder_delivery import FolderDelivery

    return FolderDelivery(folder)


def webhook_door(url: str, secret: str, clock: Clock) -> FileDelivery:
    """The ERP's address that takes signed requests."""
    from shelfcast.adapters.webhook import Webhook

    return Webhook(http_client(), url, secret, clock.now)


def cloud_stacks() -> CloudStacks:
    """Makes and removes the deployment on AWS (CloudFormation)."""
    from shelfcast.adapters.aws.stacks import CloudFormationStacks

    return CloudFormationStacks()


def dead_letters(queue_url: str, prefix: str) -> DeadLetters:
    """What the deployment on AWS gave up."""
    from shelfcast.adapters.aws.dead_letters import QueuedDeadLetters

    return QueuedDeadLetters(queue_url, prefix)
