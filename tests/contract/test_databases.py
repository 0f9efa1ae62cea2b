"""A retailer's database, read by batches with its types: one suite over every kind that can be started here."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from shelfcast.adapters.local.databases import Databases, masked, statement
from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadParameter, SourceDown
from shelfcast.domain.tables import curated
from shelfcast.pipeline.ingest_database import ingest_database
from shelfcast.ports.platform import Platform
from shelfcast.ports.source_reader import Query

CREATE = "CREATE TABLE sales (item varchar(20), store varchar(20), day date, qty numeric(10,2), sold_at timestamp, line integer)"
ROWS = 1200


@dataclass(frozen=True)
class Server:
    kind: str
    url: str
    execute: Callable[[str], None]


def insert(first: int, last: int) -> str:
    rows = ", ".join(
        f"('I{n % 7}', 'S{n % 3}', '2025-{n % 12 + 1:02}-{n % 28 + 1:02}', {n % 5}.5, '2025-06-01 10:00:{n % 60:02}', {n})"
        for n in range(first, last + 1)
    )
    return f"INSERT INTO sales VALUES {rows}"


def run_as_nobody(*command: str | Path, **more) -> subprocess.CompletedProcess:
    """Servers refuse to run as root."""
    user = {"user": "nobody"} if os.getuid() == 0 else {}
    return subprocess.run([str(one) for one in command], check=True, capture_output=True, timeout=120, **user, **more)


def own_folder(base: Path) -> Path:
    """A short path (sockets have a length limit) that the server's user may write to."""
    import tempfile

    folder = Path(tempfile.mkdtemp(prefix="db", dir="/tmp"))
    if os.getuid() == 0:
        shutil.chown(folder, "nobody")
    return folder


