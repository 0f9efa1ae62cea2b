"""What a month on AWS costs: before, from a few sizes and a price table; after, from the records of the runs.

Both are arithmetic on `aws_prices.toml`, which says its date and where each price stands. They are list prices: a discount,
a region or a use we don't foresee changes them; AWS's bill decides.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cache
from importlib import resources
from typing import Any, Literal

from shelfcast.domain.errors import BadParameter
from shelfcast.pipeline.run_record import KIND
from shelfcast.ports.record_store import RecordStore

HOURS = 730
"""Of a month."""
NIGHTS = 30.4
WORKING_DAYS = 21
CORES_MEASURED = 2
MILLION_ROWS_MEASURED = 60
MB_A_CORE = 1769
"""Memory for which Lambda gives one core."""
SMALLEST_MB, LARGEST_MB = 3008, 10240
LAMBDA_SECONDS = 600
"""Longer steps don't belong on Lambda, which stops at 900."""
FARGATE_CORES, FARGATE_GB = 4, 30
PROCESSING_CORES = 8
DISK_GB = 10
TRANSITIONS_A_CYCLE = 14
GB = 1e9
INTERFACE_ENDPOINTS, ZONES = 8, 2
ALARMS = 11
WATCH_SECONDS, WATCH_TRANSITIONS = 6, 3
"""The worker's hourly look where nothing waits: a cold start and a few reads."""
IMAGE_GB, IMAGES = 1.2, 5

Place = Literal["lambda", "fargate", "processing"]
PLACES: tuple[Place, ...] = ("lambda", "fargate", "processing")


@dataclass(frozen=True)
class Usage:
    """How a retailer uses it.

    Attributes:
        series: items at locations.
        history_days: of sales in the lake.
        horizon: periods of a forecast.
        users: people who work with the app.
        requests_each_day: of the app, by each of them, on a working day.
        scenarios: worked out in a month.
        events: till events a month by the stream; 0 = no stream.
        train_every_days: age at which a model is trained anew.
        network: private endpoints.
        keep_days: of nightly forecasts and orders.
    """

    series: int
    stores: int = 1
    history_days: int = 1096
    horizon: int = 28
    users: int = 5
    requests_each_day: int = 400
    scenarios: int = 20
    events: int = 0
    train_every_days: int = 7
    network: bool = False
    keep_days: int = 365

    @property
    def million_rows(self) -> float:
        return self.series * self.history_days / 1e6


@dataclass(frozen=True)
class Line:
    """One line of the bill. `idle`: paid although nothing runs."""

    what: str
    how_much: str
    dollars: float
    idle: bool = False


@dataclass(frozen=True)
class StepCost:
    """What the runs of a step cost."""

    step: str
    runs: int
    seconds: float
    peak_mb: float
    dollars: float


@cache
def prices() -> Mapping[str, Any]:
    """The price table."""
    return tomllib.loads(resources.files("shelfcast.pipeline").joinpath("aws_prices.toml").read_text("utf-8"))


def estimate(usage: Usage) -> list[Line]:
    """The lines of a month's bill, compute first.

    Raises:
        BadParameter: sizes that can't be.
    """
    _check(usage)
    return [
        *_cycle(usage), *_people(usage), *_storage(usage), *_services(usage), *_idle(usage),
    ]  # fmt: skip


def total(lines: Iterable[Line]) -> float:
    return sum(one.dollars for one in lines)


def step_seconds(step: str, usage: Usage, cores: float) -> float:
    """How long a step takes on so many cores; more than the two measured on are not counted as faster."""
    work = prices()["work"][step]
    measured = (
        work["fixed"]
        + work["million_rows"] * usage.million_rows
        + work["thousand_series"] * usage.series / 1000 * usage.horizon / 28
    )
    return float(measured) * CORES_MEASURED / min(cores, CORES_MEASURED)


def memory_mb(usage: Usage) -> float:
    """Memory the largest step needs, with room to spare."""
    known = prices()["memory"]
    return float((known["fixed_mb"] + known["mb_each_million_rows"] * usage.million_rows) * known["spare"])


