"""A raw batch and a mapping -> rows of canonical tables, and the rows that can't be parsed with the reason why.

Everything is done by column: a batch of 500,000 rows costs a few vector operations per column, and only rows at fault
are looked at one by one (written out as JSON).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

import polars as pl

from shelfcast.domain.tables import Column, Table, Type
from shelfcast.sources.batches import SOURCE_LINE, CanonicalBatch, RawBatch, faults, no_faults
from shelfcast.sources.dates import read_days, read_instants
from shelfcast.sources.folding import fold_prices
from shelfcast.sources.mapping import Mapping, Target, Wide
from shelfcast.sources.numbers import CURRENCIES, NumberStyle, is_nothing, read_flags, read_numbers

PERIOD = "__period"


def convert(raw: RawBatch, mapping: Mapping, currency: str = "") -> Iterator[CanonicalBatch]:
    """One canonical batch per target. Lines that couldn't be split into columns count for the first target.

    `currency` is the lake's: rows that say they are in another one can't be used where money is read from them.
    """
    for position, target in enumerate(mapping.targets):
        frame = raw.frame if position == 0 else _telling(raw.frame, target)
        foreign = no_faults()
        if mapping.currency_column and currency and _reads_money(target):
            frame, foreign = _in_currency(frame, mapping.currency_column, currency)
        batch = convert_target(frame, target, mapping.numbers)
        if foreign.height:
            batch = _with_faults(batch, foreign)
        if position == 0 and raw.broken.height:
            batch = _with_faults(batch, raw.broken)
        yield batch


def _with_faults(batch: CanonicalBatch, more: pl.DataFrame) -> CanonicalBatch:
    """The batch and further rows at fault, each with one fault."""
    found = pl.concat([more, batch.faults])
    return CanonicalBatch(batch.table, batch.frame, found, batch.rows_at_fault + more.height, batch.folded)


def _reads_money(target: Target) -> bool:
    return any(target.declared.column(name).unit == "money" for name in target.columns)


def _in_currency(frame: pl.DataFrame, column: str, currency: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows in the lake's currency (or that name none), and the others as faults."""
    named = frame[column].cast(pl.String).str.strip_chars().str.to_uppercase()
    foreign = (named.replace(CURRENCIES) != currency).fill_null(False) & (named != "").fill_null(False)
    said = f"is another currency than the lake's, {currency}; convert the amounts before loading, or keep them in a lake of their own"
    return frame.filter(~foreign), _faults(frame.filter(foreign), column, "currency", said)


def convert_target(frame: pl.DataFrame, target: Target, style: NumberStyle) -> CanonicalBatch:
    """Rows of one table out of a batch."""
    table = target.declared
    frame = _split(_measures(_long(frame, target, style), target), target)
    done: dict[str, pl.Series] = {}
    found: list[pl.DataFrame] = []
    bad = pl.Series([False], dtype=pl.Boolean).new_from_index(0, frame.height)
    for name, source in _sources(target).items():
        if source not in frame.columns:
            continue
        column = table.column(name)
        values = frame[source]
        read = _read(values, column, target, style)
        # Most columns are whole: only where something is missing is it asked whether it was given and unreadable.
        if read.null_count():
            wrong = read.is_null() & ~is_nothing(values)
            if column.default is not None:
                read = pl.select(
                    pl.when(read.is_null() & ~wrong).then(pl.lit(column.default)).otherwise(read)
                ).to_series()
            if wrong.any():
                found.append(_faults(frame.filter(wrong), source, *_unreadable(column, target, style)))
                bad = bad | wrong
        done[name] = read
    for name, value in target.constants.items():
        done[name] = pl.Series(name, [value]).cast(table.column(name).type.polars).new_from_index(0, frame.height)
    done |= _measure_columns(frame, target)
    result = pl.DataFrame({**done, SOURCE_LINE: frame[SOURCE_LINE].cast(pl.Int64)}) if frame.height else _empty(table)
    if bad.any():
        result = result.filter(~bad)
    folded = 0
    if table.name == "prices":
        result, folded = fold_prices(result, adjacent_only=True)
    return CanonicalBatch(table, result, pl.concat(found) if found else no_faults(), int(bad.sum()), folded)


