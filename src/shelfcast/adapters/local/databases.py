"""Reads a retailer's SQL database: PostgreSQL through ADBC, SQLite and MySQL/MariaDB through streaming cursors.

Every batch of a query has the same columns and types, whatever its rows hold, and no more than a batch is in memory.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import polars as pl

from shelfcast.domain.errors import BadParameter, MissingExtra, SourceDown
from shelfcast.ports.source_reader import Query

EXTRA = "Databases need the databases extra: pip install 'shelfcast[databases]'"
CONNECT_SECONDS = 10


class Databases:
    """`SourceReader` over the kinds of database in `READERS`."""

    def read(self, url: str, query: Query, *, batch_rows: int = 500_000) -> Iterator[pl.DataFrame]:
        kind = urlsplit(url).scheme.split("+")[0].lower()
        if kind not in READERS:
            raise BadParameter.unknown(
                "database kind", kind or url, READERS, "Write for example postgresql://user:password@host/database."
            )
        if bool(query.table) == bool(query.sql):
            raise BadParameter("name either a table (--table) or a query (--query), not both and not neither.")
        return READERS[kind](url, query, batch_rows)


def masked(url: str) -> str:
    """The URL without its password, for messages and records.

    >>> masked("mysql://shop:secret@db:3306/till")
    'mysql://shop@db:3306/till'
    """
    return re.sub(r"(//[^:/@]*):.*@", r"\1@", url.split("?")[0])


def statement(query: Query, quote: str, columns: Sequence[str] = ("*",)) -> str:
    """The SELECT of a query: past the watermark, in its order."""
    source = _quoted_path(query.table, quote) if query.table else f"({query.sql.strip().rstrip(';')})"
    text = f"SELECT {', '.join(columns)} FROM {source} AS q"
    if query.watermark_column:
        column = _quoted(query.watermark_column, quote)
        if query.watermark is not None:
            # A row without a watermark (a column set at the first change only) has no place in the order: it always comes.
            past = f"{column} {'>=' if query.inclusive else '>'} {_literal(query.watermark)}"
            text += f" WHERE ({past} OR {column} IS NULL)"
        text += f" ORDER BY {column}"
    return text


def _quoted(name: str, quote: str) -> str:
    return quote + name.replace(quote, quote * 2) + quote


def _quoted_path(path: str, quote: str) -> str:
    return ".".join(_quoted(part, quote) for part in path.split("."))


def _literal(value: str | int | float) -> str:
    """A value in SQL. Quoted text takes the type of the column it is compared with, in all three databases."""
    if isinstance(value, int | float):
        return repr(value)
    return "'" + value.replace("\\", "").replace("'", "''") + "'"


def _refused(url: str, error: Exception) -> BadParameter:
    said = " ".join(str(error).split())[:400]
    return BadParameter(f"{masked(url)} refused the query: {said}. Check table, columns and watermark.")


def _down(url: str, error: Exception) -> SourceDown:
    said = " ".join(str(error).split())[:300]
    return SourceDown(f"{masked(url)} doesn't answer: {said}. Check host, port, user and password, then try again.")


# PostgreSQL


def _postgresql(url: str, query: Query, batch_rows: int) -> Iterator[pl.DataFrame]:
    try:
        from adbc_driver_manager import Error
        from adbc_driver_postgresql import dbapi
    except ImportError as error:
        raise MissingExtra(EXTRA) from error
    plain = url.replace("postgres://", "postgresql://", 1) if url.startswith("postgres://") else url
    plain = re.sub(r"^postgresql\+\w+://", "postgresql://", plain)
    try:
        connection = dbapi.connect(plain + ("&" if "?" in plain else "?") + f"connect_timeout={CONNECT_SECONDS}")
    except Error as error:
        raise _down(url, error) from error
    with closing(connection), closing(connection.cursor()) as cursor:
        try:
            cursor.execute(f"SELECT * FROM ({statement(query, chr(34))}) AS probe LIMIT 0")
            columns = [_postgresql_column(one) for one in cursor.fetch_record_batch().schema]
            cursor.execute(statement(query, '"', columns))
            reader = cursor.fetch_record_batch()
            empty = pl.DataFrame(pl.from_arrow(reader.schema.empty_table()))
            yield from _rebatched((pl.DataFrame(pl.from_arrow(batch)) for batch in reader), batch_rows, empty)
        except Error as error:
            raise _refused(url, error) from error


def _postgresql_column(field: Any) -> str:
    """`numeric` has no Arrow type of its own and would come as text: it is cast to double; other odd types to text."""
    import pyarrow as pa

    name = _quoted(field.name, '"')
    kind = (field.metadata or {}).get(b"ADBC:postgresql:typname", b"").decode()
    kind = kind or str(getattr(field.type, "type_name", ""))
    if kind == "numeric":
        return f"CAST({name} AS double precision) AS {name}"
    if kind or isinstance(field.type, pa.BaseExtensionType):
        return f"CAST({name} AS text) AS {name}"
    return name


def _rebatched(frames: Iterator[pl.DataFrame], batch_rows: int, empty: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Small batches of a driver joined to the size asked for; `empty` where there are no rows."""
    waiting: list[pl.DataFrame] = []
    rows = came = 0
    for frame in frames:
        waiting.append(frame)
        rows += frame.height
        came += frame.height
        if rows >= batch_rows:
            yield pl.concat(waiting)
            waiting, rows = [], 0
    if rows or not came:
        yield pl.concat([empty, *waiting])


# SQLite


