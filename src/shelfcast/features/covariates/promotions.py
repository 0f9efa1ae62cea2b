"""Promotions, run and planned: on or not by type, depth of the price cut, display."""

from __future__ import annotations

import numba
import numpy as np
import polars as pl
from numpy.typing import NDArray

from shelfcast.features.grid import Grid, lookup, series_rows
from shelfcast.features.panel import Covariate, Floats, Measure, Role


@numba.njit(cache=True)
def _stamp(out, series, begin, end, value):  # type: ignore[no-untyped-def]
    """Raise out[s, begin..end] to at least the value."""
    for i in range(len(series)):
        for t in range(max(begin[i], 0), min(end[i] + 1, out.shape[1])):
            if value[i] > out[series[i], t]:
                out[series[i], t] = value[i]


def expand(keys: pl.DataFrame, promotions: pl.DataFrame) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(promotion row, series) pairs: `*` stands for every item or location."""
    rows = promotions.select("item_id", "location_id").with_row_index("row")
    numbered = keys.select("item_id", "location_id").with_row_index("series")
    everything, one_item, one_place = pl.col("item_id") == "*", pl.col("item_id") != "*", pl.col("location_id") != "*"
    all_places = pl.col("location_id") == "*"
    exact = rows.filter(one_item & one_place)
    at = series_rows(exact, keys)
    pairs = [pl.DataFrame({"row": exact["row"], "series": at}).filter(pl.col("series") >= 0)]
    pairs.append(
        rows.filter(one_item & all_places).join(numbered, on="item_id").select("row", pl.col("series").cast(pl.Int64))
    )
    pairs.append(
        rows.filter(everything & one_place)
        .join(numbered, on="location_id")
        .select("row", pl.col("series").cast(pl.Int64))
    )
    pairs.append(
        rows.filter(everything & all_places)
        .select("row")
        .join(numbered.select("series"), how="cross")
        .select("row", pl.col("series").cast(pl.Int64))
    )
    both = pl.concat([one.with_columns(pl.col("row").cast(pl.Int64)) for one in pairs])
    return both["row"].to_numpy(), both["series"].to_numpy()


def covariates(grid: Grid, keys: pl.DataFrame, promotions: pl.DataFrame, types: tuple[str, ...]) -> list[Covariate]:
    """A flag a type, and the depth of the cut and the display, each zero where nothing runs; all known ahead."""
    if not types:
        return []
    row, series = expand(keys, promotions)
    begin, end = grid.index(promotions["first_date"])[row], grid.index(promotions["last_date"])[row]
    each = np.arange(keys.height)
    kind = lookup(promotions["promotion_type"].fill_null("price"), pl.Series(types))[row]

    def stamped(value: Floats, which: NDArray[np.bool_]) -> Floats:
        out = np.zeros((keys.height, grid.length), dtype=np.float32)
        _stamp(out, series[which], begin[which], end[which], value[which].astype(np.float32))
        return out

    one = np.ones(len(row))
    made = [
        Covariate(
            f"promotion_{name}", Role.KNOWN_FUTURE, Measure.FLAG, stamped(one, kind == code), each, driver="promotion"
        )
        for code, name in enumerate(types)
    ]
    for column, name in (("discount_share", "discount"), ("display_share", "display")):
        if promotions[column].drop_nulls().len():
            depth = promotions[column].fill_null(0.0).to_numpy()[row]
            values = stamped(depth, depth > 0)
            made.append(Covariate(name, Role.KNOWN_FUTURE, Measure.NUMBER, values, each, driver="promotion"))
    return made
