"""A real logical-replication stream of PostgreSQL, written as change files, ends as the source's table stands."""

from __future__ import annotations

import csv
import random
import re
import shutil
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.tables.curated import ITEMS
from shelfcast.pipeline.ingest_cdc import ingest_cdc
from tests.contract.test_databases import own_folder, run_as_nobody

COLUMNS = ("item_id", "name", "category", "weight")
CHANGE = re.compile(r"table shop\.(\w+): (INSERT|UPDATE|DELETE): (.*)", re.DOTALL)
VALUE = re.compile(r"(\w+)\[[^\]]+\]:('(?:[^']|'')*'|\S+)")


@dataclass
class Source:
    """A PostgreSQL server with logical decoding (the plugin that comes with it, test_decoding)."""

    url: str

    def execute(self, sql: str, fetch: bool = False) -> list[tuple[Any, ...]]:
        from adbc_driver_postgresql import dbapi

        with closing(dbapi.connect(self.url)) as connection, closing(connection.cursor()) as cursor:
            cursor.execute(sql)
            rows = cursor.fetchall() if fetch else []
            connection.commit()
            return rows

    def changes(self) -> list[tuple[str, str, dict[str, str]]]:
        """(table, operation, columns) of everything committed since the last call."""
        found = []
        for (text,) in self.execute("SELECT data FROM pg_logical_slot_get_changes('cdc', NULL, NULL)", fetch=True):
            if match := CHANGE.match(text):
                table, operation, rest = match.groups()
                values = {
                    name: "" if value == "null" else value.strip("'").replace("''", "'")
                    for name, value in VALUE.findall(rest)
                }
                found.append((table, operation[0], values))
        return found


@pytest.fixture(scope="module")
def source() -> Iterator[Source]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("no PostgreSQL server on this machine (apt-get install postgresql)")
    pytest.importorskip("adbc_driver_postgresql")
    binaries, folder = found[-1], own_folder(Path("/tmp"))
    try:
        run_as_nobody(binaries / "initdb", "-D", folder / "data", "-U", "shop", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off -c wal_level=logical"
        run_as_nobody(binaries / "pg_ctl", "-D", folder / "data", "-o", options, "-l", folder / "log", "-w", "start")
        made = Source(f"postgresql://shop@/postgres?host={folder}")
        made.execute("CREATE SCHEMA shop")
        made.execute(
            "CREATE TABLE shop.items (item_id text PRIMARY KEY, name text, category text, weight numeric(8,3))"
        )
        yield made
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run_as_nobody(binaries / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


def write(folder: Path, name: str, rows: list[list[Any]]) -> None:
    target = folder / "shop" / "items" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["Op", "AR_H_CHANGE_SEQ", *COLUMNS])
        writer.writerows(rows)


def a_change(luck: random.Random, day: int) -> str:
    item = f"I{luck.randrange(1, 240)}"
    return luck.choice(
        [
            f"INSERT INTO shop.items VALUES ('{item}', 'it''s new, \"{day}\"', 'c', 1) ON CONFLICT (item_id) DO NOTHING",
            f"UPDATE shop.items SET name = 'day {day}', weight = weight + 1 WHERE item_id = '{item}'",
            f"UPDATE shop.items SET weight = NULL WHERE item_id = '{item}'",
            f"DELETE FROM shop.items WHERE item_id = '{item}'",
        ]
    )


def test_what_the_stream_says_ends_as_what_the_table_holds(source: Source, tmp_path: Path) -> None:
    luck, platform = random.Random(11), in_memory()
    source.execute(
        "INSERT INTO shop.items SELECT 'I' || n, 'item ' || n, 'c' || n % 3, n / 10.0 FROM generate_series(1, 200) n"
    )
    source.execute("SELECT slot_name::text FROM pg_create_logical_replication_slot('cdc', 'test_decoding')", fetch=True)
    full = source.execute("SELECT item_id, name, category, weight::text FROM shop.items", fetch=True)
    write(tmp_path, "LOAD00000001.csv", [["I", 0, *row] for row in full])
    number, pending = 0, []
    for day in range(6):
        work = [a_change(luck, day) for _ in range(15)]
        source.execute(f"DO $$ BEGIN {'; '.join(work)}; END $$")
        rows = []
        for table, operation, values in source.changes():
            assert table == "items"
            number += 1
            rows.append([operation, number, *(values.get(name, "") for name in COLUMNS)])
        pending.append((f"20260310-{day:02}0000000.csv", rows))
        if day == 3:  # two days' files come in the wrong order, and one again under another name
            pending.sort(reverse=True)
            pending.append(("20260310-990000000.csv", pending[0][1]))
        if day in (3, 5):
            for name, one in pending:
                write(tmp_path, name, one)
                (report,) = ingest_cdc(platform, tmp_path)
                assert report.error == "" and report.quarantined == 0
            pending = []
    expected = source.execute(
        "SELECT item_id, name, category, weight::float8 FROM shop.items ORDER BY item_id", fetch=True
    )
    stored = platform.tables.scan(ITEMS).select(COLUMNS).collect()
    assert number > 40 and sorted(stored.rows()) == sorted(map(tuple, expected))
    assert stored["weight"].dtype == pl.Float64