def _sqlite(url: str, query: Query, batch_rows: int) -> Iterator[pl.DataFrame]:
    path = Path(re.sub(r"^sqlite(\+\w+)?:(///|//)?", "", url.split("?")[0]))
    if not path.exists():
        raise SourceDown(
            f"there is no SQLite file {path}. Write sqlite:///folder/file.db (four slashes from the root)."
        )
    try:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as connection:
            names = [one[0] for one in connection.execute(f"{statement(query, chr(34))} LIMIT 0").description]
            schema = _sqlite_types(connection, query, names)
            # A column that mixes text and numbers comes as text, so that nothing is lost.
            columns = [f"CAST(q.{_quoted(n, chr(34))} AS TEXT)" if t == pl.String else f"q.{_quoted(n, chr(34))}" for n, t in schema.items()]  # fmt: skip
            cursor = connection.execute(statement(query, '"', columns))
            yield from _fetched(lambda: cursor.fetchmany(batch_rows), schema)
    except sqlite3.Error as error:
        raise _refused(url, error) from error


def _sqlite_types(connection: sqlite3.Connection, query: Query, names: Sequence[str]) -> dict[str, pl.DataType]:
    """SQLite types are by value, not by column, so they are asked of all values."""
    asked = [f"group_concat(DISTINCT typeof(q.{_quoted(name, chr(34))}))" for name in names]
    inner = statement(Query(query.table, query.sql), '"', asked)
    schema: dict[str, pl.DataType] = {}
    for name, kinds in zip(names, connection.execute(inner).fetchone()):
        found = set((kinds or "").split(",")) - {"null", ""}
        if found == {"integer"}:
            schema[name] = pl.Int64()
        elif found and found <= {"integer", "real"}:
            schema[name] = pl.Float64()
        else:
            schema[name] = pl.String()
    return schema


def _fetched(fetch: Callable[[], Sequence[Sequence[Any]]], schema: dict[str, pl.DataType]) -> Iterator[pl.DataFrame]:
    first = True
    while rows := fetch():
        yield pl.DataFrame(
            {name: pl.Series(name, values, dtype=schema[name]) for name, values in zip(schema, zip(*rows))}
        )
        first = False
    if first:
        yield pl.DataFrame(schema=schema)


# MySQL, MariaDB


def _mysql(url: str, query: Query, batch_rows: int) -> Iterator[pl.DataFrame]:
    try:
        import pymysql
        from pymysql.constants import FIELD_TYPE
        from pymysql.converters import conversions
        from pymysql.cursors import SSCursor
    except ImportError as error:
        raise MissingExtra(EXTRA) from error
    parts = urlsplit(url)
    options = dict(parse_qsl(parts.query))
    # Values come as the text the server sends: reading a column at once is twice as fast as a value at a time.
    encode = {kind: how for kind, how in conversions.items() if not isinstance(kind, int)}
    try:
        connection = pymysql.connect(
            host=parts.hostname or "127.0.0.1", port=parts.port or 3306, user=unquote(parts.username or ""),
            password=unquote(parts.password or ""), database=parts.path.lstrip("/") or None, charset="utf8mb4",
            unix_socket=options.get("unix_socket"), cursorclass=SSCursor, conv=encode, connect_timeout=CONNECT_SECONDS,
        )  # fmt: skip
    except pymysql.MySQLError as error:
        raise _down(url, error) from error
    with closing(connection), closing(connection.cursor()) as cursor:
        try:
            cursor.execute(statement(query, "`"))
            schema = {one[0]: _mysql_type(one[1], FIELD_TYPE) for one in cursor.description or ()}
            yield from _decoded(lambda: cursor.fetchmany(batch_rows), schema)
        except pl.exceptions.PolarsError as error:
            said = str(error).split("\n")[0]
            raise BadParameter(
                f"{masked(url)}: a value can't be kept ({said}). Cast the column in a query (--query), for example to CHAR."
            ) from error
        except pymysql.MySQLError as error:
            raise _refused(url, error) from error


def _mysql_type(code: int, kinds: Any) -> pl.DataType:
    if code in (kinds.TINY, kinds.SHORT, kinds.LONG, kinds.LONGLONG, kinds.INT24, kinds.YEAR):
        return pl.Int64()
    if code in (kinds.FLOAT, kinds.DOUBLE, kinds.DECIMAL, kinds.NEWDECIMAL):
        return pl.Float64()
    if code == kinds.DATE:
        return pl.Date()
    if code in (kinds.DATETIME, kinds.TIMESTAMP):
        return pl.Datetime("us")
    return pl.String()


def _decoded(fetch: Callable[[], Sequence[Sequence[Any]]], schema: dict[str, pl.DataType]) -> Iterator[pl.DataFrame]:
    first = True
    while rows := fetch():
        columns = zip(schema.items(), zip(*rows))
        yield pl.DataFrame({name: _mysql_column(name, values, dtype) for (name, dtype), values in columns})
        first = False
    if first:
        yield pl.DataFrame(schema=schema)


def _mysql_column(name: str, values: Sequence[Any], dtype: pl.DataType) -> pl.Series:
    """A column out of the server's text. A zero date (0000-00-00, which no calendar has) is null; bytes are text."""
    if any(isinstance(one, bytes) for one in values):
        values = [one.decode("utf-8", "replace") if isinstance(one, bytes) else one for one in values]
    text = pl.Series(name, values, dtype=pl.String)
    if dtype == pl.Date:
        return text.str.to_date("%Y-%m-%d", strict=False)
    if isinstance(dtype, pl.Datetime):
        return text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", time_unit="us", strict=False)
    return text.cast(dtype)


READERS: dict[str, Callable[[str, Query, int], Iterator[pl.DataFrame]]] = {
    "postgresql": _postgresql,
    "postgres": _postgresql,
    "sqlite": _sqlite,
    "mysql": _mysql,
    "mariadb": _mysql,
}
