"""A simulated year: the shop lives day by day, Shelfcast runs it alone, and things go wrong.

    python benchmarks/operations/year.py --lake /tmp/year --stores 2 --items 15 --seconds 400      again until it says done
    python benchmarks/operations/year.py --lake /tmp/year --tables disk --days 60                  tables as files, real kills;
                                                                           a shorter run meets the same faults closer together
    python benchmarks/operations/year.py --lake /tmp/year --stores 10 --items 200 --tables disk    the demo shop: hours

The production code with a clock that is moved: till lines through the door senders use, nightly files through `ingest`, the daily
cycle, retraining, maintenance and the ERP's file started by the schedules, jobs run from the queue, alerts and notices by the
worker's watch. What the ERP takes of the orders comes into the shop's stock and is what the shop can sell; what sells is what
Shelfcast sees. A planner approves what asks for a look, unless an alarm says that sales, stock or open orders are wrong.

Tables are kept in memory (a third of the processor time; records and blobs are files, a worker dies by an error nothing
catches) or on disk (`--tables disk`: Iceberg, MLflow, a worker dies by SIGKILL). The same world is run beside it with the shop's
own simple rule for ordering. A run goes on where the last piece ended. Results go to benchmarks/operations/results/.
"""

from __future__ import annotations

import argparse
import io
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from year_faults import Planted, demand_changes, plan
from year_shop import Door, Retailer, costs_of, moment_of, service_of

from shelfcast.adapters.memory import FixedClock, InlineEngine, MemoryTables
from shelfcast.adapters.record_models import RecordModels
from shelfcast.bootstrap import init_lake, lake_settings, local, notice_rules
from shelfcast.pipeline import decide_orders, job_kinds, queue_jobs, raise_alerts, run_jobs, run_record, schedule_jobs
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.keep_watch import Watch
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.schedule_jobs import Schedule
from shelfcast.ports.doors import Closed
from shelfcast.ports.notifier import Notice, Notifier
from shelfcast.ports.platform import Platform
from shelfcast.settings import FILE_NAME, Settings
from shelfcast.sources.folders import data_files
from shelfcast.sources.simulator.live_shop import LiveShop
from shelfcast.sources.simulator.shop import write_shop
from shelfcast.sources.simulator.spec import ShopSpec

HERE = Path(__file__).parent
LAST_DAY = date(2025, 10, 31)
"""End of the history: the year runs over Diwali, Christmas, Easter and a summer."""
LEASE_PASSES = timedelta(minutes=2)
KILL_SECONDS = 240.0
SCHEDULES = (
    Schedule(name="receipts", kind="push", when="daily at 00:20", enabled=True),
    Schedule(name="daily-cycle", kind="cycle", when="daily at 00:30", enabled=True, parameters={"approve_auto": True}),
    Schedule(name="orders-to-erp", kind="push", when="daily at 02:00, 03:00", enabled=True, catch_up_hours=6),
    Schedule(name="retraining", kind="retrain", when="day 1 at 05:00", enabled=True, catch_up_hours=48),
    Schedule(
        name="maintenance",
        kind="maintain",
        when="sun at 06:00",
        enabled=True,
        parameters={"grace_hours": 1, "keep_nights": 100},
    ),
    Schedule(name="till-events", kind="events", when="daily at 21:30", enabled=True, catch_up_hours=1),
)


class Died(BaseException):
    """What ends a worker where tables are in memory: no handler of ours catches it."""


class Mortal:
    """Tables whose next write, once a step has begun, ends the worker."""

    def __init__(self, tables: MemoryTables) -> None:
        self.tables, self.dies_at = tables, -1

    def __getattr__(self, name: str) -> Any:
        return getattr(self.tables, name)

    def replace(self, *arguments: Any, **named: Any) -> Any:
        self.dies_at -= 1
        if self.dies_at == 0:
            raise Died
        return self.tables.replace(*arguments, **named)


class Pickler(pickle.Pickler):
    """Locks are made anew."""

    def reducer_override(self, one: Any) -> Any:
        return (threading.RLock, ()) if isinstance(one, type(threading.RLock())) else NotImplemented


class Pager:
    """Whoever is called: keeps what it was told."""

    def __init__(self, clock: FixedClock, told: list[dict[str, Any]]) -> None:
        self.clock, self.told = clock, told

    def send(self, notice: Notice) -> str:
        self.told.append({"at": self.clock.now().isoformat(), "severity": notice.severity, "title": notice.title})
        return ""


@dataclass(frozen=True)
class Doors(Closed):
    door: Door
    pager: Pager

    def erp(self) -> Door:
        return self.door

    def notifiers(self) -> Mapping[str, Notifier]:
        return {"pager": self.pager}


