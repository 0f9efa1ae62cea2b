"""What a load changes: incoming rows compared with those stored under the same key. Pure frames in, frames out.

    dimension   new key -> inserted; other values -> the row is replaced (newest load wins)
    fact        new key -> inserted; other values than the standing row -> correction: the standing row gets
                `superseded_at`, a new one stands from then on
    vintage     new (key, known_at) -> inserted; other values under the same (key, known_at) -> correction: a later
                vintage, known when it was received

Equal values change nothing, and `loaded_at`, `load_id` are not values. A column the load doesn't have at all is no value
either: the stored one stays. A null is a value.

A correction is known when the source says so if that is later than the row it corrects, else when it was received. One
received before the row's own nominal `known_at` (today's sales corrected the same evening) takes that row's place:
nobody could have seen the older one.

A load may hold the whole history of a key, a row each time it changed. Its last version then competes with the standing
row; the earlier ones are put where they belong in time, and one that rewrites a version stored before is left out
(`outdated`): what was seen then was seen. So the same rows loaded twice change nothing the second time.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import polars as pl

from shelfcast.domain.tables import Kind, Table

OWN = "__own_known_at"
"""True where the source said when the row became known."""
NEWS = "__news"
"""In `Changes.added`: why the row is written."""
INSERTED, CORRECTED, ENDED = 1, 2, 0
_STORED = "__stored"
_INSTANT = pl.Datetime("us", "UTC")


@dataclass(frozen=True)
class Changes:
    """Incoming rows that are in neither are unchanged."""

    added: pl.DataFrame
    """Rows to write, `NEWS` beside them; an `ENDED` one is a stored row that got its `superseded_at`."""
    removed: pl.DataFrame
    """Stored rows, whole, that leave or are written again changed."""
    outdated: int = 0
    """Incoming rows that rewrite a version which the same load follows with a later one: what was seen then stays."""


def values_of(table: Table, present: list[str]) -> list[str]:
    """Columns whose difference makes a row different."""
    apart = {*table.stored_key, "superseded_at", "known_at"}
    return [
        column.name
        for column in table.columns
        if not column.volatile and column.name not in apart and column.name in present
    ]


def compare(
    table: Table, stored: pl.DataFrame, incoming: pl.DataFrame, present: list[str], received_at: datetime
) -> Changes:
    """Changes a load makes.

    Args:
        stored: the table's rows with the keys of the load (all versions).
        incoming: declared columns plus `OWN` (the same for all rows of a key), unique by stored key.
        present: columns the load really had.
        received_at: when it was received.
    """
    if stored.is_empty() and (OWN not in incoming.columns or not incoming[OWN].any()):
        return Changes(_as(INSERTED, incoming.select(table.names)), stored)
    match table.kind:
        case Kind.FACT:
            return _facts(table, stored, incoming, present, received_at)
        case Kind.VINTAGE:
            return _vintages(table, stored, incoming, present, received_at)
        case _:
            return _dimensions(table, stored, incoming, present)


def same(values: list[str]) -> pl.Expr:
    """True where every value equals the stored one; null equals null, NaN equals NaN."""
    return pl.all_horizontal(pl.lit(True), *(pl.col(name).eq_missing(pl.col(name + _STORED)) for name in values))


def _beside(incoming: pl.DataFrame, stored: pl.DataFrame, on: tuple[str, ...]) -> pl.DataFrame:
    """Incoming rows with the stored row of the same key beside them, under names ending in `_STORED`; `__found` if any."""
    marked = stored.with_columns(pl.lit(True).alias("__found"))
    joined = incoming.join(marked, on=list(on), how="left", suffix=_STORED, nulls_equal=True, maintain_order="left")
    return joined.with_columns(pl.col("__found").fill_null(False))


def _originals(table: Table, rows: pl.DataFrame, on: tuple[str, ...]) -> pl.DataFrame:
    """The stored rows that stand beside incoming ones."""
    return rows.select(pl.col(name if name in on else name + _STORED).alias(name) for name in table.names)


def _carried(table: Table, rows: pl.DataFrame, present: list[str]) -> pl.DataFrame:
    """Columns the load didn't have, from the stored row beside (where there is one)."""
    return rows.with_columns(
        pl.when("__found").then(pl.col(name + _STORED)).otherwise(pl.col(name)).alias(name)
        for name in values_of(table, table.names)
        if name not in present
    )


