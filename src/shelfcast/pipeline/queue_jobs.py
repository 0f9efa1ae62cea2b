"""The queue of long work: submit, claim, progress, log, cancel, retry, finish. Everything lives in the record store.

    queued -> running -> done | failed | cancelled
       ^_________|  lease ran out (worker killed): taken up again, at most MAX_ATTEMPTS times
       ^_________|  failed for want of something outside (`postpone`): tried again later, as often as its kind allows

A claim is a compare-and-swap on the job's record, so two workers never run the same job; a worker renews its lease and,
once another has taken over, can no longer write the outcome. Jobs of the lane `lake` change the lake and run one at a
time (the lane has a record of its own, so that two workers can't take two of them at the same moment); `quick` ones
(scenarios, exports) run beside them, at most MOST_QUICK at once.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from shelfcast.domain.errors import Conflict, NotFound
from shelfcast.ports.platform import Platform
from shelfcast.ports.record_store import Record, RecordStore

KIND = "jobs"
OPEN = "jobs_open"
"""One small record for each job that isn't finished, so that looking for work costs nothing however long the history."""
LOG = "job_logs"
LAKE, QUICK = "lake", "quick"
LANES = (LAKE, QUICK)
QUEUED, RUNNING, DONE, FAILED, CANCELLED = "queued", "running", "done", "failed", "cancelled"
FINAL = (DONE, FAILED, CANCELLED)
LEASE = timedelta(seconds=45)
MAX_ATTEMPTS = 3
MOST_QUICK = 4
"""Quick jobs that run at once, over all workers."""
TAKING = timedelta(seconds=15)
"""How long a worker may take between taking the lane and taking the job."""
LANE = "lanes"
"""Who has a lane: {"job_id", "attempt"} of the job that took it last."""


@dataclass(frozen=True)
class Task:
    """A part of a job, as its worker reported it. `share` is None where the length can't be known."""

    name: str
    done: float = 0.0
    total: float | None = None
    message: str = ""
    finished: bool = False


