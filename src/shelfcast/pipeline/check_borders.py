"""Every border looked at: what is wrong, and what to do. Nothing is changed but a probe blob and record, taken away again."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

import polars as pl

from shelfcast.domain.errors import ShelfcastError
from shelfcast.domain.tables.curated import LOCATIONS, QUARANTINE, SALES
from shelfcast.pipeline.border_troubles import troubles
from shelfcast.pipeline.decide_orders import APPROVED, SENT
from shelfcast.pipeline.fetch_outside import states
from shelfcast.pipeline.ingest_cdc import STREAMS
from shelfcast.pipeline.ingest_database import KIND as WATERMARKS
from shelfcast.pipeline.ingest_events import KIND as EVENT_RUNS
from shelfcast.pipeline.plan_orders import ORDER_STATE_KIND
from shelfcast.pipeline.push_orders import LETTERS, OPEN, deliveries
from shelfcast.pipeline.receive_events import event_log, list_dead_letters
from shelfcast.ports.platform import Platform

WAITING = timedelta(minutes=30)
"""Events waiting longer than this to be taken in are told."""
SILENT = timedelta(days=3)
"""An order line sent and not acknowledged for this long is told."""
OLD_HOURS = 48.0
PROBE = "doctor/probe"
EXTRAS = {
    "adbc_driver_postgresql": ("PostgreSQL sources", "databases"), "pymysql": ("MySQL and MariaDB sources", "databases"),
    "asyncssh": ("orders over SFTP", "sftp"), "fastexcel": ("Excel files", "excel"), "fastapi": ("the server", "api"),
}  # fmt: skip


class Health(StrEnum):
    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One border: how it is, what was seen, and what to do about it (empty where nothing need be done)."""

    border: str
    health: Health
    seen: str
    cure: str = ""


def examine(platform: Platform) -> list[Finding]:
    """Look at every border. A check that breaks is itself a finding, and the others go on."""
    found: list[Finding] = []
    for name, check in CHECKS.items():
        try:
            found += list(check(platform))
        except ShelfcastError as error:
            found.append(Finding(name, Health.FAILED, str(error), "Mend what the message names, then look again."))
    return found


def _ok(border: str, seen: str) -> Finding:
    return Finding(border, Health.OK, seen)


def _stores(platform: Platform) -> Iterator[Finding]:
    platform.blobs.put(PROBE, b"probe")
    platform.blobs.get(PROBE)
    platform.blobs.delete(PROBE)
    platform.records.put("doctor", "probe", {})
    platform.records.delete("doctor", "probe")
    yield _ok("lake", f"blobs and records can be written; sales has {platform.tables.state(SALES).rows:,} rows")


def _clocks(platform: Platform) -> Iterator[Finding]:
    places = platform.tables.scan(LOCATIONS).collect()
    if places.is_empty():
        yield Finding(
            "locations", Health.WARNING, "no location is known", "Load `locations`: shelfcast template locations."
        )
        return
    bad = [one for one, zone in places.select("location_id", "time_zone").iter_rows() if not _is_zone(zone or "UTC")]
    if bad:
        yield Finding(
            "locations", Health.FAILED, f"{len(bad):,} have a time zone nobody knows ({', '.join(bad[:5])})",
            "Give them an IANA zone such as Europe/Berlin, or their till events can't be dated.",
        )  # fmt: skip
    blind = places.filter(pl.col("latitude").is_null() | pl.col("longitude").is_null())["location_id"]
    if blind.len():
        yield Finding(
            "locations", Health.WARNING, f"{blind.len():,} have no latitude and longitude ({_first(blind)})",
            "Add them to `locations` to get weather.",
        )  # fmt: skip
    homeless = places.filter(pl.col("country").is_null())["location_id"]
    if homeless.len():
        yield Finding(
            "locations", Health.WARNING, f"{homeless.len():,} have no country ({_first(homeless)})",
            "Add it to `locations` to get public holidays.",
        )  # fmt: skip
    if not (bad or blind.len() or homeless.len()):
        yield _ok("locations", f"{places.height:,} have clock, place and country")


def _first(ids: pl.Series) -> str:
    shown = ids.sort().head(5).to_list()
    return ", ".join(shown) + (", ..." if ids.len() > 5 else "")