def _as(news: int, rows: pl.DataFrame) -> pl.DataFrame:
    return rows.with_columns(pl.lit(news, pl.Int8).alias(NEWS))


def _without(rows: pl.DataFrame, gone: pl.DataFrame, table: Table) -> pl.DataFrame:
    return rows.join(gone, on=list(table.stored_key), how="anti", nulls_equal=True, maintain_order="left")


def _dimensions(table: Table, stored: pl.DataFrame, incoming: pl.DataFrame, present: list[str]) -> Changes:
    rows = _beside(incoming, stored, table.key)
    new = rows.filter(~pl.col("__found"))
    changed = rows.filter(pl.col("__found") & ~same(values_of(table, present)))
    changed_rows = _carried(table, changed, present)
    added = pl.concat([_as(INSERTED, new.select(table.names)), _as(CORRECTED, changed_rows.select(table.names))])
    return Changes(added, _originals(table, changed, table.key))


def _by_source(
    stored: pl.DataFrame, incoming: pl.DataFrame, one_pass: Callable[[pl.DataFrame, pl.DataFrame], Changes]
) -> Changes:
    """Keys whose source said when rows became known, apart from keys whose rows say what holds now."""
    own, rest = incoming.filter(OWN), incoming.filter(~pl.col(OWN))
    if own.is_empty() or rest.is_empty():
        return one_pass(stored, rest if own.is_empty() else own)
    both = [one_pass(stored, own), one_pass(stored, rest)]
    return Changes(
        pl.concat([one.added for one in both]),
        pl.concat([one.removed for one in both]),
        sum(one.outdated for one in both),
    )


def _facts(
    table: Table, stored: pl.DataFrame, incoming: pl.DataFrame, present: list[str], received_at: datetime
) -> Changes:
    values = values_of(table, present)
    received = pl.lit(received_at, _INSTANT)
    before = pl.col("known_at" + _STORED)

    def from_source(stored: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, int]:
        rows = _beside(_with_last(table, rows), stored, table.stored_key)
        rows = rows.filter(~(pl.col("__found") & same(values)))
        outdated = pl.col("__found") & ~pl.col("__last")
        count = rows.filter(outdated).height
        rows = rows.filter(~outdated).select(*table.names, "__last")
        rows = _carried(table, _beside(rows, _standing(stored), table.key), present)
        late = pl.col("__found") & pl.col("__last") & (pl.col("known_at") <= before)
        known = pl.when(late).then(pl.max_horizontal(before, received)).otherwise("known_at")
        return rows.filter(~(late & same(values))).with_columns(known_at=known), count

    def as_it_holds(stored: pl.DataFrame, rows: pl.DataFrame) -> pl.DataFrame:
        rows = _carried(table, _beside(rows, _standing(stored), table.key), present)
        known = pl.when("__found").then(pl.max_horizontal(before, received)).otherwise("known_at")
        return rows.filter(~(pl.col("__found") & same(values))).with_columns(known_at=known)

    def one_pass(stored: pl.DataFrame, rows: pl.DataFrame) -> Changes:
        own = rows.height > 0 and bool(rows.get_column(OWN).first())
        news, outdated = from_source(stored, rows) if own else (as_it_holds(stored, rows), 0)
        news = news.select(table.names).unique(table.stored_key, keep="last", maintain_order=True)
        return _chained(table, stored, news, values_of(table, table.names), outdated)

    return _by_source(stored, incoming, one_pass)


def _with_last(table: Table, rows: pl.DataFrame) -> pl.DataFrame:
    """`__last`: no later version of the key in the same load."""
    return rows.with_columns((pl.col("known_at") == pl.col("known_at").max().over(table.key)).alias("__last"))


def _standing(stored: pl.DataFrame) -> pl.DataFrame:
    return stored.filter(pl.col("superseded_at").is_null())