@dataclass(frozen=True)
class Job:
    """A piece of long work and how far it is."""

    job_id: str
    kind: str
    title: str
    lane: str
    parameters: Mapping[str, Any]
    state: str
    created_at: datetime
    created_by: str
    started_at: datetime | None = None
    ended_at: datetime | None = None
    attempt: int = 0
    cancel_asked: bool = False
    tasks: tuple[Task, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    error: str = ""
    retry_of: str = ""
    lease_until: datetime | None = None
    claim: str = ""
    host: str = ""
    process: int = 0
    failures: int = 0
    """How often it failed for want of something outside and was postponed."""
    not_before: datetime | None = None
    """A postponed job waits until then."""
    schedule: str = ""
    """The schedule that started it."""
    version: int = 0

    @property
    def finished(self) -> bool:
        return self.state in FINAL


@dataclass(frozen=True)
class LogLine:
    at: datetime
    level: str
    text: str


def submit(
    platform: Platform, kind: str, title: str, lane: str, parameters: Mapping[str, Any], by: str, *, retry_of: str = "",
    job_id: str = "", schedule: str = "",
) -> Job:  # fmt: skip
    """Put a job into the queue. Its id begins with the moment, so that ids sort by time.

    Raises:
        Conflict: a job with the given `job_id` was submitted already.
    """
    now = platform.clock.now()
    job_id = job_id or f"{now:%Y%m%dT%H%M%S%f}-{secrets.token_hex(3)}"
    body = {
        "kind": kind, "title": title, "lane": lane, "parameters": dict(parameters), "state": QUEUED,
        "created_at": now.isoformat(), "created_by": by, "retry_of": retry_of, "schedule": schedule,
    }  # fmt: skip
    # The pointer first: killed in between, it points at nothing and is swept away; the other way round a job would be lost.
    platform.records.put(OPEN, job_id, {"lane": lane, "created_at": now.isoformat()})
    record = platform.records.put(KIND, job_id, body, expected=0)
    return job_of(record)


def get(platform: Platform, job_id: str) -> Job:
    """
    Raises:
        NotFound: no such job.
    """
    try:
        return job_of(platform.records.get(KIND, job_id))
    except NotFound as error:
        raise NotFound(f"there is no job {job_id!r}. List them at /v1/jobs.") from error


def newest(
    platform: Platform, limit: int, *, before: str = "", kind: str = "", state: str = ""
) -> tuple[list[Job], str]:
    """(jobs, the newest first; cursor of the next page, empty on the last)."""
    where = {name: value for name, value in (("kind", kind), ("state", state)) if value}
    found = [one for one in platform.records.query(KIND, where=where) if not before or one.record_id < before]
    found.reverse()
    page = [job_of(one) for one in found[:limit]]
    return page, (page[-1].job_id if len(found) > limit else "")


def open_jobs(platform: Platform) -> list[Job]:
    """Jobs that wait or run, the oldest first."""
    found = []
    for pointer in platform.records.query(OPEN):
        with suppress(NotFound):
            found.append(job_of(platform.records.get(KIND, pointer.record_id)))
    return [one for one in found if not one.finished]


def claim(
    platform: Platform, lanes: Sequence[str] = LANES, *, host: str = "", process: int = 0, dead: Sequence[int] = ()
) -> Job | None:
    """Take the oldest job that waits, or whose worker is gone; None when there is nothing to do.

    `dead`: processes of this host known to have ended, so that their jobs needn't wait for the lease to run out.
    """
    now = platform.clock.now()
    waiting: list[Job] = []
    lake_is_busy, quick_running = False, 0
    for pointer in platform.records.query(OPEN):
        try:
            job = job_of(platform.records.get(KIND, pointer.record_id))
        except NotFound:
            if now - datetime.fromisoformat(pointer.body["created_at"]) > timedelta(minutes=1):
                platform.records.delete(OPEN, pointer.record_id)
            continue
        if job.finished:  # killed between the last two writes of `_close`
            platform.records.delete(OPEN, job.job_id)
            continue
        gone = job.state == RUNNING and (
            job.lease_until is None or job.lease_until < now or (job.host == host and job.process in dead)
        )
        if job.state == RUNNING and not gone:
            lake_is_busy |= job.lane == LAKE
            quick_running += job.lane == QUICK
            continue
        if job.lane in lanes and (job.not_before is None or job.not_before <= now or job.cancel_asked):
            waiting.append(job)
    for job in waiting:
        if (job.lane == LAKE and lake_is_busy) or (job.lane == QUICK and quick_running >= MOST_QUICK):
            continue
        if job.lane == LAKE and not _hold_lane(platform, job, dead, host):
            continue
        taken = _take(platform, job, host, process)
        if taken is not None:
            return taken
    return None


def _hold_lane(platform: Platform, job: Job, dead: Sequence[int], host: str) -> bool:
    """Take the lane for a job. False while another has it: one that runs, or one about to (it has some seconds for it)."""
    now = platform.clock.now()
    try:
        held = platform.records.get(LANE, LAKE)
    except NotFound:
        held = None
    if held is not None and held.body["job_id"] != job.job_id:
        with suppress(NotFound):
            other = job_of(platform.records.get(KIND, held.body["job_id"]))
            lives = other.lease_until is not None and other.lease_until >= now
            if other.state == RUNNING and lives and not (other.host == host and other.process in dead):
                return False
            about_to = not other.finished and other.attempt < int(held.body["attempt"])
            if about_to and now - datetime.fromisoformat(held.body["at"]) < TAKING:
                return False
    body = {"job_id": job.job_id, "attempt": job.attempt + 1, "at": now.isoformat()}
    try:
        platform.records.put(LANE, LAKE, body, expected=held.version if held else 0)
    except Conflict:
        return False
    return True


def _take(platform: Platform, job: Job, host: str, process: int) -> Job | None:
    now = platform.clock.now()
    body = dict(platform.records.get(KIND, job.job_id).body)
    if job.cancel_asked:
        _close(platform.records, job, body | {"state": CANCELLED, "ended_at": now.isoformat(), "error": "cancelled"})
        return None
    if job.attempt - job.failures >= MAX_ATTEMPTS:
        why = (
            f"its worker ended {job.attempt - job.failures} times before it was done, usually killed for want of memory. "
            "See its log; give the machine more memory or make partitions smaller, then retry."
        )
        _close(platform.records, job, body | {"state": FAILED, "ended_at": now.isoformat(), "error": why})
        return None
    body |= {
        "state": RUNNING, "attempt": job.attempt + 1, "claim": secrets.token_hex(8), "host": host, "process": process,
        "lease_until": (now + LEASE).isoformat(), "started_at": body.get("started_at") or now.isoformat(), "tasks": [], "not_before": None,
    }  # fmt: skip
    try:
        return job_of(platform.records.put(KIND, job.job_id, body, expected=job.version))
    except Conflict:
        return None


def beat(platform: Platform, job: Job, tasks: Sequence[Task]) -> bool:
    """Renew the lease and write progress. True if the job is to stop: cancelled, or taken over by another worker."""
    for _ in range(5):
        record = platform.records.get(KIND, job.job_id)
        if record.body.get("claim") != job.claim or record.body["state"] != RUNNING:
            return True
        body = dict(record.body) | {
            "lease_until": (platform.clock.now() + LEASE).isoformat(),
            "tasks": [vars(one) for one in tasks],
        }
        with suppress(Conflict):
            platform.records.put(KIND, job.job_id, body, expected=record.version)
            return bool(body.get("cancel_asked"))
    return False


def finish(
    platform: Platform, job: Job, state: str, *, result: Mapping[str, Any] | None = None, error: str = "",
    tasks: Sequence[Task] = (),
) -> Job:  # fmt: skip
    """Write the outcome; a worker that lost its claim writes nothing."""
    while True:
        record = platform.records.get(KIND, job.job_id)
        if record.body.get("claim") != job.claim or record.body["state"] in FINAL:
            return job_of(record)
        body = dict(record.body) | {
            "state": state, "result": dict(result or {}), "error": error, "ended_at": platform.clock.now().isoformat(),
            "tasks": [vars(one) for one in tasks],
        }  # fmt: skip
        with suppress(Conflict):
            return _close(platform.records, job_of(record), body)


def postpone(platform: Platform, job: Job, error: str, wait: timedelta) -> Job:
    """Put a running job back to be tried again after a while; a worker that lost its claim writes nothing."""
    while True:
        record = platform.records.get(KIND, job.job_id)
        if record.body.get("claim") != job.claim or record.body["state"] != RUNNING:
            return job_of(record)
        body = dict(record.body) | {
            "state": QUEUED, "error": error, "claim": "", "lease_until": None, "failures": job.failures + 1,
            "not_before": (platform.clock.now() + wait).isoformat(),
        }  # fmt: skip
        with suppress(Conflict):
            return job_of(platform.records.put(KIND, job.job_id, body, expected=record.version))


def cancel(platform: Platform, job_id: str) -> Job:
    """A waiting job is cancelled at once, a running one when its worker sees it (within seconds).

    Raises:
        NotFound: no such job.
        Conflict: it is finished already.
    """
    while True:
        job = get(platform, job_id)
        if job.finished:
            raise Conflict(f"job {job_id} is {job.state} already; only waiting and running jobs can be cancelled.")
        body = dict(platform.records.get(KIND, job_id).body) | {"cancel_asked": True}
        with suppress(Conflict):
            if job.state == QUEUED:
                ended = {"state": CANCELLED, "ended_at": platform.clock.now().isoformat(), "error": "cancelled"}
                return _close(platform.records, job, body | ended)
            return job_of(platform.records.put(KIND, job_id, body, expected=job.version))


def retry(platform: Platform, job_id: str, by: str) -> Job:
    """The same work again, as a new job.

    Raises:
        Conflict: it isn't finished, or it is done.
    """
    job = get(platform, job_id)
    if job.state not in (FAILED, CANCELLED):
        raise Conflict(f"job {job_id} is {job.state}; only failed and cancelled jobs can be tried again.")
    return submit(platform, job.kind, job.title, job.lane, job.parameters, by, retry_of=job_id)


def log(platform: Platform, job_id: str, number: int, text: str, level: str = "info") -> None:
    """Line `number` of a job's log. Numbers of later attempts begin higher, so nothing is written over."""
    body = {"at": platform.clock.now().isoformat(), "level": level, "text": text}
    platform.records.put(LOG, f"{job_id}/{number:08d}", body)


def log_lines(platform: Platform, job_id: str, after: int = 0) -> list[tuple[int, LogLine]]:
    """Numbered lines of a job's log, after a number.

    Raises:
        NotFound: no such job.
    """
    get(platform, job_id)
    lines = []
    for record in platform.records.query(LOG, prefix=f"{job_id}/"):
        number = int(record.record_id.rpartition("/")[2])
        if number > after:
            body = record.body
            lines.append((number, LogLine(datetime.fromisoformat(body["at"]), body["level"], body["text"])))
    return lines


def prune(platform: Platform, older_than: timedelta) -> int:
    """Forget finished jobs that ended long ago, with their logs."""
    limit, count = platform.clock.now() - older_than, 0
    for record in platform.records.query(KIND):
        job = job_of(record)
        if job.finished and job.ended_at is not None and job.ended_at < limit:
            for line in platform.records.query(LOG, prefix=f"{job.job_id}/"):
                platform.records.delete(LOG, line.record_id)
            platform.records.delete(KIND, job.job_id)
            count += 1
    return count


def _close(records: RecordStore, job: Job, body: Mapping[str, Any]) -> Job:
    closed = records.put(KIND, job.job_id, body, expected=job.version)
    records.delete(OPEN, job.job_id)
    return job_of(closed)


def job_of(record: Record) -> Job:
    body = record.body

    def moment(name: str) -> datetime | None:
        return datetime.fromisoformat(body[name]) if body.get(name) else None

    return Job(
        record.record_id, body["kind"], body["title"], body["lane"], body["parameters"], body["state"],
        datetime.fromisoformat(body["created_at"]), body["created_by"], moment("started_at"), moment("ended_at"),
        int(body.get("attempt", 0)), bool(body.get("cancel_asked")), tuple(Task(**one) for one in body.get("tasks", ())),
        body.get("result", {}), body.get("error", ""), body.get("retry_of", ""), moment("lease_until"),
        body.get("claim", ""), body.get("host", ""), int(body.get("process", 0)), int(body.get("failures", 0)),
        moment("not_before"), body.get("schedule", ""), record.version,
    )  # fmt: skip