def _telling(frame: pl.DataFrame, target: Target) -> pl.DataFrame:
    """For a table that is fed on the side: the rows that say something for it (an empty price is no price row)."""
    keys = {*target.declared.key, "known_at"}
    told = [source for name, source in target.columns.items() if name not in keys and source in frame.columns]
    if not told or frame.is_empty() or target.measures:
        return frame
    silent = is_nothing(frame[told[0]])
    for name in told[1:]:
        silent = silent & is_nothing(frame[name])
    return frame.filter(~silent)


def _sources(target: Target) -> dict[str, str]:
    """Canonical column -> column of the reshaped frame."""
    sources = dict(target.columns)
    if target.wide:
        day = target.declared.partition or "date"
        sources |= {day: PERIOD, target.wide.value: "__cell"}
    if target.split:
        sources |= {name: f"__{name}" for name in target.split.into}
    return sources


def _empty(table: Table) -> pl.DataFrame:
    return table.empty().with_columns(pl.lit(None, pl.Int64).alias(SOURCE_LINE))


def _long(frame: pl.DataFrame, target: Target, style: NumberStyle) -> pl.DataFrame:
    """Wide to long: a row per cell that holds something. An empty cell is a missing period, not a row."""
    if target.wide is None:
        return frame
    keep = [name for name in dict.fromkeys([SOURCE_LINE, *target.columns.values()]) if name in frame.columns]
    if target.split:
        keep.append(target.split.column)
    days = period_days([name for name in frame.columns if name not in keep], target.wide)
    cells = list(days)
    frame = _cells_of_one_type(frame, cells, style)
    # Rows come out period by period, so each period's day is repeated instead of joined to its name.
    long = frame.unpivot(on=cells, index=keep, variable_name="__name", value_name="__cell").drop("__name")
    repeated = (
        pl.Series(PERIOD, list(days.values()), dtype=pl.Date).repeat_by(frame.height).explode(empty_as_null=False)
    )
    return long.with_columns(repeated).filter(~is_nothing(long["__cell"]))


def _cells_of_one_type(frame: pl.DataFrame, cells: list[str], style: NumberStyle) -> pl.DataFrame:
    """Cells as numbers where all of them are; else as text, so that a bad one is kept as it came."""
    if style.decimal == ".":
        numbers = frame.select(pl.col(cells).cast(pl.Float64, strict=False))
        if numbers.null_count().equals(frame.select(cells).null_count()):
            return frame.with_columns(numbers)
    return frame.with_columns(pl.col(cells).cast(pl.String))


def period_days(names: list[str], wide: Wide) -> dict[str, date]:
    """The day of each period column; columns that name no period are left out."""
    if wide.format:
        days = read_days(pl.Series(names, dtype=pl.String), wide.format)
        return {name: day for name, day in zip(names, days) if day is not None}
    first = wide.first_day or date(1970, 1, 1)
    numbers = {name: name.removeprefix(wide.prefix) for name in names if name.startswith(wide.prefix)}
    return {n: first + timedelta((int(k) - 1) * wide.step_days) for n, k in numbers.items() if k.isdigit()}


def _measures(frame: pl.DataFrame, target: Target) -> pl.DataFrame:
    """One row per measure that holds something (observations, attributes)."""
    if not target.measures:
        return frame
    sources = list(target.measures)
    keep = [name for name in frame.columns if name not in sources or name in target.columns.values()]
    text = frame.with_columns(pl.col(sources).cast(pl.String))
    long = text.unpivot(on=sources, index=keep, variable_name="__measure", value_name="__value")
    return long.filter(~is_nothing(long["__value"]))


