"""Records in one SQLite file in WAL mode: readers never wait for the one writer, and a kill leaves whole records."""

from __future__ import annotations

import json
import os
import re
import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from shelfcast.adapters.record_bodies import encode, matches
from shelfcast.domain.errors import Conflict, NotFound
from shelfcast.ports.record_store import Record

SCHEMA = """
CREATE TABLE IF NOT EXISTS records (
    kind TEXT NOT NULL, record_id TEXT NOT NULL, version INTEGER NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (kind, record_id)
) WITHOUT ROWID
"""
INDEXED = ("state", "cutoff", "pull_id")
INDEXES = tuple(
    f"CREATE INDEX IF NOT EXISTS records_{name} ON records (kind, json_extract(body, '$.\"{name}\"'))"
    for name in INDEXED
)
"""Fields that long histories are asked by: what is approved, what was decided on a cutoff, what went out together."""
WAIT_SECONDS = 60.0
"""How long a writer waits for another."""


class SqliteRecords:
    """`RecordStore` in a SQLite file, made on first use. Threads and processes may share it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()

    def __getstate__(self) -> dict[str, Any]:
        return {"path": self.path}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.path = state["path"]
        self._local = threading.local()

    def put(self, kind: str, record_id: str, body: Mapping[str, Any], *, expected: int | None = None) -> Record:
        text = encode(kind, record_id, body)
        with self._writing() as connection:
            row = connection.execute(
                "SELECT version FROM records WHERE kind = ? AND record_id = ?", (kind, record_id)
            ).fetchone()
            version = int(row[0]) if row else 0
            if expected is not None and expected != version:
                raise Conflict(
                    f"record {kind}/{record_id} is at version {version}, not {expected}. Read it again and retry."
                )
            connection.execute(
                "INSERT INTO records VALUES (?, ?, ?, ?) "
                "ON CONFLICT (kind, record_id) DO UPDATE SET version = excluded.version, body = excluded.body",
                (kind, record_id, version + 1, text),
            )
        return Record(kind, record_id, version + 1, json.loads(text))

    def get(self, kind: str, record_id: str) -> Record:
        row = (
            self._connection()
            .execute("SELECT version, body FROM records WHERE kind = ? AND record_id = ?", (kind, record_id))
            .fetchone()
        )
        if row is None:
            raise NotFound(f"there is no record {kind}/{record_id}.")
        return Record(kind, record_id, int(row[0]), json.loads(row[1]))

    def query(self, kind: str, *, where: Mapping[str, Any] | None = None, prefix: str = "") -> list[Record]:
        """See the port. SQLite narrows by kind, prefix and text fields; what is left is compared exactly."""
        named = next((name for name in INDEXED if isinstance((where or {}).get(name), str)), "")
        by = f" INDEXED BY records_{named}" if named else ""  # SQLite prefers the primary key unless told
        statement = f"SELECT record_id, version, body FROM records{by} WHERE kind = ?"
        values: list[str] = [kind]
        if prefix:
            statement += " AND record_id >= ? AND substr(record_id, 1, ?) = ?"
            values += [prefix, str(len(prefix)), prefix]
            statement = statement.replace("substr(record_id, 1, ?)", "substr(record_id, 1, CAST(? AS INTEGER))")
        for name, value in (where or {}).items():
            if isinstance(value, str) and re.fullmatch(r"\w+", name):
                statement += f" AND json_extract(body, '$.\"{name}\"') = ?"  # spelled out: an index fits no parameter
                values.append(value)
        rows = self._connection().execute(statement + " ORDER BY record_id", values).fetchall()
        records = [Record(kind, row[0], int(row[1]), json.loads(row[2])) for row in rows]
        return [record for record in records if matches(record.body, where)]

    def delete(self, kind: str, record_id: str) -> None:
        with self._writing() as connection:
            connection.execute("DELETE FROM records WHERE kind = ? AND record_id = ?", (kind, record_id))

    def close(self) -> None:
        """Close this thread's connection."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is not None:
            connection.close()
            self._local.connection = None

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        connection = self._connection()
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield connection
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        connection.execute("COMMIT")

    def _connection(self) -> sqlite3.Connection:
        """One connection a thread; a forked child makes its own."""
        connection: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if connection is None or self._local.process != os.getpid():
            self.path.parent.mkdir(parents=True, exist_ok=True)
            connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None, check_same_thread=False)
            connection.execute("PRAGMA journal_mode = WAL")
            # Approvals and audit must survive a power cut, so every commit reaches the disk.
            connection.execute("PRAGMA synchronous = FULL")
            for statement in (SCHEMA, *INDEXES):
                connection.execute(statement)
            self._local.connection, self._local.process = connection, os.getpid()
        return connection
