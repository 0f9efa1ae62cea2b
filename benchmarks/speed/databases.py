"""How fast a database's rows come into the lake: 1,000,000 rows from real PostgreSQL, MariaDB and SQLite servers.

    uv pip install connectorx psycopg2-binary        # the peers, if you want them in the same run
    python benchmarks/speed/databases.py --rows 1_000_000 --out benchmarks/speed/results

The servers are started as the contract tests start them (Debian's packages; one that isn't installed is left out). On each:

1. read: the rows into memory by batches of one schema, as every load reads them;
2. peers on the same query: `pandas.read_sql` (SQLAlchemy), `connectorx.read_sql` into Arrow, each into memory at once;
3. load: everything, from the query to the commit: read, keep the extract, map, check, merge into `sales`;
4. again: what a load costs where nothing is new;
5. resumed: a load in parts in a process of its own, killed (SIGKILL) once the first part is in; the next load goes on there.

Peak memory is each process's own, measured in a fresh one.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import multiprocessing
import os
import platform as machine
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "contract"))

from test_databases import SERVERS

from shelfcast.bootstrap import init_lake, open_platform
from shelfcast.domain.tables.curated import SALES
from shelfcast.lake.as_of import current
from shelfcast.pipeline.ingest_database import KIND, ingest_database
from shelfcast.ports.source_reader import Query

CREATE = "CREATE TABLE sales (item varchar(20), store varchar(20), day date, qty numeric(10,2), sold_at timestamp, line integer)"
FILL = {
    "postgresql": "INSERT INTO sales SELECT 'I' || n % 1000, 'S' || n / 1000 % 10, date '2024-01-01' + n / 10000, n % 7 + 0.5,"
    " timestamp '2024-01-01' + n * interval '1 second', n FROM generate_series(0, {last}) n",
    "mariadb": "INSERT INTO sales SELECT concat('I', seq % 1000), concat('S', seq DIV 1000 % 10), date '2024-01-01' + interval seq DIV 10000 day,"
    " seq % 7 + 0.5, timestamp '2024-01-01 00:00:00' + interval seq second, seq FROM seq_0_to_{last}",
    "sqlite": "WITH RECURSIVE t(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM t WHERE n < {last}) INSERT INTO sales SELECT 'I' || (n % 1000),"
    " 'S' || (n / 1000 % 10), date('2024-01-01', (n / 10000) || ' days'), n % 7 + 0.5, datetime('2024-01-01', n || ' seconds'), n FROM t",
}


QUERY = Query(table="sales", watermark_column="line")
SQL = "SELECT * FROM sales ORDER BY line"
PART_ROWS = 250_000


def ours(url: str, lake: Path) -> int:
    return sum(batch.height for batch in open_platform(lake).reader.read(url, QUERY))


def load(url: str, lake: Path, part_rows: int = 2_000_000) -> int:
    done = ingest_database(open_platform(lake), url, QUERY, part_rows=part_rows)
    assert done.report is None or done.report.quarantined == 0
    return done.rows


def with_pandas(url: str, lake: Path) -> int:
    import pandas
    import sqlalchemy

    del lake
    drivers = {"mariadb:": "mariadb+pymysql:", "postgresql:": "postgresql+psycopg2:"}
    for kind, driver in drivers.items():
        url = url.replace(kind, driver)
    return len(pandas.read_sql(SQL, sqlalchemy.create_engine(url)))


def with_connectorx(url: str, lake: Path) -> int:
    import connectorx

    del lake
    url = url.replace("sqlite:///", "sqlite://").replace("mariadb:", "mysql:").replace("?unix_socket=", "?socket=")
    if url.startswith("postgresql:"):
        folder = url.split("?host=")[1]
        url = f"postgresql://shop@{folder.replace('/', '%2F')}/postgres"
    return int(connectorx.read_sql(url, SQL, return_type="arrow").num_rows)


def _measured(work: Callable[..., int], arguments: tuple[Any, ...], answer: Any) -> None:
    began, cpu = time.perf_counter(), time.process_time()
    try:
        rows = work(*arguments)
    except BaseException as error:
        answer.put({"left_out": f"{type(error).__name__}: {error}".splitlines()[0][:200]})
        return
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    took, cpu = time.perf_counter() - began, time.process_time() - cpu
    answer.put({"rows": rows, "seconds": round(took, 2), "cpu_seconds": round(cpu, 2), "peak_mb": round(peak)})


def alone(work: Callable[..., int], *arguments: Any) -> dict[str, Any]:
    """Seconds and peak memory of work in a fresh process; imports count for everybody."""
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    process = context.Process(target=_measured, args=(work, arguments, answer))
    process.start()
    found: dict[str, Any] = answer.get()
    process.join()
    return found


def resumed(url: str, lake: Path, rows: int) -> dict[str, Any]:
    """Kill a load in parts after its first part, and go on."""
    process = multiprocessing.get_context("spawn").Process(target=load, args=(url, lake, PART_ROWS))
    process.start()
    platform = open_platform(lake)
    while not platform.records.query(KIND):
        assert process.is_alive(), "the load ended before it could be killed"
        time.sleep(0.01)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    there = platform.tables.state(SALES).rows
    rest = alone(load, url, lake, PART_ROWS)
    whole = current(platform.tables, SALES).collect()
    assert whole.height == rows == whole.select("item_id", "location_id", "date").unique().height
    return {"rows_before_the_kill": there, "rows_read_after": rest["rows"], "seconds_after": rest["seconds"]}


def measure(name: str, rows: int) -> dict[str, Any]:
    with SERVERS[name]() as server, tempfile.TemporaryDirectory() as folder:
        server.execute(CREATE)
        server.execute(FILL[name].format(last=rows - 1))
        lake = init_lake(Path(folder) / "lake").parent
        found: dict[str, Any] = {}
        parts = {
            "read": ours, "pandas_read_sql": with_pandas, "connectorx_arrow": with_connectorx, "load": load, "nothing_new": load,
        }  # fmt: skip
        for what, work in parts.items():
            found[what] = alone(work, server.url, lake)
            print(name, what, json.dumps(found[what]))
        for what in ("read", "load"):
            assert found[what].get("rows") == rows, found[what]
        assert found["nothing_new"].get("rows") == 0, found["nothing_new"]
        other = init_lake(Path(folder) / "resumed").parent
        return found | {"resumed": resumed(server.url, other, rows)}


def versions() -> dict[str, str]:
    names = ("polars", "pyarrow", "adbc-driver-postgresql", "pymysql", "pandas", "SQLAlchemy", "connectorx")
    found = {"python": machine.python_version()}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "not installed"
    servers = {
        "postgresql": sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres")),
        "mariadb": [Path("/usr/sbin/mariadbd")],
    }
    for name, paths in servers.items():
        if paths and paths[-1].exists():
            said = subprocess.run([str(paths[-1]), "--version"], capture_output=True, text=True, check=False)
            found[f"{name} server"] = said.stdout.strip()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--servers", nargs="*", default=list(FILL), choices=list(FILL))
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    results: dict[str, Any] = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "machine": f"{os.cpu_count()} cores, {machine.machine()}, load average {os.getloadavg()[0]:.0f}",
        "versions": versions(),
    }
    for name in asked.servers:
        try:
            results[name] = measure(name, asked.rows)
        except BaseException as error:
            if type(error).__name__ != "Skipped":
                raise
            results[name] = {"left_out": str(error)}
        print(name, json.dumps(results[name]))
    if asked.out:
        path = asked.out / "databases.json"
        earlier = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps(earlier | results, indent=2) + "\n")


if __name__ == "__main__":
    main()