def _chained(table: Table, stored: pl.DataFrame, news: pl.DataFrame, values: list[str], outdated: int) -> Changes:
    """Put news among the stored versions of their keys: each version ends when the next begins."""
    key = list(table.key)
    touched = stored.join(news, on=key, how="semi", nulls_equal=True)
    if touched.is_empty() and not news.select(pl.struct(key).is_duplicated().any()).item():
        return Changes(_as(INSERTED, news), touched, outdated)
    replaced = touched.join(news, on=list(table.stored_key), how="semi", nulls_equal=True)
    versions = pl.concat(
        [
            _without(touched, replaced, table).with_columns(pl.lit(False).alias("__new")),
            news.with_columns(pl.lit(True).alias("__new")),
        ]
    ).sort(*key, "known_at")
    first = pl.struct(key).is_first_distinct()
    restated = (
        pl.col("__new")
        & ~first
        & pl.all_horizontal(pl.lit(True), *(pl.col(name).eq_missing(pl.col(name).shift(1)) for name in values))
    )
    versions = versions.filter(~restated)
    next_begins = pl.when(~first.shift(-1, fill_value=True)).then(pl.col("known_at").shift(-1))
    versions = versions.with_columns(
        pl.col("superseded_at").alias("__before"), next_begins.alias("superseded_at"), first.alias("__first")
    )
    moved = versions.filter(~pl.col("__new") & pl.col("__before").ne_missing(pl.col("superseded_at")))
    added = versions.filter("__new")
    seen = added.join(touched.select(key).unique(), on=key, how="semi", nulls_equal=True, maintain_order="left")
    unseen = added.join(touched.select(key).unique(), on=key, how="anti", nulls_equal=True, maintain_order="left")
    return Changes(
        added=pl.concat(
            [
                _as(INSERTED, unseen.filter("__first").select(table.names)),
                _as(CORRECTED, pl.concat([unseen.filter(~pl.col("__first")), seen]).select(table.names)),
                _as(ENDED, moved.select(table.names)),
            ]
        ),
        removed=pl.concat([replaced, moved.with_columns(superseded_at="__before").select(table.names)]),
        outdated=outdated,
    )


def _vintages(
    table: Table, stored: pl.DataFrame, incoming: pl.DataFrame, present: list[str], received_at: datetime
) -> Changes:
    values = values_of(table, present)
    received = pl.lit(received_at, _INSTANT)

    def from_source(stored: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
        rows = _carried(table, _beside(_with_last(table, rows), stored, table.stored_key), present)
        new = rows.filter(~pl.col("__found"))
        wrong = rows.filter(pl.col("__found") & ~same(values)).select(*table.names, "__last").with_row_index("__row")
        # One corrected before has a later vintage that says the same.
        later = _beside(wrong, stored, table.key).filter(
            "__found", pl.col("known_at" + _STORED) > pl.col("known_at"), same(values)
        )
        wrong = wrong.filter(~pl.col("__row").is_in(later["__row"].implode()))
        outdated = wrong.filter(~pl.col("__last")).height
        wrong = wrong.filter("__last").with_columns(known_at=pl.max_horizontal("known_at", received))
        return new.select(table.names), wrong.select(table.names), outdated

    def as_it_holds(stored: pl.DataFrame, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
        latest = stored.sort("known_at").unique(table.key, keep="last", maintain_order=True)
        rows = _carried(table, _beside(rows, latest, table.key), present)
        before = pl.col("known_at" + _STORED)
        new = rows.filter(~pl.col("__found") | (~same(values) & (pl.col("known_at") > before)))
        wrong = rows.filter("__found", ~same(values), pl.col("known_at") <= before)
        wrong = wrong.with_columns(known_at=pl.max_horizontal(before, received))
        return new.select(table.names), wrong.select(table.names), 0

    def one_pass(stored: pl.DataFrame, rows: pl.DataFrame) -> Changes:
        own = rows.height > 0 and bool(rows.get_column(OWN).first())
        new, wrong, outdated = (from_source if own else as_it_holds)(stored, rows)
        # A correction takes the place of a vintage that was to be known at the same moment.
        added = pl.concat([_as(INSERTED, new), _as(CORRECTED, wrong)])
        added = added.unique(table.stored_key, keep="last", maintain_order=True)
        removed = stored.join(added, on=list(table.stored_key), how="semi", nulls_equal=True)
        return Changes(added, removed, outdated)

    return _by_source(stored, incoming, one_pass)
