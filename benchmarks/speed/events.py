"""How fast till events come in: request to raw, request to visible sales, and whether the sums are the source's.

    .venv/bin/python benchmarks/speed/events.py --data DATA --out benchmarks/speed/results

DATA holds `online_retail/transactions.parquet` and `complete_journey/transactions.parquet`. Each line is an event of its
own (its id is its row number). Measured on a lake in a temporary folder, with real files:

1. intake: one process checks requests of 500 events and writes them (events a second of CPU time);
2. HTTP: uvicorn with the whole API in a process of its own, two clients; CPU seconds of the server are read from the
   system, so that events a second a core is what the server alone needs;
3. ingest: everything that came in, merged by event id and added up; then all of it sent and merged again;
4. the sums: every (item, location, day) against a plain group-by of the source;
5. delay: events at a steady rate while the lake takes them in again and again: from the request to the sales.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.metadata
import json
import multiprocessing
import os
import platform as machine
import socket
import tempfile
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl

from shelfcast.bootstrap import init_lake, open_platform
from shelfcast.domain.access import Role
from shelfcast.domain.tables.curated import POS_EVENTS, SALES
from shelfcast.lake.as_of import current
from shelfcast.pipeline import issue_tokens, manage_users
from shelfcast.pipeline.ingest_events import ingest_events
from shelfcast.pipeline.receive_events import EventIntake, event_log
from shelfcast.pipeline.replay_events import as_body
from shelfcast.ports.platform import Platform

BATCH = 500


def online_retail(data: Path) -> pl.DataFrame:
    lines = pl.read_parquet(data / "online_retail" / "transactions.parquet")
    return lines.select(
        pl.int_range(pl.len()).cast(pl.String).alias("event_id"),
        pl.col("ts").dt.replace_time_zone("UTC").alias("occurred_at"),
        pl.col("item_id").cast(pl.String),
        pl.lit("web").alias("location_id"),
        pl.col("units").cast(pl.Float64),
        pl.col("unit_price_gbp").alias("unit_price"),
        pl.when(pl.col("invoice_id").str.starts_with("C"))
        .then(pl.lit("return"))
        .otherwise(pl.lit("sale"))
        .alias("event_kind"),
        pl.col("invoice_id").alias("receipt_id"),
    )


def complete_journey(data: Path) -> pl.DataFrame:
    lines = pl.read_parquet(data / "complete_journey" / "transactions.parquet")
    return lines.select(
        pl.int_range(pl.len()).cast(pl.String).alias("event_id"),
        pl.col("ts").cast(pl.Datetime("us")).dt.replace_time_zone("UTC").alias("occurred_at"),
        pl.col("product_id").cast(pl.String).alias("item_id"),
        pl.col("store_id").cast(pl.String).alias("location_id"),
        pl.col("units").cast(pl.Float64),
        pl.when(pl.col("units") > 0)
        .then(pl.col("sales_value_usd").cast(pl.Float64) / pl.col("units"))
        .otherwise(0.0)
        .alias("unit_price"),
        pl.col("basket_id").cast(pl.String).alias("receipt_id"),
    )


SETS = {"online_retail": online_retail, "complete_journey": complete_journey}


def bodies(lines: pl.DataFrame, live: bool = False) -> Iterator[bytes]:
    if not live:
        lines = lines.with_columns(known_at=pl.col("occurred_at"))
    for part in lines.iter_slices(BATCH):
        yield as_body(part)


def cpu_seconds(pid: int) -> float:
    """CPU time of a process and its threads so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def free_port() -> int:
    with contextlib.closing(socket.socket()) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def serve(lake: str, port: int) -> None:
    import uvicorn

    from shelfcast.entrypoints.http.app import build

    uvicorn.run(build(open_platform(Path(lake))), host="127.0.0.1", port=port, log_level="error")