def run_dollars(seconds: float, place: Place, memory: float) -> float:
    """A run's price without what is free each month.

    >>> round(run_dollars(600, "lambda", 3008), 4)   # 600 s x 2.94 GB x 0.0000166667, and its disk
    0.0296
    """
    known = prices()["prices"]
    if place == "lambda":
        gb_seconds = seconds * memory / 1024
        return float(
            gb_seconds * known["lambda_gb_second"] + seconds * (DISK_GB - 0.5) * known["lambda_disk_gb_second"]
        )
    if place == "fargate":
        hour = (
            FARGATE_CORES * known["fargate_core_hour"]
            + FARGATE_GB * known["fargate_gb_hour"]
            + 40 * known["fargate_disk_gb_hour"]
        )
        return float(max(seconds, 60) / 3600 * hour)
    return float(seconds / 3600 * known["processing_hour"])


def report(
    records: RecordStore, *, since: date | None = None, until: date | None = None, place: Place = "lambda", memory: int = SMALLEST_MB
) -> list[StepCost]:  # fmt: skip
    """What the runs on record cost, or would have cost there, by step; the dearest first.

    A run that was tried again counts its last try: earlier tries leave no seconds.

    Raises:
        BadParameter: a place there isn't, or memory Lambda doesn't give.
    """
    if place not in PLACES:
        raise BadParameter.unknown("place", place, PLACES)
    if not 128 <= memory <= LARGEST_MB:
        raise BadParameter(f"memory of {memory} MB can't be had: Lambda gives 128 to {LARGEST_MB} MB.")
    found: dict[str, list[Mapping[str, Any]]] = {}
    for one in records.query(KIND):
        started = _day(one.body.get("started_at"))
        if "seconds" not in one.body or (since and (started is None or started < since)):
            continue
        if until and (started is None or started > until):
            continue
        found.setdefault(str(one.body["step"]), []).append(one.body)
    costs = [
        StepCost(
            step, len(bodies), sum(float(body["seconds"]) for body in bodies),
            max(float(body.get("peak_mb", 0)) for body in bodies),
            sum(run_dollars(float(body["seconds"]), place, memory) for body in bodies),
        )
        for step, bodies in found.items()
    ]  # fmt: skip
    return sorted(costs, key=lambda one: -one.dollars)


def _check(usage: Usage) -> None:
    for name in ("series", "stores", "history_days", "horizon", "train_every_days", "keep_days"):
        if getattr(usage, name) < 1:
            raise BadParameter(f"{name} is {getattr(usage, name)}; it must be 1 or more.")
    for name in ("users", "requests_each_day", "scenarios", "events"):
        if getattr(usage, name) < 0:
            raise BadParameter(f"{name} is {getattr(usage, name)}; it can't be below 0.")


def _cycle(usage: Usage) -> list[Line]:
    """Steps on Lambda as long as they are short and fit; else on Fargate."""
    memory = max(SMALLEST_MB, memory_mb(usage))
    trainings = NIGHTS / usage.train_every_days
    on_lambda, on_fargate, gb_seconds, far_seconds = 0.0, 0.0, 0.0, 0.0
    for step in prices()["work"]:
        times = trainings if step == "train" else NIGHTS
        seconds = step_seconds(step, usage, min(memory, LARGEST_MB) / MB_A_CORE)
        if memory <= LARGEST_MB and seconds <= LAMBDA_SECONDS:
            on_lambda += times * run_dollars(seconds, "lambda", memory)
            gb_seconds += times * seconds * memory / 1024
        else:
            seconds = step_seconds(step, usage, FARGATE_CORES)
            on_fargate += times * run_dollars(seconds, "fargate", 0)
            far_seconds += times * seconds
    lines = [Line("nightly cycle on Lambda", f"{gb_seconds:,.0f} GB-seconds at {memory:,.0f} MB", on_lambda)]
    if far_seconds:
        lines.append(Line("long steps on Fargate", f"{far_seconds / 3600:,.1f} hours", on_fargate))
    seconds = step_seconds("forecast", usage, FARGATE_CORES) + step_seconds("replenish", usage, FARGATE_CORES)
    place: Place = "lambda" if memory <= LARGEST_MB and seconds <= LAMBDA_SECONDS else "fargate"
    lines.append(
        Line(
            "scenarios",
            f"{usage.scenarios:,} of {seconds:,.0f} s",
            usage.scenarios * run_dollars(seconds, place, memory),
        )
    )
    return lines


def _people(usage: Usage) -> list[Line]:
    known, free = prices()["prices"], prices()["free"]
    requests = usage.users * usage.requests_each_day * WORKING_DAYS
    compute = requests * 0.25 * SMALLEST_MB / 1024 * known["lambda_gb_second"]
    calls = requests / 1e6 * (known["api_million_requests"] + known["lambda_million_requests"])
    seats = max(0, usage.users - free["cognito_users"]) * known["cognito_user_month"]
    return [Line("API and app", f"{requests:,} requests", compute + calls + seats)]


