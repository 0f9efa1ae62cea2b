"""Fifty people in the app at once: how long each kind of request takes, whether any fails, whether memory grows.

    .venv/bin/python benchmarks/load/fifty_users.py --lake LAKE --out benchmarks/load/results

LAKE has been through `shelfcast run`. The server is `shelfcast serve` as anybody starts it, in a process of its own, on
loopback. Users are a closed loop: each asks, waits for the answer, thinks 1 to 3 seconds, and asks again, in the
proportions of a planner's morning (mostly reading forecasts, series and orders; now and then an edit, an
override, an approval). Answers other than those a user may expect count as errors. The generator's own CPU time is
reported, since it shares the machine: when it uses a core whole, the times are its own and not the server's.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib.metadata
import json
import os
import platform
import random
import re
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import numpy as np

PASSWORD = "a long enough password"


@dataclass
class Facts:
    """What users ask about: taken from the server before the measurement."""

    series: list[tuple[str, str]]
    lines: list[str]


@dataclass
class Seen:
    """What was measured."""

    seconds: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    errors: list[str] = field(default_factory=list)
    memory: list[tuple[float, float]] = field(default_factory=list)
    """(seconds since the start, MB)."""


Action = Callable[[httpx.AsyncClient, Facts, random.Random], Awaitable[httpx.Response]]


def get(path: str, **fixed: Any) -> Action:
    async def ask(client: httpx.AsyncClient, _facts: Facts, _chance: random.Random) -> httpx.Response:
        return await client.get(path, params=fixed)

    return ask


def of_series(path: str, **fixed: Any) -> Action:
    async def ask(client: httpx.AsyncClient, facts: Facts, chance: random.Random) -> httpx.Response:
        item, location = chance.choice(facts.series)
        return await client.get(path, params={"item_id": item, "location_id": location, **fixed})

    return ask


async def forecasts_of_items(client: httpx.AsyncClient, facts: Facts, chance: random.Random) -> httpx.Response:
    item, _ = chance.choice(facts.series)
    return await client.get("/v1/forecasts", params={"item": item, "limit": 200})


async def forecasts_of_a_place(client: httpx.AsyncClient, facts: Facts, chance: random.Random) -> httpx.Response:
    _, location = chance.choice(facts.series)
    return await client.get("/v1/forecasts/series", params={"location": location, "limit": 50})


async def find(client: httpx.AsyncClient, facts: Facts, chance: random.Random) -> httpx.Response:
    item, _ = chance.choice(facts.series)
    return await client.get("/v1/series", params={"search": item[: chance.randint(1, 4)]})


async def one_line(client: httpx.AsyncClient, facts: Facts, chance: random.Random) -> httpx.Response:
    return await client.get(f"/v1/orders/{chance.choice(facts.lines)}")


async def approve_and_take_back(client: httpx.AsyncClient, facts: Facts, chance: random.Random) -> httpx.Response:
    """Two users may hold the same line: what was refused is told in the answer, not by an error."""
    body = {"line_ids": [chance.choice(facts.lines)], "reason": "measured"}
    await client.post("/v1/orders/approve", json=body)
    return await client.post("/v1/orders/take-back", json=body)


ACTIONS: list[tuple[str, float, Action]] = [
    ("GET /v1/today", 8, get("/v1/today")),
    ("GET /v1/alerts", 4, get("/v1/alerts")),
    ("GET /v1/forecasts", 14, forecasts_of_items),
    ("GET /v1/forecasts/series", 10, get("/v1/forecasts/series", limit=50)),
    ("GET /v1/forecasts/series of a place", 6, forecasts_of_a_place),
    ("GET /v1/forecasts/totals", 4, get("/v1/forecasts/totals", by="location")),
    ("GET /v1/series", 6, find),
    ("GET /v1/series/detail", 14, of_series("/v1/series/detail")),
    ("GET /v1/orders", 10, get("/v1/orders", limit=50)),
    ("GET /v1/orders/summary", 5, get("/v1/orders/summary")),
    ("GET /v1/orders/{line}", 10, one_line),
    ("POST /v1/orders/approve and take-back", 2, approve_and_take_back),
    ("GET /v1/quality", 2, get("/v1/quality")),
    ("GET /v1/tables", 2, get("/v1/tables")),
    ("GET /v1/jobs", 3, get("/v1/jobs")),
    ("GET /v1/models", 1, get("/v1/models")),
    ("GET /v1/rules", 1, get("/v1/rules")),
]
FORECAST_READS = {name for name, _, _ in ACTIONS if "forecasts" in name or "/series" in name}


async def user(number: int, client: httpx.AsyncClient, facts: Facts, seen: Seen, until: float, seed: int) -> None:
    chance = random.Random(f"{seed}:{number}")
    await asyncio.sleep(chance.uniform(0, 2))
    weights = [weight for _, weight, _ in ACTIONS]
    while time.monotonic() < until:
        name, _, action = chance.choices(ACTIONS, weights)[0]
        start = time.perf_counter()
        try:
            answer = await action(client, facts, chance)
            seen.seconds[name].append(time.perf_counter() - start)
            if answer.status_code >= 400:
                seen.errors.append(f"{name}: {answer.status_code} {answer.text[:200]}")
        except httpx.HTTPError as error:
            seen.errors.append(f"{name}: {error!r}")
        await asyncio.sleep(chance.uniform(1, 3))


async def watch_memory(pid: int, seen: Seen, until: float) -> None:
    start = time.monotonic()
    while time.monotonic() < until:
        seen.memory.append((time.monotonic() - start, memory_mb(pid)))
        await asyncio.sleep(5)


def memory_mb(pid: int) -> float:
    """Resident memory of the server's process."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    return float("nan")


def cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def start_server(lake: Path) -> tuple[subprocess.Popen[str], str, str]:
    server = subprocess.Popen(
        [sys.executable, "-u", "-m", "shelfcast", "serve", "--lake", str(lake), "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert server.stdout is not None
    said = ""
    for line in server.stdout:
        said += line
        if found := re.search(r"(http://\S+)/welcome\?code=(\S+)", said):
            return server, found[1], found[2]
    raise SystemExit(f"the server gave no one-time link (is there a user in this lake already?):\n{said}")


async def signed_in(address: str, code: str) -> httpx.AsyncClient:
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    client = httpx.AsyncClient(base_url=address, timeout=60, limits=limits)
    for _ in range(600):
        # The link is printed before the server listens.
        try:
            await client.get("/healthz")
            break
        except httpx.ConnectError:
            await asyncio.sleep(0.1)
    answer = await client.post("/v1/auth/invite", json={"code": code, "name": "load", "password": PASSWORD})
    answer.raise_for_status()
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"
    return client


async def facts_of(client: httpx.AsyncClient) -> Facts:
    rows = (await client.get("/v1/forecasts/series", params={"limit": 200})).raise_for_status().json()["rows"]
    lines = (await client.get("/v1/orders", params={"limit": 200})).raise_for_status().json()["rows"]
    if not rows or not lines:
        raise SystemExit("the lake has no forecasts or no orders. Run `shelfcast run` first.")
    return Facts(
        [(row["item_id"], row["location_id"]) for row in rows],
        [line["line_id"] for line in lines],
    )


async def measure(
    address: str, code: str, pid: int, users: int, seconds: float, seed: int
) -> tuple[Seen, float, float]:
    client = await signed_in(address, code)
    facts = await facts_of(client)
    seen = Seen()
    own, theirs = time.process_time(), cpu_seconds(pid)
    until = time.monotonic() + seconds
    await asyncio.gather(
        watch_memory(pid, seen, until), *(user(number, client, facts, seen, until, seed) for number in range(users))
    )
    own, theirs = time.process_time() - own, cpu_seconds(pid) - theirs
    await client.aclose()
    return seen, own, theirs


def percentiles(values: list[float]) -> dict[str, float]:
    p50, p95, p99 = np.percentile(np.array(values) * 1000, [50, 95, 99])
    return {"requests": len(values), "p50_ms": round(p50, 1), "p95_ms": round(p95, 1), "p99_ms": round(p99, 1)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", type=Path, required=True)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    server, address, code = start_server(arguments.lake)
    try:
        seen, own, theirs = asyncio.run(
            measure(address, code, server.pid, arguments.users, arguments.seconds, arguments.seed)
        )
    finally:
        server.terminate()
        server.wait(30)
    reads = [second for name, values in seen.seconds.items() if name in FORECAST_READS for second in values]
    half = len(seen.memory) // 2
    result = {
        "date": date.today().isoformat(),
        "machine": f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores",
        "versions": {name: importlib.metadata.version(name) for name in ("shelfcast", "fastapi", "uvicorn", "polars")},
        "lake": arguments.lake.name,
        "users": arguments.users,
        "seconds": arguments.seconds,
        "requests_a_second": round(sum(map(len, seen.seconds.values())) / arguments.seconds, 1),
        "errors": len(seen.errors),
        "forecast_reads": percentiles(reads),
        "routes": {name: percentiles(values) for name, values in sorted(seen.seconds.items())},
        "generator_cpu_share": round(own / arguments.seconds, 3),
        "server_cpu_share": round(theirs / arguments.seconds, 3),
        "memory_mb": {
            "start": round(seen.memory[0][1]),
            "half": round(seen.memory[half][1]),
            "end": round(seen.memory[-1][1]),
            "peak": round(max(mb for _, mb in seen.memory)),
        },
    }
    print(json.dumps(result, indent=1))
    for error in seen.errors[:10]:
        print(error, file=sys.stderr)
    if arguments.out:
        arguments.out.mkdir(parents=True, exist_ok=True)
        (arguments.out / f"fifty_users_{arguments.lake.name}.json").write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
