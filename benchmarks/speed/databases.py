"""How fast a database's rows come into the lake: 1,000,000 rows from real PostgreSQL, MariaDB and SQLite servers.

    .venv/bin/python benchmarks/speed/databases.py --rows 1_000_000 --out benchmarks/speed/results

The servers are started as the contract tests start them (Debian's packages; one that isn't installed is left out). Read is
the rows into memory by batches; load is everything: read, keep the extract, map, check, merge into `sales`.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2] / "tests" / "contract"))

from test_databases import SERVERS

from shelfcast.bootstrap import init_lake, open_platform
from shelfcast.pipeline.ingest_database import ingest_database
from shelfcast.ports.source_reader import Query

CREATE = "CREATE TABLE sales (item varchar(20), store varchar(20), day date, qty numeric(10,2), sold_at timestamp, line integer)"
FILL = {
    "postgresql": "INSERT INTO sales SELECT 'I' || n % 1000, 'S' || n / 1000 % 10, date '2024-01-01' + n / 10000, n % 7 + 0.5,"
    " timestamp '2024-01-01' + n * interval '1 second', n FROM generate_series(0, {last}) n",
    "mariadb": "INSERT INTO sales SELECT concat('I', seq % 1000), concat('S', seq DIV 1000 % 10), date '2024-01-01' + interval seq DIV 10000 day,"
    " seq % 7 + 0.5, timestamp '2024-01-01 00:00:00' + interval seq second, seq FROM seq_0_to_{last}",
    "sqlite": "WITH RECURSIVE t(n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM t WHERE n < {last}) INSERT INTO sales SELECT 'I' || n % 1000,"
    " 'S' || n / 1000 % 10, date('2024-01-01', n / 10000 || ' days'), n % 7 + 0.5, datetime('2024-01-01', n || ' seconds'), n FROM t",
}


def measure(name: str, rows: int) -> dict[str, Any]:
    with SERVERS[name]() as server, tempfile.TemporaryDirectory() as folder:
        server.execute(CREATE)
        server.execute(FILL[name].format(last=rows - 1))
        platform = open_platform(init_lake(Path(folder) / "lake").parent)
        query = Query(table="sales", watermark_column="line")
        began = time.perf_counter()
        came = sum(batch.height for batch in platform.reader.read(server.url, query))
        read = time.perf_counter() - began
        began = time.perf_counter()
        done = ingest_database(platform, server.url, query)
        load = time.perf_counter() - began
        began = time.perf_counter()
        again = ingest_database(platform, server.url, query)
        nothing = time.perf_counter() - began
        assert came == rows == done.rows and again.report is None
        assert done.report is not None and done.report.kept == done.report.inserted == rows
        return {"rows": rows, "read_s": round(read, 2), "load_s": round(load, 2), "nothing_new_s": round(nothing, 2)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    results: dict[str, Any] = {}
    for name in FILL:
        try:
            results[name] = measure(name, asked.rows)
        except BaseException as error:
            if type(error).__name__ != "Skipped":
                raise
            results[name] = {"left_out": str(error)}
        print(name, json.dumps(results[name]))
    if asked.out:
        (asked.out / "databases.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
