"""Settings: one frozen object, read once at start, checked whole, handed down as plain values.

A setting comes from (first wins): an argument, the environment (SHELFCAST_<NAME>), the lake's own `shelfcast.toml`,
the default below.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from shelfcast.domain.errors import BadParameter, NotFound

FILE_NAME = "shelfcast.toml"
PREFIX = "SHELFCAST_"
LONGER_PERIODS = {
    **dict.fromkeys(("M", "MS", "ME", "MONTH", "MONTHLY"), "month"),
    **dict.fromkeys(("Q", "QUARTER", "QUARTERLY"), "quarter"),
    **dict.fromkeys(("Y", "A", "YEAR", "YEARLY"), "year"),
}
"""Ways to write a planning period longer than a week."""


class Settings(BaseModel):
    """What can be set. Every field has a default that is safe on a laptop."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    lake: Path = Field(default=Path(), description="Folder of the lake")
    currency: str = Field(default="EUR", pattern="^[A-Z]{3}$", description="ISO 4217 currency of every money column")
    frequency: Literal["D", "W"] = Field(default="D", description="Planning period: day or week")
    horizon: int = Field(default=28, ge=1, le=730, description="Periods to forecast")
    workers: int = Field(default=1, ge=1, le=256, description="Processes that run kernels side by side")
    engine: Literal["local", "spark"] = Field(
        default="local", description="What runs kernels: this machine's processes, or Spark (extra `spark`)"
    )
    partition_rows: int = Field(default=3_000_000, ge=10_000, description="Sales rows a partition may hold in memory")
    seed: int = Field(default=0, description="Seed of everything drawn at random")
    max_bad_share: float = Field(default=0.5, ge=0, le=1, description="Share of a load's rows that may be quarantined")
    keep_snapshots: int = Field(default=20, ge=1, description="Table snapshots kept for time travel")
    model_registry: Literal["auto", "mlflow", "records"] = Field(
        default="auto", description="Where models are kept: MLflow where it is installed, or records"
    )
    terms: str = Field(
        default="", description="YAML file (in the lake's folder) of sourcing terms to assume where there are none"
    )
    host: str = Field(default="127.0.0.1", description="Address the server listens on")
    port: int = Field(default=8787, ge=0, le=65535, description="Port the server listens on")

    app_url: str = Field(default="", description="Address people open the app at, for links in notices")
    notify_mail_to: str = Field(default="", description="Mail addresses told of alerts, with commas between")
    notify_escalation_to: str = Field(default="", description="Mail addresses told of what nobody acknowledged in time")
    notify_sender: str = Field(default="", description="Mail address notices come from")
    notify_from: Literal["note", "warning", "critical"] = Field(
        default="warning", description="Least severity people are told of"
    )
    notify_digest_at: str = Field(
        default="06:30",
        pattern=r"^([01]\d|2[0-3]):[0-5]\d$",
        description="When the day's notice goes out; critical ones go at once",
    )
    notify_time_zone: str = Field(
        default="UTC", description="Whose clock notify_digest_at means, such as Europe/Berlin"
    )
    notify_escalate_after_hours: float = Field(
        default=4.0,
        gt=0,
        le=720,
        description="A critical alert nobody acknowledged for so long is escalated (others: six times that)",
    )
    smtp_host: str = Field(default="", description="Mail server; its password comes from SHELFCAST_SMTP_PASSWORD only")
    smtp_port: int = Field(default=587, ge=1, le=65535, description="Port of the mail server")
    smtp_security: Literal["starttls", "tls", "none"] = Field(
        default="starttls", description="How mail is kept secret on its way: starttls (587), tls (465) or none"
    )
    smtp_user: str = Field(default="", description="User at the mail server; empty: none")

    sign_in: Literal["local", "cognito"] = Field(
        default="local", description="Who signs people in: we, or a Cognito pool"
    )
    token_issuer: str = Field(default="", description="Issuer of a Cognito pool's tokens, whole as in `iss`")
    token_audience: str = Field(default="", description="App client id the pool's tokens are made for")
    token_keys_url: str = Field(default="", description="JWKS of the pool; issuer + /.well-known/jwks.json when empty")
    sign_in_url: str = Field(default="", description="The pool's hosted sign-in page, for the web app")

    @field_validator("notify_time_zone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            return ZoneInfo(name).key
        except (KeyError, ValueError, OSError) as error:
            raise ValueError("no such time zone; use a name such as Europe/Berlin or UTC") from error

    @classmethod
    def read(cls, lake: Path, environ: Mapping[str, str], **arguments: object) -> Settings:
        """Settings of a lake.

        Raises:
            NotFound: the folder isn't a lake.
            BadParameter: values that aren't allowed, all of them in one message.
        """
        path = lake / FILE_NAME
        if not path.exists():
            raise NotFound(
                f"{lake.resolve()} is no Shelfcast lake (no {FILE_NAME} in it). Make one with `shelfcast init {lake}`, "
                "or name another with --lake or SHELFCAST_LAKE."
            )
        try:
            values: dict[str, object] = dict(tomllib.loads(path.read_text("utf-8")))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise BadParameter(
                f"{path} can't be read as TOML: {error}. Mend that line, or delete the file's content."
            ) from error
        return cls.over(values, environ, lake=lake, **arguments)

    @classmethod
    def over(cls, saved: Mapping[str, object], environ: Mapping[str, str], **arguments: object) -> Settings:
        """Saved settings, the environment over them, arguments over both.

        Raises:
            BadParameter: values that aren't allowed, all of them in one message.
        """
        values = dict(saved)
        for name in cls.model_fields:
            if (variable := PREFIX + name.upper()) in environ and name != "lake":
                values[name] = environ[variable]
        values.update({name: value for name, value in arguments.items() if value is not None})
        return cls.checked(values)

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Settings:
        frequency = str(values.get("frequency", "D")).strip().upper()
        if frequency in LONGER_PERIODS:
            raise BadParameter(
                f"frequency {values['frequency']!r} came: a lake plans by day (D) or week (W), not by "
                f"{LONGER_PERIODS[frequency]}, since orders fall inside a {LONGER_PERIODS[frequency]}. Load daily or weekly sales "
                "and set D or W; indicators by month, quarter or year are welcome as `observations`."
            )
        try:
            return cls(**values)  # type: ignore[arg-type]
        except ValidationError as error:
            problems = "; ".join(
                f"{'.'.join(str(part) for part in one['loc'])} = {one['input']!r}: {one['msg']}"
                for one in error.errors()
            )
            known = ", ".join(sorted(cls.model_fields))
            raise BadParameter(f"settings: {problems}. Known settings: {known}.") from error

    @classmethod
    def template(cls, **values: object) -> str:
        """Text of a new `shelfcast.toml`: every setting with its meaning, set where a value is given."""
        lines = ["# Settings of this Shelfcast lake. A line without # counts.", ""]
        for name, field in cls.model_fields.items():
            if name == "lake":
                continue
            value = values.get(name)
            shown = field.default if value is None else value
            text = f'"{shown}"' if isinstance(shown, str) else str(shown)
            lines.append(f"{'# ' if value is None else ''}{name} = {text}  # {field.description}")
        return "\n".join(lines) + "\n"


class AwsPlaces(BaseModel):
    """Where a lake on AWS keeps what it keeps. Every field comes from the environment (SHELFCAST_<NAME>)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    deployment: str = Field(default="shelfcast", min_length=1, description="Begins every resource's name")
    warehouse: str = Field(pattern="^s3://.", description="s3://bucket/prefix tables live under")
    blobs: str = Field(pattern="^s3://.", description="s3://bucket of uploads, models and mappings")
    raw: str = Field(default="", description="s3://bucket of received files; with the other blobs when empty")
    exports: str = Field(default="", description="s3://bucket of exported files; with the other blobs when empty")
    database_prefix: str = Field(default="shelfcast_", description="Begins the names of the Glue databases")
    records_table: str = Field(min_length=3, description="DynamoDB table of records")
    cycle_machine: str = Field(default="", description="ARN of the state machine of the daily cycle")
    jobs_machine: str = Field(default="", description="ARN of the state machine that works queued jobs")
    topic: str = Field(default="", description="ARN of the SNS topic people are told through")
    stream: str = Field(default="", description="Kinesis stream of till events; straight into the log when empty")
    model_group: str = Field(default="", description="SageMaker model package group; none when empty")
    image: str = Field(default="", description="Container image that serves a model, for registered packages")

    @classmethod
    def read(cls, environ: Mapping[str, str]) -> AwsPlaces:
        """
        Raises:
            BadParameter: one is missing or isn't allowed; all of them in one message.
        """
        values = {name: environ[PREFIX + name.upper()] for name in cls.model_fields if PREFIX + name.upper() in environ}
        try:
            return cls(**values)
        except ValidationError as error:
            problems = "; ".join(
                f"{PREFIX}{str(one['loc'][0]).upper()}: {one['msg']} ({one['input']!r})" for one in error.errors()
            )
            raise BadParameter(f"a lake on AWS can't be opened: {problems}. Set them in the environment.") from error


def with_values(text: str, values: Mapping[str, object]) -> str:
    """A settings file with some values set; other lines stay as they are, a commented setting takes its place.

    >>> with_values("# horizon = 28  # Periods to forecast\\nseed = 1\\n", {"horizon": 14, "workers": 2})
    'horizon = 14  # Periods to forecast\\nseed = 1\\nworkers = 2\\n'
    """
    lines = text.splitlines()
    for name, value in values.items():
        shown = (
            f'"{value}"' if isinstance(value, str) else str(value).lower() if isinstance(value, bool) else str(value)
        )
        pattern = re.compile(rf"^(#\s*)?{re.escape(name)}\s*=\s*[^#]*?(?P<note>\s+#.*)?$")
        hits = [(number, found) for number, line in enumerate(lines) if (found := pattern.match(line))]
        hits.sort(key=lambda one: one[1].group(1) is not None)  # a line that counts before a commented one
        if hits:
            number, found = hits[0]
            lines[number] = f"{name} = {shown}{found.group('note') or ''}"
        else:
            lines.append(f"{name} = {shown}")
    return "\n".join(lines) + "\n"
