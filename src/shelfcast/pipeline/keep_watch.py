"""What every worker does beside its jobs: start what is due, look for trouble, tell people. Any number of workers may.

Each part is safe to be done by several at once and to be killed anywhere; a part that fails costs the others nothing.
"""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from shelfcast.domain.errors import Conflict, NotFound, ShelfcastError
from shelfcast.domain.findings import Finding
from shelfcast.pipeline import handle_alerts, log_events, mute_alerts, raise_alerts, schedule_jobs, send_notices
from shelfcast.pipeline.send_notices import NoticeRules
from shelfcast.ports.notifier import Notifier
from shelfcast.ports.platform import Platform

KIND = "watch"
TICK_SECONDS = 5.0
LOOK_EVERY = timedelta(minutes=5)
PRUNE_EVERY = timedelta(days=1)
KEEP_RESOLVED = timedelta(days=400)
"""A year and a bit: what happened last season can be looked up."""
NEARLY_FULL, FULL = 0.10, 0.03
"""Share of the disk that is free."""
LEAST_BYTES = 2 * 2**30


@dataclass
class Watch:
    """What a worker needs for it.

    Args:
        look: brings what can be seen in results, jobs and data into the alerts.
        notifiers, rules: as the settings stand now.
        folder: the lake's, whose disk is watched.
    """

    platform: Platform
    look: Callable[[Platform], object]
    notifiers: Callable[[], Mapping[str, Notifier]]
    rules: Callable[[], NoticeRules]
    folder: Path | None = None
    host: str = ""
    problems: dict[str, str] = field(default_factory=dict)
    """By part: what went wrong last; a part that went well since isn't here."""

    def tick(self) -> None:
        """Do everything that is due."""
        platform = self.platform
        self._part("schedules", self._start_due)
        if _my_turn(platform, "look", LOOK_EVERY):
            self._part("look", self.look_now)
        self._part("notices", self._tell)

    def after_job(self) -> None:
        """Look for trouble now: a job ended."""
        self._part("look", self.look_now)

    def look_now(self) -> None:
        """Look for trouble, and bring what is found into the alerts."""
        self.look(self.platform)
        if self.folder is not None:
            usage = shutil.disk_usage(self.folder)
            raise_alerts.report(
                self.platform, disk_findings(self.folder, usage.free, usage.total), causes=["system.disk"]
            )

    def _start_due(self) -> None:
        for one in schedule_jobs.tick(self.platform, host=self.host):
            log_events.info(
                f"schedule {one.outcome}",
                schedule=one.name,
                occurrence=one.moment.isoformat(),
                job_id=one.job_id,
                why=one.why,
            )

    def _tell(self) -> None:
        platform, rules = self.platform, self.rules()
        notifiers = self.notifiers()
        handle_alerts.run_out(platform)
        quiet, now = mute_alerts.mutes(platform), platform.clock.now()
        muted = {one.alert_id for one in raise_alerts.standing(platform) if mute_alerts.muted(quiet, one.finding, now)}
        handle_alerts.escalate(platform, rules.escalate_after, quiet=frozenset(muted))
        send_notices.make(platform, rules, notifiers)
        send_notices.deliver(platform, notifiers)
        if _my_turn(platform, "prune", PRUNE_EVERY):
            send_notices.prune(platform)
            raise_alerts.prune(platform, KEEP_RESOLVED)

    def _part(self, name: str, work: Callable[[], object]) -> None:
        try:
            work()
            self.problems.pop(name, None)
        except ShelfcastError as error:
            self._say(name, str(error), trace=False)
        except Exception as error:  # a defect of ours must not end the worker
            self._say(name, f"{type(error).__name__}: {error}", trace=True)

    def _say(self, name: str, text: str, *, trace: bool) -> None:
        if self.problems.get(name) != text:  # once, not every few seconds
            log_events.error(f"{name} failed", error=text, trace=trace)
        self.problems[name] = text


def watching(watch: Watch, stop: threading.Event) -> threading.Thread:
    """Tick in a thread of its own until told to stop."""

    def run() -> None:
        while not stop.wait(TICK_SECONDS):
            watch.tick()

    thread = threading.Thread(target=run, name="watch", daemon=True)
    thread.start()
    return thread


def disk_findings(folder: Path, free: int, total: int) -> list[Finding]:
    """A disk that is nearly full: less than a tenth, or less than the 2 GB maintenance needs to work in.

    >>> disk_findings(Path("/lake"), 50 * 2**30, 100 * 2**30)
    []
    >>> disk_findings(Path("/lake"), 1 * 2**30, 100 * 2**30)[0].severity
    'critical'
    """
    share = free / total if total else 1.0
    # A tenth of a very large disk is plenty, and a small one is full sooner.
    if free >= LEAST_BYTES and (share >= NEARLY_FULL or free >= 50 * LEAST_BYTES):
        return []
    grave = share < FULL or free < LEAST_BYTES
    return [
        Finding(
            "system.disk", str(folder), "critical" if grave else "warning",
            f"{free / 2**30:,.1f} GB of {total / 2**30:,.0f} GB are free ({share:.0%}).",
            "Run `shelfcast maintain`, or give the lake a larger disk.", "/data/jobs", round(share, 4), FULL if grave else NEARLY_FULL,
        )
    ]  # fmt: skip


def _my_turn(platform: Platform, what: str, every: timedelta) -> bool:
    """True for one worker in each stretch of time."""
    now = platform.clock.now()
    try:
        record = platform.records.get(KIND, what)
    except NotFound:
        record = None
    if record is not None and now - datetime.fromisoformat(record.body["at"]) < every:
        return False
    with suppress(Conflict):
        platform.records.put(KIND, what, {"at": now.isoformat()}, expected=record.version if record else 0)
        return True
    return False