@contextmanager
def postgresql() -> Iterator[Server]:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not found:
        pytest.skip("no PostgreSQL server on this machine (apt-get install postgresql)")
    pytest.importorskip("adbc_driver_postgresql")
    binaries, folder = found[-1], own_folder(Path("/tmp"))
    try:
        run_as_nobody(binaries / "initdb", "-D", folder / "data", "-U", "shop", "-A", "trust", "--no-sync")
        options = f"-c listen_addresses= -c unix_socket_directories={folder} -c fsync=off"
        run_as_nobody(binaries / "pg_ctl", "-D", folder / "data", "-o", options, "-l", folder / "log", "-w", "start")
        url = f"postgresql://shop@/postgres?host={folder}"

        def execute(sql: str) -> None:
            from adbc_driver_postgresql import dbapi

            with closing(dbapi.connect(url)) as connection, closing(connection.cursor()) as cursor:
                cursor.execute(sql)
                connection.commit()

        yield Server("postgresql", url, execute)
    finally:
        if (folder / "data" / "postmaster.pid").exists():
            run_as_nobody(binaries / "pg_ctl", "-D", folder / "data", "-m", "immediate", "stop")
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def mariadb() -> Iterator[Server]:
    server = shutil.which("mariadbd") or shutil.which("mysqld") or shutil.which("mariadbd", path="/usr/sbin")
    installer = shutil.which("mariadb-install-db") or shutil.which("mysql_install_db")
    if not server or not installer:
        pytest.skip("no MariaDB server on this machine (apt-get install mariadb-server)")
    pymysql = pytest.importorskip("pymysql")
    folder = own_folder(Path("/tmp"))
    run_as_nobody(
        installer,
        "--no-defaults",
        f"--datadir={folder}/data",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
    )
    user = {"user": "nobody"} if os.getuid() == 0 else {}
    process = subprocess.Popen(
        [server, "--no-defaults", f"--datadir={folder}/data", f"--socket={folder}/s", "--skip-networking", f"--pid-file={folder}/pid"],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **user,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + 60
        while not (folder / "s").exists() and time.monotonic() < deadline and process.poll() is None:
            time.sleep(0.05)

        def execute(sql: str) -> None:
            with closing(pymysql.connect(unix_socket=str(folder / "s"), user="root", database="shop")) as connection:
                connection.cursor().execute(sql)
                connection.commit()

        with closing(pymysql.connect(unix_socket=str(folder / "s"), user="root")) as connection:
            connection.cursor().execute("CREATE DATABASE shop")
        yield Server("mariadb", f"mariadb://root@localhost/shop?unix_socket={folder}/s", execute)
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def sqlite() -> Iterator[Server]:
    folder = own_folder(Path("/tmp"))

    def execute(sql: str) -> None:
        with closing(sqlite3.connect(folder / "shop.db")) as connection:
            connection.execute(sql)
            connection.commit()

    yield Server("sqlite", f"sqlite:///{folder}/shop.db", execute)
    shutil.rmtree(folder, ignore_errors=True)


SERVERS = {"sqlite": sqlite, "postgresql": postgresql, "mariadb": mariadb}


@pytest.fixture(scope="module", params=list(SERVERS))
def server(request) -> Iterator[Server]:
    with SERVERS[request.param]() as started:
        started.execute(CREATE)
        started.execute(insert(1, ROWS))
        yield started


@pytest.fixture
def platform() -> Platform:
    made = in_memory()
    return Platform(made.tables, made.blobs, made.records, made.clock, made.engine, Databases(), made.models)


def read(server: Server, query: Query, **more) -> list[pl.DataFrame]:
    return list(Databases().read(server.url, query, **more))


def test_a_table_comes_whole_in_batches_of_one_schema(server):
    batches = read(server, Query(table="sales"), batch_rows=500)
    assert sum(batch.height for batch in batches) == ROWS
    assert all(batch.schema == batches[0].schema for batch in batches)
    assert max(batch.height for batch in batches) <= ROWS


def test_types_are_kept(server):
    frame = pl.concat(read(server, Query(sql="SELECT * FROM sales WHERE line <= 3 ORDER BY line")))
    assert frame["qty"].to_list() == [1.5, 2.5, 3.5]
    assert frame["qty"].dtype == pl.Float64
    assert frame["line"].dtype.is_integer()
    assert [str(day)[:10] for day in frame["day"]] == ["2025-02-02", "2025-03-03", "2025-04-04"]
    assert [str(moment)[:19] for moment in frame["sold_at"]] == [f"2025-06-01 10:00:0{n}" for n in (1, 2, 3)]


def test_a_query_without_rows_still_has_its_columns(server):
    (frame,) = read(server, Query(sql="SELECT item, qty FROM sales WHERE line < 0;"))
    assert (frame.columns, frame.height) == (["item", "qty"], 0)


@pytest.mark.parametrize("column", ["line", "sold_at"])
def test_only_rows_past_the_watermark_come_in_its_order(server, column):
    mark = 1190 if column == "line" else "2025-06-01 10:00:58"
    frame = pl.concat(read(server, Query(table="sales", watermark_column=column, watermark=mark)))
    assert frame.height == (10 if column == "line" else ROWS // 60)
    assert frame[column].is_sorted()


def test_rows_without_a_watermark_come_every_time_since_they_have_no_place_in_the_order(server):
    server.execute("INSERT INTO sales VALUES ('NEW', 'S1', '2025-03-03', 4, '2025-06-02 10:00:00', NULL)")
    try:
        query = Query(table="sales", watermark_column="line", watermark=ROWS, inclusive=True)
        frame = pl.concat(read(server, query))
        assert sorted(frame["item"].to_list()) == [f"I{ROWS % 7}", "NEW"]
    finally:
        server.execute("DELETE FROM sales WHERE line IS NULL")


def test_a_refused_query_tells_the_databases_own_words(server):
    with pytest.raises(BadParameter, match=r"refused the query: .*nowhere"):
        read(server, Query(table="nowhere"))


def test_rows_are_loaded_once_and_then_only_what_is_new(server, platform):
    query = Query(table="sales", watermark_column="line")
    first = ingest_database(platform, server.url, Query(sql="SELECT DISTINCT item, store, day, 1.5 AS qty FROM sales"))
    assert first.report is not None
    assert first.report.kept == first.rows == platform.tables.state(curated.SALES).rows
    again = ingest_database(platform, server.url, Query(sql="SELECT DISTINCT item, store, day, 1.5 AS qty FROM sales"))
    assert again.report is not None and again.report.inserted == 0
    one = ingest_database(platform, server.url, query, max_bad_share=1.0)
    assert (one.rows, one.watermark) == (ROWS, ROWS)
    nothing = ingest_database(platform, server.url, query)
    assert (nothing.rows, nothing.report, nothing.watermark) == (0, None, ROWS)
    server.execute("INSERT INTO sales VALUES ('NEW', 'S1', '2025-03-03', 4, '2025-06-02 10:00:00', 1201)")
    try:
        more = ingest_database(platform, server.url, query)
        assert (more.rows, more.watermark) == (1, 1201)
        assert more.report.kept == 1
    finally:
        server.execute("DELETE FROM sales WHERE line > 1200")


def test_a_database_that_is_not_there_is_said_to_be_down(tmp_path):
    with pytest.raises(SourceDown, match="no SQLite file"):
        list(Databases().read(f"sqlite:///{tmp_path}/none.db", Query(table="sales")))
    pytest.importorskip("adbc_driver_postgresql")
    with pytest.raises(SourceDown, match="doesn't answer"):
        list(Databases().read(f"postgresql://shop:secret@/postgres?host={tmp_path}", Query(table="sales")))
    pytest.importorskip("pymysql")
    with pytest.raises(SourceDown, match="doesn't answer"):
        list(Databases().read("mysql://shop:secret@127.0.0.1:1/shop", Query(table="sales")))


def test_an_unknown_kind_of_database_lists_the_known_ones():
    with pytest.raises(BadParameter, match=r"'oracle' is unknown; known: mariadb, mysql, postgres"):
        list(Databases().read("oracle://host/db", Query(table="sales")))


def test_a_table_or_a_query_must_be_named_not_both():
    for query in (Query(), Query(table="a", sql="SELECT 1")):
        with pytest.raises(BadParameter, match="not both"):
            list(Databases().read("sqlite:///x.db", query))


def test_passwords_are_never_shown():
    assert masked("postgresql://shop:se:cr@t@host/db?password=x") == "postgresql://shop@host/db"


def test_names_and_values_are_quoted():
    asked = statement(Query(table='public.my"table', watermark_column="at", watermark="2025'; DROP TABLE x"), '"')
    assert (
        asked
        == 'SELECT * FROM "public"."my""table" AS q WHERE ("at" > \'2025\'\'; DROP TABLE x\' OR "at" IS NULL) ORDER BY "at"'
    )


def test_a_sqlite_column_that_mixes_types_loses_nothing():
    with sqlite() as server:
        server.execute("CREATE TABLE t (a, b, c)")
        server.execute("INSERT INTO t VALUES (1, 1, NULL), (NULL, 2.5, NULL), ('x', 3, NULL)")
        (frame,) = read(server, Query(table="t"))
        assert frame.to_dict(as_series=False) == {"a": ["1", None, "x"], "b": [1.0, 2.5, 3.0], "c": [None] * 3}


def test_every_kind_of_column_of_mariadb_is_read_as_what_it_is():
    with mariadb() as server:
        server.execute(
            "CREATE TABLE t (tiny tinyint(1), big bigint, money decimal(12,3), real_ double, day date, at datetime(6), took time,"
            " year_ year, name varchar(20), raw_ blob, flags bit(8), doc json, none_ integer)"
            " CHARACTER SET utf8mb4"
        )
        server.execute(
            "INSERT INTO t VALUES (1, 9223372036854775807, 12345.678, 0.1, '2026-03-29', '2026-03-29 02:30:00.25', '34:05:06', 2026,"
            " 'Käse 🧀', x'ff41', b'01000001', '{\"a\": 1}', NULL), (NULL, -1, -0.5, 1e300, NULL, NULL, NULL, NULL, '', NULL, NULL, NULL, NULL)"
        )
        (frame,) = read(server, Query(table="t"))
        assert frame.row(0) == (
            1, 9223372036854775807, 12345.678, 0.1, date(2026, 3, 29), datetime(2026, 3, 29, 2, 30, 0, 250000), "34:05:06", 2026,
            "Käse 🧀", "\ufffdA", "A", '{"a": 1}', None,
        )  # fmt: skip
        assert frame.row(1)[:8] == (None, -1, -0.5, 1e300, None, None, None, None)
        assert frame["none_"].dtype == pl.Int64


def test_the_clock_of_a_load_comes_from_the_platform(platform):
    with sqlite() as server:
        server.execute(CREATE)
        server.execute(insert(1, 1))
        done = ingest_database(platform, server.url, Query(table="sales"))
        assert done.report is not None
        assert datetime.fromisoformat(done.report.received_at) == platform.clock.now().astimezone(UTC)