class Server:
    def __init__(self, lake: Path, port: int) -> None:
        platform = open_platform(lake)
        who = manage_users.create_user(platform.records, platform.clock, "till", "a long enough one", Role.ERP)
        self.token = issue_tokens.issue(platform.records, platform.clock, who).access_token
        self.url = f"http://127.0.0.1:{port}"
        self.process = multiprocessing.get_context("spawn").Process(target=serve, args=(str(lake), port), daemon=True)
        self.process.start()
        deadline = time.monotonic() + 600
        while time.monotonic() < deadline and self.process.is_alive():
            try:
                urllib.request.urlopen(f"{self.url}/healthz", timeout=1).read()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("the server did not start")

    def send(self, body: bytes) -> float:
        """Seconds until the answer."""
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        asked = urllib.request.Request(f"{self.url}/v1/events", data=body, headers=headers)
        began = time.perf_counter()
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                said = json.load(answer)
        except urllib.error.HTTPError as error:
            raise SystemExit(f"{error.code}: {error.read().decode()}") from error
        assert said["dead_lettered"] == 0, said["refused"][:3]
        return time.perf_counter() - began

    @property
    def cpu(self) -> float:
        return cpu_seconds(self.process.pid or 0)

    def stop(self) -> None:
        self.process.terminate()
        self.process.join(10)


def quantile(values: list[float], level: float) -> float:
    return float(pl.Series(values).quantile(level, "linear") or 0.0)


def through_intake(platform: Platform, sent: list[bytes], events: int) -> dict[str, float]:
    intake = EventIntake(event_log(platform), platform.clock)
    wall, cpu = time.perf_counter(), time.process_time()
    for body in sent:
        intake.receive(body, "benchmark")
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    return {"events_per_second": round(events / wall), "events_per_cpu_second": round(events / cpu)}


def through_http(server: Server, sent: list[bytes], events: int, clients: int = 2) -> dict[str, float]:
    for body in sent[:4]:
        server.send(body)
    times: list[float] = []

    def work(mine: list[bytes]) -> None:
        times.extend(server.send(body) for body in mine)

    threads = [threading.Thread(target=work, args=(sent[number::clients],)) for number in range(clients)]
    cpu, wall = server.cpu, time.perf_counter()
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    wall, cpu = time.perf_counter() - wall, server.cpu - cpu
    return {
        "events_per_second": round(events / wall), "events_per_server_cpu_second": round(events / cpu),
        "request_p50_ms": round(quantile(times, 0.5) * 1000, 1), "request_p95_ms": round(quantile(times, 0.95) * 1000, 1),
    }  # fmt: skip


def plain_sums(lines: pl.DataFrame) -> pl.DataFrame:
    """The source's own group-by, in whole units."""
    return lines.group_by("item_id", "location_id", pl.col("occurred_at").dt.date().alias("date")).agg(
        pl.col("units").cast(pl.Int64).sum().alias("plain")
    )


def differing(platform: Platform, lines: pl.DataFrame) -> dict[str, float]:
    rows = current(platform.tables, SALES).select("item_id", "location_id", "date", "units").collect()
    both = rows.join(plain_sums(lines), on=["item_id", "location_id", "date"], how="full", coalesce=True)
    wrong = both.filter(pl.col("units").ne_missing(pl.col("plain").cast(pl.Float64)))
    return {
        "cells": both.height, "cells_that_differ": wrong.height, "units": float(rows["units"].sum()),
        "units_of_the_source": float(lines["units"].sum()),
    }  # fmt: skip


