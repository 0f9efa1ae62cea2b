"""Merge rows into a table of the lake by key: repeatable, safe beside other writers, touching only months that change.

What counts as a change is said in `changes`; here rows are prepared, cut into units of work, and each unit is committed
on the snapshot it was compared with. If somebody else commits first, the unit is compared anew, so that nothing of
either is lost. Units are months (of tables partitioned by a day): a merge killed between two and run again with the same
rows and `received_at` ends as an undisturbed one.

New rows are appended; a month is read and written again only if a row in it changes. PyIceberg's own `upsert` needs
14 ms a key and breaks down beyond some thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import polars as pl

from shelfcast.domain.errors import BadInput, BadParameter, Conflict
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import Kind, Table, Type
from shelfcast.lake.changes import CORRECTED, ENDED, INSERTED, NEWS, OWN, Changes, compare
from shelfcast.lake.fingerprint import of_frame, tracked
from shelfcast.lake.known_at import assumed_known_at, nominal_known_at
from shelfcast.ports.table_store import TableStore

UNIT_ROWS = 4_000_000
"""Incoming rows compared at a time, at most (a single month may hold more)."""
ATTEMPTS = 100
_MONTH = "__month"


@dataclass(frozen=True)
class MergeSummary:
    """What a merge did. inserted + corrected + unchanged + repeated + outdated = rows that came in."""

    inserted: int = 0
    corrected: int = 0
    unchanged: int = 0
    repeated: int = 0
    """Rows that came twice under one key in the same load; the last one counts."""
    outdated: int = 0
    """Rows that rewrite a version the same load follows with a later one (see `changes`); what was seen then stays."""
    snapshot_id: int = 0
    """Last snapshot committed; the one found where nothing changed (0: never written)."""

    @property
    def rows(self) -> int:
        return self.inserted + self.corrected + self.unchanged + self.repeated + self.outdated

    @property
    def changed(self) -> bool:
        return self.inserted + self.corrected > 0

    def __add__(self, other: MergeSummary) -> MergeSummary:
        return MergeSummary(
            self.inserted + other.inserted,
            self.corrected + other.corrected,
            self.unchanged + other.unchanged,
            self.repeated + other.repeated,
            self.outdated + other.outdated,
            other.snapshot_id or self.snapshot_id,
        )


def merge(
    tables: TableStore,
    table: Table,
    rows: pl.DataFrame | Iterable[pl.DataFrame],
    *,
    received_at: datetime,
    notes: Mapping[str, str] | None = None,
    frequency: str = "D",
    only_new: bool = False,
) -> MergeSummary:
    """Merge rows by the table's key.

    Args:
        rows: declared columns in any order. Leave out columns the source doesn't have: in rows that are there already
            they keep their value, in new ones they become the default. A null that is there is a value and replaces
            what was. `known_at` may be left out or null. A stream is merged frame by frame (each month best in one).
        received_at: when the rows were received, with zone; give the same again when a merge is repeated.
        notes: noted in every snapshot the merge commits.
        frequency: length of the lake's period (D, W, M), for the `known_at` of rows without.
        only_new: leave rows whose key is there alone (dimensions made from facts).

    Raises:
        BadParameter: the table holds results, or `received_at` has no zone.
        BadInput: a key column is missing.
        Conflict: other writers came first 100 times in a row.
    """
    if table.kind is Kind.RESULT:
        raise BadParameter(f"table {table.name} holds results: a slice of it is replaced whole, not merged by key.")
    if received_at.tzinfo is None:
        raise BadParameter(f"received_at {received_at} has no time zone; give one, such as UTC.")
    total = MergeSummary(snapshot_id=_head(tables, table))
    for frame in [rows] if isinstance(rows, pl.DataFrame) else rows:
        if frame.is_empty():
            continue
        prepared, present, repeated = _prepare(table, frame, received_at, frequency)
        total += MergeSummary(repeated=repeated)
        for unit in _units(table, prepared):
            total += _merge_unit(tables, table, unit, present, received_at, notes or {}, only_new)
    return total


def _head(tables: TableStore, table: Table) -> int:
    current = tables.state(table).current
    return current.snapshot_id if current is not None else 0


def _prepare(
    table: Table, frame: pl.DataFrame, received_at: datetime, frequency: str
) -> tuple[pl.DataFrame, list[str], int]:
    """Declared columns, `known_at` filled in, one row a stored key; the columns that came; how many rows came twice."""
    missing = [name for name in table.key if name not in frame.columns and table.column(name).default is None]
    if missing:
        raise BadInput(
            f"rows for table {table.name} lack key column {', '.join(missing)}; they have: {', '.join(frame.columns)}. "
            f"Map a column of the source to each of: {', '.join(table.key)}."
        )
    present = [name for name in table.names if name in frame.columns]
    rows = table.conform(frame).with_columns(
        pl.col("loaded_at").fill_null(pl.lit(received_at, pl.Datetime("us", "UTC")))
    )
    if table.kind is not Kind.DIMENSION:
        rows = _with_known_at(table, rows, received_at, frequency)
        unknown = rows["known_at"].null_count()
        if unknown:
            raise BadInput(
                f"{unknown} rows for table {table.name} have neither known_at nor the date it is derived from. "
                "Give each row one of the two."
            )
    if table.kind is Kind.FACT:
        rows = rows.with_columns(superseded_at=pl.lit(None, pl.Datetime("us", "UTC")))
    # Different hashes mean different keys: far cheaper than looking for doubles, of which there are rarely any.
    if rows.select(table.stored_key).hash_rows().n_unique() == rows.height:
        return rows, present, 0
    once = rows.unique(table.stored_key, keep="last", maintain_order=True)
    return once, present, rows.height - once.height


def _with_known_at(table: Table, rows: pl.DataFrame, received_at: datetime, frequency: str) -> pl.DataFrame:
    """`known_at` of every row, and in `OWN` whether the source gave it."""
    own_frequency = "frequency" in table.names
    nominal = nominal_known_at(table, frequency, own_frequency=own_frequency)
    rows = rows.with_columns(pl.col("known_at").is_not_null().alias(OWN))
    if rows[OWN].any() and not rows[OWN].all():
        # Rows of one key with and without known_at are one history; those without take their nominal place in it.
        mixed = pl.col(OWN).any().over(table.key)
        rows = rows.with_columns(mixed.alias(OWN), known_at=pl.when(mixed).then(pl.coalesce("known_at", nominal)))
    return rows.with_columns(known_at=pl.coalesce("known_at", assumed_known_at(table, received_at, nominal)))


def _month(table: Table) -> pl.Expr:
    assert table.partition is not None
    return pl.col(table.partition).dt.truncate("1mo").alias(_MONTH)


def _by_month(table: Table) -> bool:
    return table.partition is not None and table.column(table.partition).type is Type.DAY


def _units(table: Table, rows: pl.DataFrame) -> Iterator[pl.DataFrame]:
    """Rows cut into whole months, as many as make `UNIT_ROWS`; all at once where the table has no months."""
    if not _by_month(table) or rows.height <= UNIT_ROWS:
        yield rows
        return
    months = rows.select(_month(table)).to_series().value_counts().sort(_MONTH)
    group: list[date | None] = []
    size = 0
    for month, count in months.iter_rows():
        if group and size + count > UNIT_ROWS:
            yield rows.filter(_month(table).is_in(group, nulls_equal=True))
            group, size = [], 0
        group.append(month)
        size += count
    yield rows.filter(_month(table).is_in(group, nulls_equal=True))


def _merge_unit(
    tables: TableStore,
    table: Table,
    rows: pl.DataFrame,
    present: list[str],
    received_at: datetime,
    notes: Mapping[str, str],
    only_new: bool,
) -> MergeSummary:
    inserted = corrected = snapshot_id = 0
    for _ in range(ATTEMPTS):
        base = _head(tables, table)
        stored = _stored_rows(tables, table, rows, base)
        fresh = rows.join(stored, on=list(table.key), how="anti", nulls_equal=True) if only_new else rows
        changes = compare(table, stored, fresh, present, received_at)
        try:
            for where, added, removed in _commits(table, changes):
                base = snapshot_id = _commit(tables, table, base, where, added, removed, notes)
                inserted += added.filter(pl.col(NEWS) == INSERTED).height
                corrected += added.filter(pl.col(NEWS) == CORRECTED).height
        except Conflict:
            # Compared anew, what did get in is found unchanged.
            continue
        unchanged = rows.height - inserted - corrected - changes.outdated
        return MergeSummary(inserted, corrected, unchanged, 0, changes.outdated, snapshot_id)
    raise Conflict(
        f"table {table.name}: other writers came first {ATTEMPTS} times in a row. Let them end, then load again: what "
        "got in already will be found unchanged."
    )


def _stored_rows(tables: TableStore, table: Table, rows: pl.DataFrame, base: int) -> pl.DataFrame:
    """Stored rows with the keys of the load, every version of them."""
    if base == 0:
        return table.empty()
    stored = tables.scan(table, base)
    if _by_month(table) and table.partition in table.key:
        ranges = [_between(table, run).to_polars() for run in _runs(rows.select(_month(table)).to_series())]
        stored = stored.filter(pl.any_horizontal(ranges))
    elif _by_month(table):
        # The key doesn't say the month: few columns tell which months are worth reading whole, mostly none.
        assert table.partition is not None
        keys = rows.lazy().select(table.key)
        places = stored.select(*table.key, table.partition).join(keys, on=list(table.key), how="semi", nulls_equal=True)
        months = places.select(_month(table)).unique().collect(engine="streaming").to_series()
        if months.is_empty():
            return table.empty()
        if not months.null_count():
            stored = stored.filter(pl.any_horizontal(_between(table, run).to_polars() for run in _runs(months)))
    return stored.join(rows.lazy().select(table.key), on=list(table.key), how="semi", nulls_equal=True).collect(
        engine="streaming"
    )


def _commits(table: Table, changes: Changes) -> Iterator[tuple[Slice | None, pl.DataFrame, pl.DataFrame]]:
    """(slice to write again, rows added in it, rows removed from it): a run of months each; then what is only new."""
    added, removed = changes.added, changes.removed
    if removed.height:
        moving = _by_month(table) and table.partition not in table.key
        months = (
            pl.concat([frame.select(_month(table)) for frame in ([removed, added] if moving else [removed])])
            if (_by_month(table))
            else None
        )
        if months is None or months.to_series().null_count():
            yield Slice(), added, removed
            return
        runs = _runs(months.to_series())
        # A row that moved to another month must leave and come in one commit.
        for run in [(runs[0][0], runs[-1][1])] if moving else runs:
            where = _between(table, run)
            inside = where.to_polars()
            yield where, added.filter(inside), removed.filter(inside)
            added = added.filter(~inside)
    if added.height:
        yield None, added, removed.clear()


def _runs(months: pl.Series) -> list[tuple[date, date]]:
    """Consecutive months as (first day, first day after)."""
    runs: list[tuple[date, date]] = []
    for month in months.drop_nulls().unique().sort():
        after = (month + timedelta(days=31)).replace(day=1)
        if runs and runs[-1][1] == month:
            runs[-1] = (runs[-1][0], after)
        else:
            runs.append((month, after))
    return runs


def _between(table: Table, run: tuple[date, date]) -> Slice:
    assert table.partition is not None
    return Slice.between(table.partition, *run)


def _commit(
    tables: TableStore,
    table: Table,
    base: int,
    where: Slice | None,
    added: pl.DataFrame,
    removed: pl.DataFrame,
    notes: Mapping[str, str],
) -> int:
    change = of_frame(table, added) - of_frame(table, removed)
    rows = added.select(table.names)
    stream = rows if where is None else _rewritten(tables, table, base, where, rows, removed)
    words = tracked(tables, table, change, None, notes)
    return tables.replace(table, stream, where, expected=base, notes=words).snapshot_id


def _rewritten(
    tables: TableStore, table: Table, base: int, where: Slice, added: pl.DataFrame, removed: pl.DataFrame
) -> Iterator[pl.DataFrame]:
    """The slice as it will be, a month at a time."""
    gone = removed.lazy().select(table.stored_key)
    kept = tables.scan(table, base).filter(where.to_polars())
    kept = kept.join(gone, on=list(table.stored_key), how="anti", nulls_equal=True)
    if not where.conditions:
        yield pl.concat([kept.collect(engine="streaming"), added])
        return
    assert table.partition is not None
    first, end = (condition.value for condition in where.conditions)
    assert isinstance(first, date) and isinstance(end, date)
    for month in pl.date_range(first, end, "1mo", closed="left", eager=True):
        inside = _between(table, (month, (month + timedelta(days=31)).replace(day=1))).to_polars()
        yield pl.concat([kept.filter(inside).collect(engine="streaming"), added.filter(inside)])


def retract(
    tables: TableStore, table: Table, keys: pl.DataFrame, *, at: datetime, notes: Mapping[str, str] | None = None
) -> int:
    """Take back what stands under these keys, because the source has deleted it; how many rows stood.

    A fact's standing row is superseded at that moment and kept, a dimension's row leaves. A key that has none changes
    nothing, so it can be repeated.

    Raises:
        BadParameter: the table keeps vintages (or results): what was planned or forecast was, and can't be unsaid.
        Conflict: other writers came first 100 times in a row.
    """
    if table.kind not in (Kind.FACT, Kind.DIMENSION):
        raise BadParameter(
            f"table {table.name} is of kind {table.kind}: its rows can't be taken back, only followed by newer ones."
        )
    keys = keys.select(table.key).drop_nulls().unique()
    for _ in range(ATTEMPTS if keys.height else 0):
        base = _head(tables, table)
        stored = _stored_rows(tables, table, keys, base)
        if table.kind is Kind.FACT:
            stored = stored.filter(pl.col("superseded_at").is_null())
        if stored.is_empty():
            return 0
        ended = stored.with_columns(pl.lit(ENDED, pl.Int8).alias(NEWS))
        if table.kind is Kind.FACT:
            moment = pl.max_horizontal("known_at", pl.lit(at, pl.Datetime("us", "UTC")))
            ended = ended.with_columns(superseded_at=moment)
        else:
            ended = ended.clear()
        try:
            for where, added, removed in _commits(table, Changes(ended, stored)):
                base = _commit(tables, table, base, where, added, removed, notes or {})
        except Conflict:
            continue
        return stored.height
    if keys.is_empty():
        return 0
    raise Conflict(
        f"table {table.name}: other writers came first {ATTEMPTS} times in a row. Let them end, then try again."
    )