def _measure_columns(frame: pl.DataFrame, target: Target) -> dict[str, pl.Series]:
    if not target.measures or not frame.height:
        return {}
    names = frame["__measure"].replace_strict(dict(target.measures), return_dtype=pl.String)
    number = read_numbers(frame["__value"], NumberStyle())
    if target.table == "attributes":
        return {"attribute": names, "value": frame["__value"], "number": number}
    return {"name": names, "value": number}


def _split(frame: pl.DataFrame, target: Target) -> pl.DataFrame:
    """The parts of a series name; the last separator counts, because item names hold separators more often."""
    if target.split is None:
        return frame
    first, second = target.split.into
    parts = pl.col(target.split.column).cast(pl.String).str.split(target.split.separator)
    has_both = parts.list.len() >= 2
    return frame.with_columns(
        pl.when(has_both)
        .then(parts.list.head(parts.list.len() - 1).list.join(target.split.separator))
        .alias(f"__{first}"),
        pl.when(has_both).then(parts.list.last()).alias(f"__{second}"),
    )


def _read(values: pl.Series, column: Column, target: Target, style: NumberStyle) -> pl.Series:
    match column.type:
        case Type.TEXT:
            return read_text(values)
        case Type.REAL | Type.INTEGER:
            share = column.maximum == 1.0
            number = read_numbers(values, style, share=share)
            if share and number.null_count():
                number = number.fill_null(read_flags(values).cast(pl.Float64))
            if column.name in target.inverted:
                number = 1.0 - number
            if column.type is Type.INTEGER:
                return pl.select(
                    pl.when(number == number.round()).then(number.cast(pl.Int64, strict=False))
                ).to_series()
            return number
        case Type.FLAG:
            flags = read_flags(values)
            return ~flags if column.name in target.inverted else flags
        case Type.DAY:
            return read_days(values, target.dates.get(column.name, ""))
        case Type.INSTANT:
            return read_instants(values, target.dates.get(column.name, ""), target.time_zone)


def read_text(values: pl.Series) -> pl.Series:
    """Text trimmed, blank as null; a whole float keeps no `.0`, so an id stays the id it was."""
    if values.dtype == pl.String:
        trimmed = values.str.strip_chars()
        return trimmed.set(trimmed == "", None) if (trimmed == "").any() else trimmed
    if values.dtype.is_float():
        whole = (values == values.round()) | values.is_null()
        if whole.all():
            return values.cast(pl.Int64, strict=False).cast(pl.String)
    if values.dtype.is_nested():
        return (
            values.cast(pl.List(pl.String)).list.join(",")
            if isinstance(values.dtype, pl.List)
            else values.struct.json_encode()
        )
    return values.cast(pl.String)


def _unreadable(column: Column, target: Target, style: NumberStyle) -> tuple[str, str]:
    """Rule and cure for a value that isn't what its column holds."""
    match column.type:
        case Type.DAY | Type.INSTANT:
            format = target.dates.get(column.name) or "%Y-%m-%d"
            return "date", f"is no date in the format {format}; mend it, or set `dates` in the mapping file"
        case Type.FLAG:
            return "flag", "is neither yes nor no (true/false, 1/0, yes/no)"
        case _:
            return (
                "number",
                f"is no number (decimal sign {style.decimal!r}); mend it, or set `numbers` in the mapping file",
            )


def _faults(rows: pl.DataFrame, source: str, rule: str, said: str) -> pl.DataFrame:
    shown = source.removeprefix("__")
    inner = {name: name.removeprefix("__") for name in rows.columns if name.startswith("__")}
    rows = rows.rename({name: new for name, new in inner.items() if new not in rows.columns})
    value = pl.col(inner.get(source, source)).cast(pl.String)
    reason = pl.concat_str(pl.lit(f"{shown} '"), value.fill_null(""), pl.lit(f"' {said}."))
    return faults(rows, column=shown, rule=rule, reason=reason, value=value)