@dataclass
class State:
    """What must outlive a piece of the run."""

    retailer: Retailer
    rule: LiveShop
    """The same world, ordering by the shop's own rule."""
    done: int = 0
    days: list[dict[str, Any]] = field(default_factory=list)
    rule_days: list[dict[str, Any]] = field(default_factory=list)
    alarms: dict[tuple[str, str], dict[str, Any]] = field(default_factory=dict)
    notices: list[dict[str, Any]] = field(default_factory=list)
    sizes: list[dict[str, Any]] = field(default_factory=list)
    survived: list[dict[str, Any]] = field(default_factory=list)
    processor_seconds: float = 0.0
    seconds: float = 0.0
    pieces: int = 0
    tables: MemoryTables | None = None
    clock_at: datetime | None = None


class Year:
    """One lake, one clock, one shop."""

    def __init__(self, options: argparse.Namespace) -> None:
        self.lake: Path = options.lake
        self.plan = plan(options.category, options.location, options.days)
        self.spec = spec_of(options)
        self.first = LAST_DAY + timedelta(days=1)
        self.clock = FixedClock(moment_of(LAST_DAY, "23:00"))
        self.door = Door(self.lake / "erp")
        self.file = self.lake / "state.pickle"
        self.begun = self.file.exists()
        if not (self.lake / FILE_NAME).exists():
            init_lake(self.lake)
        self.on_disk = options.tables == "disk"
        if self.begun:
            self.state: State = pickle.loads(self.file.read_bytes())
            self.clock.moment = self.state.clock_at or self.clock.moment
            if not self.on_disk:
                (self.lake / "records.db").write_bytes((self.lake / "records.kept").read_bytes())
        else:
            self.state = State(Retailer(LiveShop(self.spec)), LiveShop(self.spec))
            self.state.tables = None if self.on_disk else MemoryTables()
        self.state.pieces += 1
        self.pager = Pager(self.clock, self.state.notices)
        self.platform, self.settings = opened(self.lake, self.clock, self.door, self.pager, self.state.tables)
        from shelfcast.serve import alerts

        rules = notice_rules(Settings.read(self.lake, os.environ))
        self.watch = Watch(self.platform, alerts.look, lambda: {"pager": self.pager}, lambda: rules, self.lake, "year")
        self.costs = costs_of(self.state.retailer.live)

    def begin(self) -> None:
        """The history: files in, schedules on."""
        folder = self.lake / "shop"
        folder.mkdir(exist_ok=True)
        write_shop(self.spec, folder)
        ingest_files(self.platform, data_files([folder])[0])
        for one in SCHEDULES:
            schedule_jobs.save(self.platform, "year", one)
        self.at(LAST_DAY + timedelta(days=1), "00:30")
        self.planner()
        self.rest_of_the_night(LAST_DAY + timedelta(days=1), [])
        self.save()

    def save(self) -> None:
        """How far it is. Tables in memory go with it, and the records as they stand."""
        self.state.clock_at = self.clock.moment
        partial = self.file.with_suffix(".part")
        data = io.BytesIO()
        Pickler(data).dump(self.state)
        partial.write_bytes(data.getvalue())
        if not self.on_disk:
            kept = self.lake / "records.kept"
            kept.unlink(missing_ok=True)
            with sqlite3.connect(self.lake / "records.db") as records, sqlite3.connect(kept) as other:
                records.backup(other)
        partial.replace(self.file)

    def forget_snapshots(self) -> None:
        """Tables in memory keep each snapshot whole."""
        from shelfcast.domain.tables import TABLES

        for table in () if self.on_disk else TABLES.values():
            if self.platform.tables.state(table).rows:
                self.platform.tables.maintain(table, keep=1, grace=timedelta())

    def at(self, day: date, clock: str, *, look: bool = False) -> None:
        """Let the worker's clock strike: what is due starts and is worked off."""
        self.clock.moment = max(self.clock.moment, moment_of(day, clock))
        schedule_jobs.tick(self.platform, host="year")
        run_jobs.run_waiting(self.platform, self.settings)
        if look:
            self.watch.tick()
            self.note_alarms()

    def note_alarms(self) -> None:
        for one in raise_alerts.standing(self.platform):
            key = (one.alert_id, one.opened_at.isoformat())
            if key not in self.state.alarms:
                self.state.alarms[key] = {
                    "day": self.state.done, "at": one.opened_at.isoformat(), "cause": one.finding.cause,
                    "subject": one.finding.subject, "severity": one.finding.severity, "says": one.finding.says[:300],
                }  # fmt: skip

    def day(self) -> None:
        """One day and the night after it."""
        number = self.state.done
        today = self.first + timedelta(days=number)
        tomorrow = today + timedelta(days=1)
        planted = [one for one in self.plan if one.holds(number)]
        kinds = {one.kind for one in planted}
        self.door.shut = "erp" in kinds
        down = "down" in kinds
        retailer = self.state.retailer
        self.clock.moment = max(self.clock.moment, moment_of(today, "21:00"))
        truth, told = retailer.evening(planted, self.lake / "erp")
        retailer.send_till_lines(self.platform, told)
        if not down:
            self.at(today, "21:30")
        self.clock.moment = max(self.clock.moment, moment_of(tomorrow, "00:10"))
        retailer.send_files(self.platform, told, planted, self.lake / "inbox")
        if not down:
            self.at(tomorrow, "00:20")
            for one in planted:
                if one.kind == "kill":
                    self.killed(one, tomorrow)
            self.at(tomorrow, "00:30", look=True)
            self.planner()
            self.rest_of_the_night(tomorrow, planted)
        self.state.days.append(service_of(truth, self.costs))
        self.state.rule_days.append(service_of(self.state.rule.next_day(None), self.costs))
        self.state.done += 1
        if self.state.done % 28 == 0 or self.state.done == 1:
            self.state.sizes.append({"day": self.state.done, **sizes_of(self.platform, self.lake)})
        self.forget_snapshots()

    def rest_of_the_night(self, day: date, planted: list[Planted]) -> None:
        self.at(day, "02:00")
        if not self.door.shut:
            self.clock.moment = max(self.clock.moment, moment_of(day, "02:30"))
            self.state.retailer.answer_orders(self.platform, self.lake / "erp")
        self.at(day, "03:00")
        if day.day == 1:
            self.at(day, "05:00")
        if day.weekday() == 6:
            if self.on_disk:
                backdate(self.lake, self.clock.now())
            self.at(day, "06:00")
        self.at(day, "06:35", look=True)
        for one in planted:
            if one.kind in ("down", "erp", "late", "damaged", "twice"):
                self.state.survived.append({"day": self.state.done, "what": one.name})

    def planner(self) -> None:
        """Approve what the engine wants looked at, unless sales, stock or open orders are gravely wrong: then nothing goes out."""
        from shelfcast.domain.tables import results
        from shelfcast.pipeline.newest import newest_cutoff

        self.clock.moment += timedelta(minutes=30)
        if job_kinds.orders_held(self.platform):
            self.state.retailer.count("nights on which the planner approved nothing")
            return
        import polars as pl

        cutoff = newest_cutoff(self.platform, results.ORDER_LINES)
        lines = self.platform.tables.scan(results.ORDER_LINES).filter(
            (pl.col("cutoff") == cutoff) & (pl.col("scenario") == "base") & (pl.col("qty") > 0) & (pl.col("status") != "held")
        ).select("line_id").collect()["line_id"].to_list()  # fmt: skip
        done = decide_orders.decide(self.platform, "planner", lines, decide_orders.APPROVED, "looked at")
        self.state.retailer.count("lines approved by the planner", sum(one.done for one in done))

    def killed(self, one: Planted, day: date) -> None:
        """A worker that dies by SIGKILL in the middle of a step of the cycle; another takes the job up."""
        self.clock.moment = max(self.clock.moment, moment_of(day, "00:30"))
        schedule_jobs.tick(self.platform, host="year")
        half = self.killed_by_signal(one) if self.on_disk else self.killed_in_memory(one)
        self.clock.moment += LEASE_PASSES
        done = run_jobs.run_waiting(self.platform, self.settings)
        ended = [f"{job.title}: {job.state} at attempt {job.attempt}" for job in done]
        self.state.survived.append({"day": self.state.done, "what": one.name, "killed in": half, "then": ended})

    def killed_in_memory(self, one: Planted) -> list[str]:
        """The step's first write (its second, if it writes several tables) ends the worker."""
        from shelfcast.pipeline import steps

        assert self.state.tables is not None
        mortal = Mortal(self.state.tables)
        step = steps.STEPS[one.detail]
        original = run_jobs.JobProgress.start

        def start(progress: run_jobs.JobProgress, task: str, total: float | None = None) -> None:
            if task == step.title and mortal.dies_at < 0:
                mortal.dies_at = 1 + (len(step.writes) > 1)
            original(progress, task, total)

        run_jobs.JobProgress.start = start  # type: ignore[method-assign]
        try:
            run_jobs.run_waiting(replace(self.platform, tables=mortal), self.settings)  # type: ignore[arg-type]
        except Died:
            return [one.detail]
        finally:
            run_jobs.JobProgress.start = original  # type: ignore[method-assign]
        return []

    def killed_by_signal(self, one: Planted) -> list[str]:
        child = subprocess.Popen(
            [
                sys.executable,
                str(HERE / "year.py"),
                "--lake",
                str(self.lake),
                "--work-at",
                self.clock.now().isoformat(),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        until = time.monotonic() + KILL_SECONDS
        hit, began = False, self.clock.now().isoformat()
        while time.monotonic() < until and child.poll() is None and not hit:
            hit = any(
                record.body["step"] == one.detail and str(record.body["started_at"]) >= began
                for record in self.platform.records.query(run_record.KIND, where={"state": "running"})
            )
            time.sleep(0.02)
        if child.poll() is None:
            os.kill(child.pid, signal.SIGKILL)
        child.wait()
        return [
            record.body["step"]
            for record in self.platform.records.query(run_record.KIND, where={"state": "running"})
            if str(record.body["started_at"]) >= began
        ]


def spec_of(options: argparse.Namespace) -> ShopSpec:
    first = LAST_DAY + timedelta(days=1)
    return ShopSpec(
        stores=options.stores, items=options.items, days=options.history, seed=options.seed, last_day=LAST_DAY, event_days=28,
        stock_days=90, delivery_days=365, future_days=options.days + 40, dirty_share=0.0,
        demand_changes=demand_changes(first, options.category, options.location, options.days),
    )  # fmt: skip


def opened(
    lake: Path, clock: FixedClock, door: Door, pager: Pager, tables: MemoryTables | None
) -> tuple[Platform, LakeSettings]:
    settings = Settings.read(lake, os.environ)
    platform = replace(local(settings), clock=clock, doors=Doors(door, pager))
    if tables is not None:
        models = RecordModels(platform.records, platform.blobs)
        platform = replace(platform, tables=tables, models=models, engine=InlineEngine())
    return platform, lake_settings(settings)


def backdate(lake: Path, moment: datetime) -> None:
    """Files are as old as the simulated clock says, so that maintenance sees a year go by."""
    stamp = moment.timestamp()
    for path in (lake / "lake").rglob("*"):
        if path.is_file() and not path.name.startswith("catalog") and path.stat().st_mtime > stamp:
            os.utime(path, (stamp, stamp))


def sizes_of(platform: Platform, lake: Path) -> dict[str, Any]:
    """Rows, files and bytes of each table, and what lies on the disk beside them."""
    from shelfcast.domain.tables import TABLES

    def folder(path: Path) -> tuple[int, float]:
        found = [one.stat().st_size for one in path.rglob("*") if one.is_file()]
        return len(found), round(sum(found) / 1e6, 2)

    tables = {}
    for name, table in TABLES.items():
        state = platform.tables.state(table)
        if state.rows:
            tables[name] = {
                "rows": state.rows, "files": state.files, "megabytes": round(state.bytes / 1e6, 3), "snapshots": len(state.snapshots),
            }  # fmt: skip
    on_disk = {name: folder(lake / name) for name in ("lake", "blobs")}
    return {
        "tables": tables, "files_on_disk": on_disk["lake"][0], "megabytes_on_disk": on_disk["lake"][1],
        "blobs": on_disk["blobs"][0], "blob_megabytes": on_disk["blobs"][1],
        "records_megabytes": round((lake / "records.db").stat().st_size / 1e6, 2),
        "open_jobs": len(queue_jobs.open_jobs(platform)),
    }  # fmt: skip


def work_once(lake: Path, moment: str) -> None:
    """What the worker does that is going to be killed."""
    clock = FixedClock(datetime.fromisoformat(moment).astimezone(UTC))
    platform, settings = opened(lake, clock, Door(lake / "erp"), Pager(clock, []), None)
    run_jobs.run_waiting(platform, settings)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", type=Path, required=True, help="folder of the lake; made, and gone on with")
    for name, default in (("stores", 2), ("items", 15), ("history", 760), ("days", 365), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long; run again to go on")
    parser.add_argument("--tables", choices=["memory", "disk"], default="memory", help="where tables are kept")
    parser.add_argument("--category", default="Snacks", help="the category whose level shifts")
    parser.add_argument("--location", default="S02", help="the store that gets a competitor")
    parser.add_argument("--work-at", default="", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.work_at:
        work_once(options.lake, options.work_at)
        return
    began, began_processor = time.monotonic(), processor_seconds()
    year = Year(options)
    state = year.state
    if not year.begun:
        year.begin()
    while state.done < options.days and time.monotonic() - began < options.seconds:
        year.day()
        now, now_processor = time.monotonic(), processor_seconds()
        state.seconds += now - began
        state.processor_seconds += now_processor - began_processor
        options.seconds -= now - began
        began, began_processor = now, now_processor
        if year.on_disk or state.done % 60 == 0:
            year.save()
        if state.done % 7 == 0:
            print(
                f"day {state.done}: {len(state.alarms)} alarms, {state.processor_seconds:,.0f} processor seconds",
                file=sys.stderr,
                flush=True,
            )
    year.save()
    if state.done:
        from year_report import write_report

        write_report(year.platform, state, year.plan, options, year.first)
    if state.done >= options.days:
        print("done")
    else:
        print(f"{state.done} of {options.days} days; run it again to go on")


def processor_seconds() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
