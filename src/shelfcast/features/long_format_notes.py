"""What of the given tables isn't used, so that nothing is left out in silence.

A table that shares no series or no period with the history is refused; one that lacks some is used, with a note.
"""

from __future__ import annotations

from collections.abc import Mapping

import polars as pl

from shelfcast.domain.errors import BadInput
from shelfcast.features.long_format import Columns, days_of


def notes_on(history: pl.DataFrame, columns: Columns, tables: Mapping[str, pl.DataFrame | None]) -> list[str]:
    """Sentences about columns and series that find no use.

    Args:
        tables: known_future, static, observed; None where not given.

    Raises:
        BadInput: a table without any row for the history's series, or within its periods.
    """
    notes = _unused_columns("history", history, {columns.time, columns.target, *columns.series})
    for role, table in tables.items():
        if table is None:
            continue
        notes += _unused_columns(role, table, {columns.time, *columns.series})
        if columns.target in table.columns:
            notes.append(f"{role}: column {columns.target} is the target; not used from here.")
        notes += _missing_series(role, table, history, columns)
        if columns.time in table.columns and role != "static":
            _check_periods(role, table, history, columns)
    return notes


def _unused_columns(role: str, table: pl.DataFrame, keys: set[str]) -> list[str]:
    notes = []
    for name, kind in table.schema.items():
        if name in keys:
            continue
        if table[name].null_count() == table.height:
            notes.append(f"{role}: column {name} holds no value; not used.")
        elif not (kind.is_numeric() or kind in (pl.Boolean, pl.String, pl.Categorical) or isinstance(kind, pl.Enum)):
            notes.append(f"{role}: column {name} holds {kind}, neither numbers nor text; not used.")
    return notes


def _missing_series(role: str, table: pl.DataFrame, history: pl.DataFrame, columns: Columns) -> list[str]:
    shared = [name for name in columns.series if name in table.columns]
    if not shared:
        return []
    wanted = history.select(shared).unique()
    have = table.select(pl.col(name).cast(wanted.schema[name], strict=False) for name in shared).unique()
    missing = wanted.join(have, on=shared, how="anti").sort(shared)
    if missing.height == wanted.height:
        first = ", ".join(str(value) for value in wanted.sort(shared).row(0))
        other = ", ".join(str(value) for value in table.select(shared).row(0)) if table.height else "no row at all"
        raise BadInput(
            f"the {role} table has no row for any series of the history: {', '.join(shared)} are {first}... there and {other}... here; "
            "write them alike, or leave the table out."
        )
    if missing.height:
        first = ", ".join(str(value) for value in missing.row(0))
        return [f"{role}: {missing.height} of {wanted.height} {', '.join(shared)} have no row, the first: {first}."]
    return []


def _check_periods(role: str, table: pl.DataFrame, history: pl.DataFrame, columns: Columns) -> None:
    known, given = days_of(history, columns.time, "history"), days_of(table, columns.time, f"{role} table")
    if len(given) == 0 or given.max() < known.min() or given.min() > known.max():
        span = "nothing" if len(given) == 0 else f"{given.min()} to {given.max()}"
        raise BadInput(
            f"the {role} table covers {span}, the history {known.min()} to {known.max()}; give its rows for the history's "
            "periods too, or leave the table out."
        )