def _is_zone(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return False
    return True


def _events(platform: Platform) -> Iterator[Finding]:
    now, log = platform.clock.now(), event_log(platform)
    waiting = log.pending(now)
    lost = set(log.pending(now, everything=True)) - set(waiting)
    if lost:
        yield Finding(
            "till events",
            Health.FAILED,
            f"{len(lost):,} batches came into hours already closed",
            "shelfcast events ingest --all",
        )
    old = [name for name in waiting if name.split("/")[-2] < f"{now - WAITING - timedelta(hours=1):%Y-%m-%dT%H}"]
    if old:
        yield Finding(
            "till events",
            Health.WARNING,
            f"{len(waiting):,} batches wait, the oldest since {old[0].split('/')[-2]}:00 UTC",
            "shelfcast events ingest",
        )
    dead = list_dead_letters(platform)
    if dead:
        rules = ", ".join(sorted({one["rule"] for one in dead}))
        yield Finding(
            "till events",
            Health.WARNING,
            f"{len(dead):,} dead letters ({rules})",
            "shelfcast events dead-letters; mend the cause; shelfcast events retry",
        )
    runs = platform.records.query(EVENT_RUNS)
    if runs and runs[-1].body.get("differing"):
        yield Finding(
            "till events", Health.WARNING, f"{runs[-1].body['differing']:,} rows of sales files differ from what the events add up to",
            "See which of the two is wrong; the files stand.",
        )  # fmt: skip
    if not (lost or old or dead):
        yield _ok("till events", f"nothing waits too long ({len(waiting):,} batches), no dead letters")


def _sources(platform: Platform) -> Iterator[Finding]:
    found = states(platform)
    for one in found:
        age = "never" if one.age_hours is None else f"{one.age_hours:.0f} h ago"
        name = f"source {one.connector}"
        if one.state != "ok":
            cure = (
                "It is asked again at the next fetch."
                if one.state == "down"
                else "See the message; the last good values stay."
            )
            yield Finding(
                name,
                Health.FAILED,
                f"{one.state} since {one.failing_since[:16]}, last good {age}: {one.error[:200]}",
                cure,
            )
        elif one.age_hours is not None and one.age_hours > OLD_HOURS:
            yield Finding(
                name,
                Health.WARNING,
                f"last asked {age}",
                "Fetch it daily: shelfcast connect ..., by the server's schedule or cron.",
            )
        else:
            yield _ok(name, f"last good {age}, through {one.watermark or 'now'}")
    if not found:
        yield _ok("outside sources", "none is used yet (shelfcast connect weather, holidays, fred, world-bank)")


def _databases(platform: Platform) -> Iterator[Finding]:
    marks, streams, stopped = platform.records.query(WATERMARKS), platform.records.query(STREAMS), troubles(platform)
    for trouble in stopped:
        yield Finding(
            trouble.border,
            Health.FAILED,
            f"{trouble.source} does not come in since {trouble.since[:16].replace('T', ' ')} UTC: {trouble.error[:300]}",
            "Mend what the message names, then load it again; what came before stays.",
        )
    broken = {one.source for one in stopped}
    for one in marks:
        if one.body["source"] in broken:
            continue
        yield _ok("database", f"{one.body['source']}: loaded through {one.body['column']} = {one.body['watermark']}")
    for one in streams:
        if one.record_id in broken:
            continue
        yield _ok(
            "change files",
            f"{one.record_id} -> {one.body.get('table') or 'its table'}, taken in {str(one.body.get('at', ''))[:16]}",
        )
    if not marks and not streams and not stopped:
        yield _ok("databases", "none is read yet")


def _quarantine(platform: Platform) -> Iterator[Finding]:
    since = platform.clock.now() - timedelta(days=7)
    bad = (
        platform.tables.scan(QUARANTINE)
        .filter(pl.col("loaded_at") >= since)
        .group_by("table")
        .len()
        .sort("table")
        .collect()
    )
    if bad.is_empty():
        yield _ok("quarantine", "no row was refused in the last 7 days")
        return
    listed = ", ".join(f"{count:,} of {name}" for name, count in bad.iter_rows())
    yield Finding(
        "quarantine",
        Health.WARNING,
        f"rows refused in the last 7 days: {listed}",
        "shelfcast tables quarantine shows each with its reason.",
    )


def _erp(platform: Platform) -> Iterator[Finding]:
    now, stuck = (
        platform.clock.now(),
        [one for one in deliveries(platform) if one["state"] == OPEN and one.get("error")],
    )
    for one in stuck:
        yield Finding(
            "ERP",
            Health.FAILED,
            f"delivery {one['delivery']} does not go out: {one['error'][:200]}",
            "Mend it, then: shelfcast erp push",
        )
    letters = platform.blobs.list(LETTERS)
    if letters:
        yield Finding(
            "ERP",
            Health.WARNING,
            f"{len(letters):,} answers of the ERP could not be read; they lie in {LETTERS}",
            "Have the ERP send them again in the form of the contract page, then delete them there.",
        )
    sent = platform.records.query(ORDER_STATE_KIND, where={"state": SENT})
    silent = [
        one for one in sent if one.body.get("sent_at") and now - datetime.fromisoformat(one.body["sent_at"]) > SILENT
    ]
    if silent:
        yield Finding(
            "ERP", Health.WARNING, f"{len(silent):,} order lines were sent over {SILENT.days} days ago and never acknowledged",
            "Ask the ERP's operator; they count as on order until it says otherwise.",
        )  # fmt: skip
    if not stuck and not silent and not letters:
        waiting = len(platform.records.query(ORDER_STATE_KIND, where={"state": APPROVED}))
        yield _ok("ERP", f"{waiting:,} approved lines wait to be sent, {len(sent):,} wait for an answer")


def _extras(platform: Platform) -> Iterator[Finding]:  # noqa: ARG001 - about the installation
    missing = [
        f"{what} (pip install 'shelfcast[{extra}]')"
        for name, (what, extra) in EXTRAS.items()
        if importlib.util.find_spec(name) is None
    ]
    seen = f"not installed: {'; '.join(missing)}" if missing else "every optional part is installed"
    yield _ok("installation", seen)


CHECKS: dict[str, Callable[[Platform], Iterator[Finding]]] = {
    "lake": _stores, "locations": _clocks, "till events": _events, "outside sources": _sources, "databases": _databases,
    "quarantine": _quarantine, "ERP": _erp, "installation": _extras,
}  # fmt: skip