def delay(server: Server, platform: Platform, lines: pl.DataFrame, rate: int, seconds: int) -> dict[str, float]:
    """Events at a steady rate, as known now; the lake takes in what came, again and again."""
    count = min(rate * seconds, lines.height)
    # Ids of their own, and the days of the last week of the set, so that each run adds up days there are.
    live = lines.tail(count).with_columns(event_id=pl.concat_str(pl.lit("live-"), "event_id"))
    sent_at: list[tuple[float, int]] = []
    done: list[tuple[float, int]] = []
    over = threading.Event()

    def till() -> None:
        began, total = time.perf_counter(), 0
        for body, part in zip(bodies(live, live=True), live.iter_slices(BATCH)):
            ahead = total / rate - (time.perf_counter() - began)
            if ahead > 0:
                time.sleep(ahead)
            at = time.perf_counter()
            server.send(body)
            total += part.height
            sent_at.append((at, total))
        over.set()

    thread = threading.Thread(target=till)
    thread.start()
    total, runs = 0, 0
    cpu: list[float] = []
    while not over.is_set() or total < count:
        began = time.process_time()
        report = ingest_events(platform)
        total += report.events
        if report.events:
            runs += 1
            cpu.append(time.process_time() - began)
            done.append((time.perf_counter(), total))
        else:
            time.sleep(0.05)
    thread.join()
    waits = [next(at for at, seen in done if seen >= number) - sent for sent, number in sent_at]
    return {
        "rate": rate, "events": count, "runs": runs, "cpu_seconds_a_run": round(sum(cpu) / runs, 2), "p50_s": round(quantile(waits, 0.5), 2),
        "p95_s": round(quantile(waits, 0.95), 2), "max_s": round(max(waits), 2),
    }  # fmt: skip


def measure(name: str, data: Path, folder: Path, port: int, rate: int, seconds: int, newest: int = 0) -> dict[str, Any]:
    lines = SETS[name](data).sort("occurred_at", maintain_order=True)
    lines = lines.tail(newest) if newest else lines
    sent = list(bodies(lines))
    lake = init_lake(folder / name).parent
    platform = open_platform(lake)
    found: dict[str, Any] = {"events": lines.height, "days": lines["occurred_at"].dt.date().n_unique()}
    found["intake"] = through_intake(platform, sent, lines.height)
    server = Server(lake, port)
    try:
        found["http"] = through_http(server, sent, lines.height)
        for what in ("ingest", "ingest_again"):
            began = time.perf_counter()
            report = ingest_events(platform)
            took = time.perf_counter() - began
            found[what] = {
                "events": report.events,
                "new": report.inserted,
                "seconds": round(took, 1),
                "events_per_second": round(report.events / took),
            }
            if what == "ingest":
                for body in sent:
                    server.send(body)
        found["sums"] = differing(platform, lines)
        found["curated_events"] = current(platform.tables, POS_EVENTS).select(pl.len()).collect().item()
        found["delay"] = delay(server, platform, lines, rate, seconds)
    finally:
        server.stop()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="*", default=list(SETS), choices=list(SETS))
    parser.add_argument("--newest", type=int, default=0, help="only so many of the newest lines of a set; 0 = all")
    parser.add_argument("--rate", type=int, default=1000, help="events a second while the delay is measured")
    parser.add_argument("--seconds", type=int, default=30)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    results: dict[str, Any] = {"cores": os.cpu_count(), "batch_events": BATCH}
    versions = {
        name: importlib.metadata.version(name) for name in ("polars", "pyiceberg", "fastapi", "uvicorn", "pydantic")
    }
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.sets:
            load = os.getloadavg()[0]
            found = measure(name, asked.data, Path(folder), free_port(), asked.rate, asked.seconds, asked.newest)
            results[name] = {
                "date": f"{datetime.now(UTC):%Y-%m-%d}", "machine": f"{os.cpu_count()} cores, {machine.machine()}",
                "load_average": {"before": round(load, 1), "after": round(os.getloadavg()[0], 1)},
                "versions": {"python": machine.python_version(), **versions},
            } | found  # fmt: skip
            print(json.dumps({name: results[name]}, indent=2))
    if asked.out:
        path = asked.out / "events.json"
        earlier = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(earlier | results, indent=2) + "\n")


if __name__ == "__main__":
    main()
