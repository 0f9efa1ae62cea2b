"""Schedules: which job runs when, kept as records a person can read and edit; each occurrence starts one job, once.

An occurrence is decided by one create-only record (start, skip or miss), the job it starts has an id made from it, and only
then the schedule moves on. So a worker killed between any two of these writes leaves nothing undone, and two workers that
look at the same moment do the same thing once. After a time without workers the newest occurrence runs once, if it isn't too
old (`catch_up_hours`); those before it are counted as missed.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from shelfcast.domain.errors import BadParameter, Conflict, NotFound, ShelfcastError
from shelfcast.pipeline import audit_changes, job_kinds, queue_jobs
from shelfcast.pipeline.queue_jobs import Job
from shelfcast.pipeline.recurrence import Recurrence, parse
from shelfcast.ports.platform import Platform
from shelfcast.ports.record_store import Record

KIND = "schedules"
STATE = "schedule_states"
"""How far each schedule is: the newest occurrence decided."""
OCCURRENCES = "schedule_occurrences"
STARTED, SKIPPED, MISSED = "started", "skipped", "missed"
MOST_KEPT = 200
"""Decisions kept of each schedule."""
Outcome = Literal["started", "skipped", "missed"]


class Schedule(BaseModel):
    """One schedule, as a person edits it."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    kind: str = Field(max_length=40)
    """Which job it starts."""
    when: str = Field(min_length=1, max_length=200)
    """`daily at 02:30`, `mon-fri at 06:00, 18:00`, `every 15 minutes`, `day 1, last at 03:00`, or cron's five fields."""
    time_zone: str = Field(default="UTC", max_length=64)
    """Whose clock `when` means."""
    skip_holidays: str = Field(default="", max_length=10)
    """Country or country-region (DE, DE-BY) whose public holidays are left out; empty: none."""
    parameters: dict[str, Any] = Field(default_factory=dict)
    """Of the job."""
    enabled: bool = False
    catch_up_hours: float = Field(default=12.0, ge=0, le=24 * 31)
    """After a time without workers the newest occurrence still runs if it is no older than this."""
    jitter_seconds: int = Field(default=0, ge=0, le=3600)
    """Start up to so much later, drawn once for each occurrence, so that many shops don't ask a source at once."""
    note: str = Field(default="", max_length=500)

    @property
    def recurrence(self) -> Recurrence:
        return parse(self.when, self.time_zone, self.skip_holidays)


DEFAULTS: tuple[Schedule, ...] = (
    Schedule(name="daily-cycle", kind="cycle", when="daily at 03:00", note="Quality, features, forecasts, orders."),
    Schedule(name="maintenance", kind="maintain", when="sun at 05:00", note="Join small files, expire snapshots, forget old jobs."),
    Schedule(name="retraining", kind="retrain", when="sun at 01:00", note="A model that knows the newest weeks."),
    Schedule(
        name="weather", kind="connect", when="every 6 hours", parameters={"source": "weather-forecast"}, jitter_seconds=600,
        note="Weather forecasts of the locations with coordinates, from Open-Meteo.",
    ),
    Schedule(
        name="holidays", kind="connect", when="day 1 at 04:00", parameters={"source": "holidays"},
        note="Public holidays of the locations' countries and regions; offline.",
    ),
    Schedule(
        name="orders-to-erp", kind="push", when="mon-sat at 06:00", catch_up_hours=6,
        note="Approved order lines to the ERP's door (set by SHELFCAST_ERP_... variables), its acknowledgements back.",
    ),
    Schedule(
        name="till-events", kind="events", when="every 5 minutes", catch_up_hours=1,
        note="What the tills sent into the sales, so that those of the running day can be seen. The daily cycle does it too.",
    ),
    Schedule(
        name="export-forecasts", kind="export", when="daily at 05:30", parameters={"what": "forecasts"},
        note="A CSV file to download from the job.",
    ),
)  # fmt: skip
"""What a lake offers from the start. Nothing runs by itself until somebody enables it."""


