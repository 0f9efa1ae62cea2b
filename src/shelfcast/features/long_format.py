"""Anybody's history in long format (a row a series and period) becomes a panel; column roles are inferred or given.

    infer_columns(history, series=, time=, target=) -> Columns
    panel_from_long(history, columns, frequency, known_future=, static=, observed=, fill=) -> Panel

Covariate tables join on whichever of the series and time columns they share with the history. Columns of the history
that are neither series, time nor target are known_future if the known_future table has them too, else observed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.domain.errors import BadInput, BadMapping, BadParameter
from shelfcast.features.panel import Covariate, Measure, Panel, Role

TIME_NAMES = ("ds", "timestamp", "date", "time", "day", "week", "month", "period", "business_date")
TARGET_NAMES = ("y", "target", "units", "demand", "sales", "value", "quantity", "qty")
SERIES_NAMES = (
    "unique_id", "series_id", "id", "item_id", "product_id", "sku", "store_id", "location_id", "shop_id", "store", "item",
)  # fmt: skip
DRIVER_WORDS = {
    "promotion": ("promo", "discount", "campaign", "offer", "display", "feature", "markdown"),
    "price": ("price",),
    "festival": ("holiday", "festival", "event", "snap"),
    "weather": ("temp", "rain", "precip", "weather", "humid", "wind", "snow"),
    "availability": ("open", "closed", "stock", "available"),
}
MOST_PERIODS = 40_000
FILLS = ("missing", "zero")
IN_STOCK_SHARE = "in_stock_share"
"""Column of the history or the observed table that says for which share of a period (0..1) there was stock."""


@dataclass(frozen=True)
class Columns:
    """Roles of the columns of a history."""

    series: tuple[str, ...]
    time: str
    target: str


def infer_columns(
    history: pl.DataFrame, series: tuple[str, ...] = (), time: str | None = None, target: str | None = None
) -> Columns:
    """Take what is given, find the rest by name and type. Raises BadMapping with the columns there are."""
    have = list(history.columns)
    if history.height == 0:
        raise BadInput("the history has no rows; give at least one series with one period.")
    for name in (*series, *([time] if time else []), *([target] if target else [])):
        if name not in have:
            raise BadMapping(f"the history has no column {name!r}; it has: {', '.join(have)}.")
    free = [name for name in have if name not in series]
    time = time or _first_named(free, TIME_NAMES) or _first([n for n in free if history[n].dtype.is_temporal()])
    if time is None:
        raise BadMapping(f"no time column found among {', '.join(have)}; name it with --time.")
    free = [name for name in free if name != time]
    numbers = [name for name in free if history[name].dtype.is_numeric()]
    if target is None:
        floats = [name for name in numbers if history[name].dtype.is_float()]
        named = _first_named(numbers, TARGET_NAMES)
        target = named or (floats[0] if len(floats) == 1 else None)
        if target is None and len(numbers) == 1:
            target = numbers[0]
    if target is None:
        raise BadMapping(f"no target column found among {', '.join(have)}; name it with --target.")
    if history[target].null_count() == history.height:
        raise BadInput(f"the target column {target!r} holds no value at all; give at least one number.")
    if not history[target].dtype.is_numeric():
        raise BadMapping(
            f"the target column {target!r} holds {history[target].dtype}, not numbers; give another with --target."
        )
    free = [name for name in free if name != target]
    if not series:
        named_series = [name for name in free if name.lower() in SERIES_NAMES]
        texts = [name for name in free if history[name].dtype in (pl.String, pl.Categorical) or _is_enum(history, name)]
        series = tuple(named_series or texts)
    return Columns(tuple(series), time, target)


def _is_enum(frame: pl.DataFrame, name: str) -> bool:
    return isinstance(frame[name].dtype, pl.Enum)


def _first_named(names: list[str], known: tuple[str, ...]) -> str | None:
    lower = {name.lower(): name for name in reversed(names)}
    return next((lower[one] for one in known if one in lower), None)


def _first(names: list[str]) -> str | None:
    return names[0] if names else None


@dataclass(frozen=True)
class Grid:
    """Regular periods from the first to the last date of a history."""

    frequency: str
    origin: np.datetime64
    """First day of the first period."""
    count: int

    def index(self, days: NDArray[np.datetime64]) -> NDArray[np.int64]:
        if self.frequency == "M":
            return (days.astype("datetime64[M]") - self.origin.astype("datetime64[M]")).astype(np.int64)
        step = 7 if self.frequency == "W" else 1
        return np.asarray((days.astype("datetime64[D]") - self.origin).astype(np.int64) // step)

    def periods(self) -> NDArray[np.datetime64]:
        steps = np.arange(self.count)
        if self.frequency == "M":
            return np.asarray((self.origin.astype("datetime64[M]") + steps).astype("datetime64[D]"))
        return np.asarray(self.origin + steps * (7 if self.frequency == "W" else 1))


def days_of(frame: pl.DataFrame, name: str, what: str) -> NDArray[np.datetime64]:
    column = frame[name]
    if column.dtype == pl.String:
        column = column.str.to_date(strict=False)
    elif column.dtype.is_temporal():
        column = column.cast(pl.Date, strict=False)
    else:
        raise BadMapping(
            f"the time column {name!r} of the {what} holds {column.dtype}, not dates; name another with --time."
        )
    if column.null_count():
        raise BadInput(
            f"{column.null_count()} rows of the {what} have no readable date in {name!r}; write dates as 2024-12-31."
        )
    return column.to_numpy().astype("datetime64[D]")


def _grid(days: NDArray[np.datetime64], frequency: str) -> Grid:
    if frequency not in ("D", "W", "M"):
        raise BadParameter.unknown("frequency", frequency, ("D", "W", "M"))
    first, last = days.min(), days.max()
    if frequency == "M":
        first = first.astype("datetime64[M]").astype("datetime64[D]")
    elif frequency == "W":
        # weeks begin (or end) on whatever weekday most rows carry
        weekday = (days.astype(np.int64) + 3) % 7
        common = int(np.bincount(weekday, minlength=7).argmax())
        first = first - np.timedelta64(int(((int(first.astype(np.int64)) + 3) % 7 - common) % 7), "D")
    grid = Grid(frequency, first, 1)
    count = int(grid.index(np.array([last]))[0]) + 1
    if count > MOST_PERIODS:
        raise BadInput(
            f"the history reaches from {first} to {last}, {count} periods of frequency {frequency}; at most {MOST_PERIODS} "
            "are allowed. Check the dates and --frequency."
        )
    return Grid(frequency, first, count)


def panel_from_long(
    history: pl.DataFrame,
    columns: Columns,
    frequency: str,
    *,
    known_future: pl.DataFrame | None = None,
    static: pl.DataFrame | None = None,
    observed: pl.DataFrame | None = None,
    fill: str = "missing",
) -> Panel:
    """The whole history as a panel without a future; `last` holds each series' own end."""
    if fill not in FILLS:
        raise BadParameter.unknown("fill", fill, FILLS)
    if history.height == 0:
        raise BadInput("the history has no rows; give at least one series with one period.")
    days = days_of(history, columns.time, "history")
    grid = _grid(days, frequency)
    keys = _keys(history, columns.series)
    row, column = _positions(history, keys, columns.series), grid.index(days)
    cell = row * grid.count + column
    unique, counts = np.unique(cell, return_counts=True)
    if len(unique) != len(cell):
        twice = int(unique[counts > 1][0])
        name = ", ".join(str(value) for value in keys.row(twice // grid.count)) or "the series"
        raise BadInput(
            f"{int((counts > 1).sum())} periods have more than one row, the first: {name} at {grid.periods()[twice % grid.count]}; "
            "add them up first, or name all series columns with --series, or check --frequency."
        )
    target = np.full((keys.height, grid.count), np.nan, dtype=np.float32)
    values = history[columns.target].cast(pl.Float64).to_numpy().astype(np.float64)
    values = np.where(np.isfinite(values), values, np.nan)
    first = np.full(keys.height, grid.count, dtype=np.int64)
    last = np.full(keys.height, -1, dtype=np.int64)
    np.minimum.at(first, row, column)
    np.maximum.at(last, row, column)
    if fill == "zero":
        index = np.arange(grid.count)[None, :]
        target[(index >= first[:, None]) & (index <= last[:, None])] = 0.0
    target[row, column] = values
    found = _covariates(history, columns, keys, grid, row, column, known_future, static, observed)
    stock = next((one for one in found if one.name == IN_STOCK_SHARE and one.role == Role.OBSERVED), None)
    return Panel(
        keys,
        frequency,
        grid.periods(),
        target,
        None if stock is None else _share(stock),
        tuple(one for one in found if one is not stock),
        None if (last == grid.count - 1).all() else last,
    )


def _share(stock: Covariate) -> NDArray[np.float32]:
    """Share in stock by series and period; NaN = not noted."""
    values = np.asarray(stock.of_series(), dtype=np.float32)
    seen = values[np.isfinite(values)]
    if len(seen) and (seen.min() < 0.0 or seen.max() > 1.0):
        raise BadInput(
            f"{IN_STOCK_SHARE} goes from {seen.min():g} to {seen.max():g}; give the share of the period in stock, 0 to 1."
        )
    return values


def _keys(history: pl.DataFrame, series: tuple[str, ...]) -> pl.DataFrame:
    if not series:
        return pl.DataFrame({"series": ["all"]})
    keys = history.select(series).unique().sort(series)
    if keys.null_count().sum_horizontal()[0]:
        raise BadInput(
            f"a row of the history has an empty series column ({', '.join(series)}); fill it or leave the row out."
        )
    return keys


def _positions(frame: pl.DataFrame, keys: pl.DataFrame, series: tuple[str, ...]) -> NDArray[np.int64]:
    """Row number in `keys` of each row; -1 for keys that aren't there."""
    if not series:
        return np.zeros(frame.height, dtype=np.int64)
    numbered = (
        keys.select(series)
        .unique(maintain_order=True)
        .with_row_index("_row")
        .with_columns(pl.col("_row").cast(pl.Int64))
    )
    wanted = frame.select([pl.col(name).cast(numbered.schema[name], strict=False) for name in series])
    joined = wanted.join(numbered, on=list(series), how="left", maintain_order="left")
    return joined["_row"].fill_null(-1).to_numpy()


def _covariates(
    history: pl.DataFrame,
    columns: Columns,
    keys: pl.DataFrame,
    grid: Grid,
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    known_future: pl.DataFrame | None,
    static: pl.DataFrame | None,
    observed: pl.DataFrame | None,
) -> tuple[Covariate, ...]:
    found: dict[str, Covariate] = {}
    join = {*columns.series, columns.time}
    ahead = set(known_future.columns) - join if known_future is not None else set()
    for table, role in ((observed, Role.OBSERVED), (known_future, Role.KNOWN_FUTURE)):
        if table is not None:
            found |= _from_table(table, role, columns, keys, grid)
    for name in history.columns:
        if name in join or name == columns.target or name in found:
            continue
        role = Role.KNOWN_FUTURE if name in ahead else Role.OBSERVED
        one = _spread_out(history[name], name, role, row, column, keys.height, grid.count)
        if one is not None:
            found[name] = one
    if static is not None:
        found |= _static(static, columns, keys)
    found.pop(columns.target, None)
    return tuple(found[name] for name in sorted(found))


def _from_table(
    table: pl.DataFrame, role: Role, columns: Columns, keys: pl.DataFrame, grid: Grid
) -> dict[str, Covariate]:
    """Covariates of a table that has the time column and none, some or all of the series columns."""
    if columns.time not in table.columns:
        raise BadMapping(
            f"the {role} table has no column {columns.time!r}, the history's time column; it has: {', '.join(table.columns)}."
        )
    shared = tuple(name for name in columns.series if name in table.columns)
    groups = keys.select(shared).unique(maintain_order=True) if shared else pl.DataFrame({"all": [0]})
    row, column = _positions(table, groups, shared), grid.index(days_of(table, columns.time, f"{role} table"))
    inside = (row >= 0) & (column >= 0) & (column < grid.count)
    to_group = _positions(keys, groups, shared)
    found = {}
    for name in table.columns:
        if name == columns.time or name in columns.series or name == columns.target:
            continue
        one = _spread_out(
            table[name].filter(pl.Series(inside)), name, role, row[inside], column[inside], groups.height, grid.count
        )
        if one is not None:
            rows = to_group if len(one.values) > 1 else np.zeros(len(to_group), dtype=np.int64)
            found[name] = Covariate(one.name, one.role, one.measure, one.values, rows, one.categories, one.driver)
    return found


def _spread_out(
    values: pl.Series,
    name: str,
    role: Role,
    row: NDArray[np.int64],
    column: NDArray[np.int64],
    height: int,
    width: int,
) -> Covariate | None:
    numbers, measure, categories = _numbers(values)
    if numbers is None:
        return None
    dense = np.full((height, width), np.nan, dtype=np.float32)
    dense[row, column] = numbers
    rows = np.arange(height)
    if height > 1 and ((dense == dense[:1]) | (np.isnan(dense) & np.isnan(dense[:1]))).all():
        dense, rows = dense[:1], np.zeros(height, dtype=np.int64)
    return Covariate(name, role, measure, dense, rows, categories, driver_of(name))


def _numbers(values: pl.Series) -> tuple[NDArray[np.float32] | None, Measure, tuple[str, ...]]:
    """A column as numbers, what it measures, and names of categories; None for dates and lists, which aren't used."""
    if values.dtype == pl.Boolean:
        return values.cast(pl.Float32).to_numpy(), Measure.FLAG, ()
    if values.dtype.is_numeric():
        numbers = values.cast(pl.Float32, strict=False).fill_null(np.nan).to_numpy()
        seen = np.unique(numbers[np.isfinite(numbers)])
        return numbers, Measure.FLAG if len(seen) <= 2 and np.isin(seen, (0.0, 1.0)).all() else Measure.NUMBER, ()
    if values.dtype in (pl.String, pl.Categorical) or isinstance(values.dtype, pl.Enum):
        texts = values.cast(pl.String)
        names = tuple(texts.drop_nulls().unique().sort().to_list())
        codes = texts.replace_strict(list(names), list(range(len(names))), default=None, return_dtype=pl.Float32)
        return codes.fill_null(np.nan).to_numpy().astype(np.float32), Measure.CATEGORY, names
    return None, Measure.NUMBER, ()


def _static(table: pl.DataFrame, columns: Columns, keys: pl.DataFrame) -> dict[str, Covariate]:
    shared = tuple(name for name in columns.series if name in table.columns)
    if not shared:
        raise BadMapping(
            f"the static table shares no column with the series ({', '.join(columns.series)}); it has: {', '.join(table.columns)}."
        )
    row = _positions(keys, table.select(shared), shared)
    if table.select(shared).n_unique() != table.height:
        raise BadInput(f"the static table has several rows for the same {', '.join(shared)}; keep one row each.")
    found = {}
    for name in table.columns:
        numbers, measure, categories = (None, Measure.NUMBER, ()) if name in shared else _numbers(table[name])
        if numbers is not None:
            values = np.append(numbers, np.float32(np.nan))[:, None]
            found[name] = Covariate(
                name, Role.STATIC, measure, values, np.where(row >= 0, row, len(numbers)), categories, "level"
            )
    return found


def driver_of(name: str) -> str:
    """Group a covariate is explained under, by the words in its name.

    >>> driver_of("promo_flag"), driver_of("shelf")
    ('promotion', 'other')
    """
    lower = name.lower()
    return next((driver for driver, words in DRIVER_WORDS.items() if any(word in lower for word in words)), "other")