def _storage(usage: Usage) -> list[Line]:
    known, size = prices()["prices"], prices()["bytes"]
    forecasts = usage.series * usage.horizon * usage.keep_days * size["forecast_row"]
    gb = (
        usage.million_rows * 1e6 * size["sales_row"] + forecasts + usage.series * usage.keep_days * size["order_row"]
    ) / GB
    puts, gets = NIGHTS * (1500 + usage.million_rows * 5), NIGHTS * (6000 + usage.million_rows * 50)
    requests = puts / 1000 * known["s3_thousand_puts"] + gets / 1000 * known["s3_thousand_gets"]
    return [
        Line("tables and files (S3)", f"{gb:,.1f} GB", gb * known["s3_gb_month"], idle=True),
        Line("S3 requests", f"{puts + gets:,.0f}", requests),
    ]


def _services(usage: Usage) -> list[Line]:
    known, free = prices()["prices"], prices()["free"]
    writes = NIGHTS * (2000 + usage.series * 0.1) + usage.users * 2000
    reads = writes * 5
    made = NIGHTS * TRANSITIONS_A_CYCLE + usage.scenarios * 8 + HOURS * WATCH_TRANSITIONS
    transitions = max(0.0, made - free["step_functions_transitions"])
    logs = 0.2 + usage.users * 0.02
    metrics = max(0, 2 * len(prices()["work"]) + 8 - free["metrics"])
    kms = max(0.0, NIGHTS * 1500 - free["kms_requests"])
    lines = [
        Line("records (DynamoDB)", f"{writes:,.0f} writes, {reads:,.0f} reads",
             writes / 1e6 * known["dynamodb_million_writes"] + reads / 1e6 * known["dynamodb_million_reads"]),
        Line("state machines", f"{transitions:,.0f} transitions above the free ones",
             transitions / 1000 * known["step_functions_thousand_transitions"]),
        Line("logs and metrics", f"{logs:,.1f} GB, {metrics} metrics above the free ones",
             logs * known["logs_gb"] + metrics * known["metric_month"]),
        Line("key requests", f"{kms:,.0f} above the free ones", kms / 10_000 * known["kms_ten_thousand_requests"]),
    ]  # fmt: skip
    if usage.events:
        lines.append(
            Line("till events", f"{usage.events:,} events", usage.events / 1e6 * known["kinesis_million_units"])
        )
    return lines


def _idle(usage: Usage) -> list[Line]:
    known, free = prices()["prices"], prices()["free"]
    alarms = max(0, ALARMS - free["alarms"])
    lines = [
        Line("encryption key", "1 key", known["kms_key_month"], idle=True),
        Line("alarms", f"{ALARMS}, of which {free['alarms']} are free", alarms * known["alarm_month"], idle=True),
        Line(
            "hourly look for work",
            f"{HOURS} of {WATCH_SECONDS} s",
            HOURS * run_dollars(WATCH_SECONDS, "lambda", SMALLEST_MB),
            idle=True,
        ),
        Line("container images", f"{IMAGES} of {IMAGE_GB} GB", IMAGES * IMAGE_GB * known["ecr_gb_month"], idle=True),
    ]
    if usage.events:
        shards = max(1, round(usage.events / NIGHTS / 14 / 3600 / 500))
        lines.append(Line("event stream", f"{shards} shard", shards * HOURS * known["kinesis_shard_hour"], idle=True))
    if usage.network:
        hours = INTERFACE_ENDPOINTS * ZONES * HOURS
        lines.append(
            Line(
                "private endpoints",
                f"{INTERFACE_ENDPOINTS} in {ZONES} zones",
                hours * known["endpoint_hour"],
                idle=True,
            )
        )
    return lines


def _day(text: object) -> date | None:
    return datetime.fromisoformat(str(text)).date() if text else None


def by_thousand(dollars: float, series: int) -> float:
    """Dollars for each thousand series."""
    return dollars / series * 1000


def summary(lines: Sequence[Line], usage: Usage) -> dict[str, float]:
    """What people ask first: a month, of it when nothing runs, for each thousand series."""
    month = total(lines)
    return {
        "month": month,
        "idle": total(one for one in lines if one.idle),
        "each_thousand_series": by_thousand(month, usage.series),
    }