@dataclass(frozen=True)
class Stored:
    """A schedule as it is kept, and how far it is."""

    schedule: Schedule
    since: datetime | None
    """Occurrences after this moment count; None where it was never enabled."""
    changed_by: str = ""
    changed_at: datetime | None = None
    last: datetime | None = None
    """The newest occurrence decided."""
    last_outcome: str = ""
    last_why: str = ""
    last_job: str = ""
    missed: int = 0
    """Occurrences passed over before the last one."""
    salt: str = ""
    version: int = 0
    state_version: int = 0

    def due_at(self, moment: datetime) -> datetime:
        """When an occurrence's job starts: its moment and the jitter drawn for it."""
        if not self.schedule.jitter_seconds:
            return moment
        drawn = int(hashlib.sha256(f"{self.salt}{moment.isoformat()}".encode()).hexdigest()[:8], 16)
        return moment + timedelta(seconds=drawn % (self.schedule.jitter_seconds + 1))


@dataclass(frozen=True)
class Decided:
    """What became of one occurrence."""

    name: str
    moment: datetime
    outcome: str
    why: str = ""
    job_id: str = ""
    missed: int = 0
    by: str = ""


def schedules(platform: Platform) -> list[Stored]:
    """Every schedule, by name: the stored ones, and those offered that nobody has touched."""
    states = {one.record_id: one for one in platform.records.query(STATE)}
    found = {one.record_id: _stored(one, states.get(one.record_id)) for one in platform.records.query(KIND)}
    gone = {name for name, one in found.items() if one is None}
    offered = {one.name: Stored(one, None) for one in DEFAULTS if one.name not in gone}
    return [one for _, one in sorted({**offered, **found}.items()) if one is not None]


def get(platform: Platform, name: str) -> Stored:
    """
    Raises:
        NotFound: no such schedule.
    """
    for one in schedules(platform):
        if one.schedule.name == name:
            return one
    known = ", ".join(one.schedule.name for one in schedules(platform))
    raise NotFound(f"there is no schedule {name!r}; there are: {known}. List them with `shelfcast schedule list`.")


def save(platform: Platform, who: str, schedule: Schedule) -> Stored:
    """Write a schedule, new or changed. Where its times changed or it was enabled, occurrences count from now on.

    Raises:
        BadParameter: a time, time zone, job kind or parameter that can't be used; nothing was written.
    """
    checked = _checked(schedule)
    while True:
        now = platform.clock.now()
        try:
            record = platform.records.get(KIND, checked.name)
        except NotFound:
            record = None
        before = _stored(record, None) if record else None
        since = before.since if before else None
        timing = ("when", "time_zone", "skip_holidays")
        moved = before is None or any(getattr(before.schedule, one) != getattr(checked, one) for one in timing)
        if checked.enabled and (moved or since is None or before is None or not before.schedule.enabled):
            since = now
        body = checked.model_dump(mode="json") | {
            "since": since.isoformat() if since else None, "changed_by": who, "changed_at": now.isoformat(),
            "salt": before.salt if before else secrets.token_hex(4),
        }  # fmt: skip
        with suppress(Conflict):
            platform.records.put(KIND, checked.name, body, expected=record.version if record else 0)
            break
    old = before.schedule.model_dump(mode="json") if before else {}
    changes = {name: value for name, value in checked.model_dump(mode="json").items() if old.get(name) != value}
    audit_changes.note(platform, who, "schedule.change" if before else "schedule.add", checked.name, **changes)
    return get(platform, checked.name)


def edit(platform: Platform, who: str, name: str, changes: Mapping[str, Any]) -> Stored:
    """Change some fields of a schedule.

    Raises:
        NotFound: no such schedule.
        BadParameter: a value that isn't allowed; nothing was written.
    """
    before = get(platform, name).schedule
    return save(platform, who, read(before.model_dump() | dict(changes) | {"name": name}))


def put(platform: Platform, who: str, name: str, values: Mapping[str, Any]) -> Stored:
    """Change a schedule, or add it where there is none.

    Raises:
        BadParameter: a value that isn't allowed or is missing; nothing was written.
    """
    known = {one.schedule.name for one in schedules(platform)}
    return edit(platform, who, name, values) if name in known else save(platform, who, read({**values, "name": name}))


def remove(platform: Platform, who: str, name: str) -> None:
    """Take a schedule away; the jobs it started stay.

    Raises:
        NotFound: no such schedule.
    """
    get(platform, name)
    # An offered one would come back by itself: its place is kept.
    if any(one.name == name for one in DEFAULTS):
        platform.records.put(KIND, name, {"removed": True})
    else:
        platform.records.delete(KIND, name)
    platform.records.delete(STATE, name)
    audit_changes.note(platform, who, "schedule.remove", name)


def run_now(platform: Platform, who: str, name: str) -> Job:
    """Start the schedule's job now, whatever its times.

    Raises:
        NotFound: no such schedule.
    """
    one = get(platform, name).schedule
    job = job_kinds.start(platform, one.kind, one.parameters, who, title=_title(one), schedule=name)
    audit_changes.note(platform, who, "schedule.run", name, job=job.job_id)
    return job


def read(values: Mapping[str, Any]) -> Schedule:
    """
    Raises:
        BadParameter: a field that is unknown, missing or has a value that isn't allowed.
    """
    try:
        return _checked(Schedule.model_validate(dict(values)))
    except ValidationError as error:
        problems = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        fields = ", ".join(Schedule.model_fields)
        raise BadParameter(f"schedule {values.get('name', '')!r}: {problems}. Fields: {fields}.") from error


def _checked(schedule: Schedule) -> Schedule:
    parse(schedule.when, schedule.time_zone, schedule.skip_holidays)
    job_kinds.read(schedule.kind, schedule.parameters)
    return schedule


def next_runs(one: Stored, now: datetime, count: int = 3) -> list[datetime]:
    """The next moments a schedule comes (UTC); none while it is disabled."""
    moments: list[datetime] = []
    if not one.schedule.enabled or one.since is None:
        return moments
    recurrence, moment = one.schedule.recurrence, max(now, one.since)
    while len(moments) < count and (following := recurrence.next_after(moment)) is not None:
        moments.append(following)
        moment = following
    return moments


def tick(platform: Platform, *, host: str = "") -> list[Decided]:
    """Decide every occurrence that is due and start its job; what was decided. Any number of workers may call it at once.

    Raises:
        ShelfcastError: a schedule can't be used any more (its job has other parameters now); the others were decided.
    """
    decided: list[Decided] = []
    broken: ShelfcastError | None = None
    for one in schedules(platform):
        if not one.schedule.enabled or one.since is None:
            continue
        try:
            done = _decide(platform, one, host)
        except ShelfcastError as error:
            broken = broken or error
            continue
        if done is not None:
            decided.append(done)
    if broken is not None:
        raise broken
    return decided


def _decide(platform: Platform, one: Stored, host: str) -> Decided | None:
    assert one.since is not None
    now = platform.clock.now()
    begin = max(one.last, one.since) if one.last else one.since
    passed = list(one.schedule.recurrence.between(max(begin, now - timedelta(days=400)), now))
    passed = [moment for moment in passed if one.due_at(moment) <= now]
    if not passed:
        return None
    moment, missed = passed[-1], len(passed) - 1
    job_id = job_id_of(one.schedule.name, moment)
    outcome, why = _outcome(platform, one, moment, now, job_id)
    wanted = Decided(one.schedule.name, moment, outcome, why, job_id if outcome == STARTED else "", missed, host)
    done = _record(platform, wanted, now)
    if done.outcome == STARTED:
        kind, checked = one.schedule.kind, job_kinds.read(one.schedule.kind, one.schedule.parameters)
        with suppress(Conflict):  # started already, by another worker or before this one was killed
            queue_jobs.submit(
                platform, kind, _title(one.schedule), job_kinds.KINDS[kind].lane,
                checked.model_dump(mode="json", exclude_defaults=True), f"schedule:{one.schedule.name}",
                job_id=done.job_id, schedule=one.schedule.name,
            )  # fmt: skip
    state = {
        "last": moment.isoformat(), "outcome": done.outcome, "why": done.why, "job_id": done.job_id, "missed": done.missed,
        "decided_at": now.isoformat(),
    }  # fmt: skip
    with suppress(Conflict):  # another worker moved it on
        platform.records.put(STATE, one.schedule.name, state, expected=one.state_version)
        return done
    return None


def _outcome(platform: Platform, one: Stored, moment: datetime, now: datetime, job_id: str) -> tuple[str, str]:
    late = now - one.due_at(moment)
    grace = timedelta(hours=one.schedule.catch_up_hours) + timedelta(minutes=2)
    if late > grace:
        return (
            MISSED,
            f"nobody worked at its time, and {_hours(late)} later is more than the {one.schedule.catch_up_hours:g} h allowed.",
        )
    for job in queue_jobs.open_jobs(platform):
        if job.kind == one.schedule.kind and job.job_id != job_id and _same_work(job, one.schedule):
            return SKIPPED, f"job {job.job_id} of the same kind was still {job.state}."
    return STARTED, f"started {_hours(late)} late." if late > timedelta(minutes=10) else ""


def _same_work(job: Job, schedule: Schedule) -> bool:
    """Jobs of one kind overlap, unless they are about different things (two exports, two sources)."""
    if job.schedule == schedule.name:
        return True
    return job.lane == queue_jobs.LAKE and schedule.kind != "connect"


def _record(platform: Platform, wanted: Decided, now: datetime) -> Decided:
    """Write the decision, or give the one that stands."""
    record_id = f"{wanted.name}/{wanted.moment:%Y%m%dT%H%M%SZ}"
    body = asdict(wanted) | {"moment": wanted.moment.isoformat(), "decided_at": now.isoformat()}
    try:
        platform.records.put(OCCURRENCES, record_id, body, expected=0)
    except Conflict:
        return _decided(platform.records.get(OCCURRENCES, record_id))
    for one in platform.records.query(OCCURRENCES, prefix=f"{wanted.name}/")[:-MOST_KEPT]:
        platform.records.delete(OCCURRENCES, one.record_id)
    return wanted


def occurrences(platform: Platform, name: str, limit: int = 20) -> list[Decided]:
    """What became of a schedule's newest occurrences, the newest first."""
    found = platform.records.query(OCCURRENCES, prefix=f"{name}/")
    return [_decided(one) for one in reversed(found[-limit:])]


def job_id_of(name: str, moment: datetime) -> str:
    """The id of the job an occurrence starts: always the same, and sorted by time like every job's."""
    return f"{moment:%Y%m%dT%H%M%S%f}-{hashlib.sha256(name.encode()).hexdigest()[:6]}"


def _decided(record: Record) -> Decided:
    body = record.body
    moment = datetime.fromisoformat(body["moment"])
    return Decided(body["name"], moment, body["outcome"], body["why"], body["job_id"], int(body["missed"]), body["by"])


def _title(schedule: Schedule) -> str:
    return f"{job_kinds.KINDS[schedule.kind].title} ({schedule.name})"


def _hours(span: timedelta) -> str:
    minutes = span.total_seconds() / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"


def _stored(record: Record, state: Record | None) -> Stored | None:
    """None for a schedule that was offered and taken away."""
    body = dict(record.body)
    if body.get("removed"):
        return None

    def moment(value: str | None) -> datetime | None:
        return datetime.fromisoformat(value) if value else None

    schedule = Schedule.model_validate({name: body[name] for name in Schedule.model_fields if name in body})
    made = Stored(
        schedule,
        moment(body["since"]),
        body["changed_by"],
        moment(body["changed_at"]),
        salt=body["salt"],
        version=record.version,
    )
    if state is None:
        return made
    now = state.body
    return replace(
        made, last=moment(now["last"]), last_outcome=now["outcome"], last_why=now["why"], last_job=now["job_id"],
        missed=int(now["missed"]), state_version=state.version,
    )  # fmt: skip


__all__ = [
    "DEFAULTS", "MISSED", "SKIPPED", "STARTED", "Decided", "Outcome", "Schedule", "Stored", "edit", "get", "next_runs",
    "occurrences", "put", "read", "remove", "run_now", "save", "schedules", "tick",
]  # fmt: skip
