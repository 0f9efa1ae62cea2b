"""Online Retail (UCI): invoice lines of a UK web shop, as till lines and as daily net sales.

Cancellations (invoices `C...`) are returns: they are netted on the day they happen. Lines that are no goods (postage,
bank charges, manual entries) and lines without a price (stock corrections) go to quarantine with the reason.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import polars as pl

from shelfcast.sources.batches import SOURCE_LINE, CanonicalBatch, faults, no_faults
from shelfcast.sources.datasets.reading import Batches, Dataset, batch, find_files, named, typed, whole
from shelfcast.sources.dates import infer_format, read_instants
from shelfcast.sources.infer_mapping import bare

NOT_GOODS = (
    "POST", "D", "DOT", "M", "S", "B", "C2", "C3", "CRUK", "PADS", "BANK CHARGES", "AMAZONFEE", "ADJUST", "ADJUST2",
    "TEST001", "TEST002", "GIFT",
)  # fmt: skip
"""Codes of postage, discounts, manual entries, fees, samples, charity and tests."""
LOCATION, TIME_ZONE = "all", "Europe/London"
FILES = [
    "Online Retail.xlsx",
    "online_retail_II.xlsx",
    "online_retail_II.csv",
    "OnlineRetail.csv",
    "Online Retail.csv",
    "transactions.parquet",
]
NAMES = {
    "invoice": ("invoiceno", "invoice", "invoiceid"), "item_id": ("stockcode", "itemid"), "name": ("description", "itemname"),
    "units": ("quantity", "units"), "at": ("invoicedate", "ts"), "price": ("unitprice", "price", "unitpricegbp"),
    "customer": ("customerid",),
}  # fmt: skip


def files(path: Path) -> list[Path]:
    if path.is_file():
        found = [path] if bare(path.name) in {bare(name) for name in FILES} else []
    else:
        found = find_files(path, FILES)[:1]
    beside = find_files(path, ["daily_2009_12_to_2010_12.parquet"])
    return [*found, *beside] if found and found[0].suffix == ".parquet" else found


def batches(paths: list[Path]) -> Batches:
    file = named(paths, *FILES)
    assert file is not None
    by_bare = {bare(name): name for name in file.columns}
    columns = {ours: next((by_bare[one] for one in known if one in by_bare), ours) for ours, known in NAMES.items()}
    types = {
        columns["invoice"]: pl.String,
        columns["item_id"]: pl.String,
        columns["name"]: pl.String,
        columns["units"]: pl.Float64,
        columns["at"]: pl.Object,
        columns["price"]: pl.Float64,
        columns["customer"]: pl.String,
    }
    parts: list[pl.DataFrame] = []
    for raw in file.batches():
        frame = typed(raw.frame, types, file.name).rename({theirs: ours for ours, theirs in columns.items()})
        parts.append(frame.with_columns(_moments(frame["at"]).alias("occurred_at")).drop("at"))
    lines, twice = _without_second_copy(_described(pl.concat(parts)))
    good, bad, count = _goods(lines)
    yield _items(good)
    yield batch(
        "locations",
        pl.DataFrame({"location_id": [LOCATION], "name": ["Web shop"], "country": ["GB"], "time_zone": [TIME_ZONE]}),
    )
    yield batch("pos_events", good, pl.concat([twice, bad]), twice.height + count)
    sales = good.group_by("item_id", "business_date").agg(
        pl.col("units").sum(),
        (pl.col("units") * pl.col("unit_price")).sum().alias("revenue"),
        pl.col(SOURCE_LINE).min(),
    )
    yield batch(
        "sales",
        sales.sort("business_date", "item_id")
        .rename({"business_date": "date"})
        .with_columns(location_id=pl.lit(LOCATION)),
    )
    yield _prices(good)
    first: date = good["business_date"].min()  # type: ignore[assignment]
    if (daily := named(paths, "daily_2009_12_to_2010_12.parquet")) is not None:
        yield _year_before(whole(daily, {"item_id": pl.String, "date": pl.Date, "units": pl.Float64}), first)
    yield _openings(good)


def _moments(values: pl.Series) -> pl.Series:
    """Invoice times are clock times in London."""
    found = infer_format(values.head(5_000))
    return read_instants(values, found.format if found else "", TIME_ZONE)


def _described(lines: pl.DataFrame) -> pl.DataFrame:
    """Codes in one spelling, local day, kind of event, and an id: invoice and position on it."""
    code = pl.col("item_id").str.strip_chars().str.to_uppercase()
    position = pl.int_range(pl.len()).over("invoice") + 1
    return lines.with_columns(
        code.alias("item_id"),
        pl.col("occurred_at").dt.convert_time_zone(TIME_ZONE).dt.date().alias("business_date"),
        pl.lit(LOCATION).alias("location_id"),
        pl.col("price").alias("unit_price"),
        pl.when(pl.col("invoice").str.starts_with("C") | (pl.col("units") < 0))
        .then(pl.lit("return"))
        .otherwise(pl.lit("sale"))
        .alias("event_kind"),
        pl.col("invoice").alias("receipt_id"),
        pl.concat_str("invoice", pl.lit("-"), position.cast(pl.String)).alias("event_id"),
    )


def _without_second_copy(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """The two-year edition has nine days of December 2010 twice, at the end of one sheet and the start of the next."""
    days = lines["business_date"]
    ordinal = days.cast(pl.Int32)
    back = ordinal < ordinal.cum_max() - 1
    if not back.any():
        return lines, no_faults()
    start = int(back.arg_max() or 0)
    second_from = days[start:].min()
    doubled = (pl.int_range(pl.len()) < start) & (pl.col("business_date") >= second_from)
    twice = lines.filter(doubled)
    kept = lines.filter(~doubled)
    position = pl.int_range(pl.len()).over("invoice") + 1
    kept = kept.with_columns(pl.concat_str("invoice", pl.lit("-"), position.cast(pl.String)).alias("event_id"))
    reason = "The line stands again in the next sheet, which covers the same days; that one is used."
    return kept, faults(_as_came(twice), column="", rule="duplicate_row", reason=reason)


def _goods(lines: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame, int]:
    """Lines of goods with a price; the rest as faults, each once."""
    other = (
        pl.col("item_id").is_in(NOT_GOODS)
        | pl.col("item_id").str.starts_with("GIFT_")
        | pl.col("item_id").str.starts_with("TEST")
    )
    unpriced = (pl.col("unit_price") <= 0) | pl.col("unit_price").is_null()
    adjustment = pl.col("invoice").str.starts_with("A")
    services = lines.filter(other | adjustment)
    free = lines.filter(~(other | adjustment) & unpriced)
    found = [
        faults(
            _as_came(services),
            column="item_id",
            rule="not_goods",
            value=pl.col("item_id"),
            reason=pl.concat_str(
                pl.lit("Code "),
                "item_id",
                pl.lit(" is no article (postage, fee, discount, manual entry); it is left out of demand."),
            ),
        ),
        faults(
            _as_came(free),
            column="unit_price",
            rule="zero_price",
            value=pl.col("price"),
            reason="The line has no price above 0: a stock correction or a write-off, not a sale.",
        ),
    ]
    return lines.filter(~(other | adjustment) & ~unpriced), pl.concat(found), services.height + free.height


def _as_came(lines: pl.DataFrame) -> pl.DataFrame:
    return lines.select("invoice", "item_id", "name", "units", "occurred_at", "price", "customer", SOURCE_LINE)


def _items(good: pl.DataFrame) -> CanonicalBatch:
    """Each article under the name it has most often."""
    names = (
        good.group_by("item_id", "name")
        .agg(pl.len().alias("n"))
        .drop_nulls("name")
        .sort("item_id", "n", "name", descending=[False, True, False])
    )
    return batch(
        "items",
        good.select("item_id")
        .unique()
        .join(names.unique("item_id", keep="first", maintain_order=True), on="item_id", how="left")
        .sort("item_id")
        .select("item_id", pl.col("name").str.strip_chars()),
    )


def _prices(good: pl.DataFrame) -> CanonicalBatch:
    """The day's middle price of an article's sale lines (large orders get discounts), from the day it changed."""
    sold = good.filter(pl.col("event_kind") == "sale")
    daily = sold.group_by("item_id", "business_date").agg(
        pl.col("unit_price").median().alias("price"), pl.col(SOURCE_LINE).min()
    )
    return batch(
        "prices",
        daily.sort("item_id", "business_date")
        .rename({"business_date": "valid_from"})
        .with_columns(location_id=pl.lit(LOCATION)),
    )


def _year_before(daily: pl.DataFrame, first: date) -> CanonicalBatch:
    """The year before as daily units; the days both parts cover are taken from the lines."""
    rows = daily.with_columns(pl.col("item_id").str.strip_chars().str.to_uppercase(), location_id=pl.lit(LOCATION))
    lines = rows.group_by("item_id", "location_id", "date").agg(
        pl.col("units").sum(), pl.col(SOURCE_LINE).min(), pl.len().alias("n")
    )
    merged = rows.height - lines.height
    covered = lines.filter(pl.col("date") >= first)
    rest = lines.filter(pl.col("date") < first)
    other = rest.filter(pl.col("item_id").is_in(NOT_GOODS))
    bad = pl.concat(
        [
            faults(
                covered.drop("n"),
                column="date",
                rule="covered_twice",
                reason="The invoice lines cover this day too; they are used.",
                value=pl.col("date"),
            ),
            faults(
                other.drop("n"),
                column="item_id",
                rule="not_goods",
                reason="The code is no article; it is left out of demand.",
                value=pl.col("item_id"),
            ),
        ]
    )
    made = batch(
        "sales",
        rest.filter(~pl.col("item_id").is_in(NOT_GOODS)).drop("n").sort("date", "item_id"),
        bad,
        covered.height + other.height,
    )
    return CanonicalBatch(made.table, made.frame, made.faults, made.rows_at_fault, merged)


def _openings(good: pl.DataFrame) -> CanonicalBatch:
    """The shop sends no invoices on Saturdays and holidays: a day without any line is a closed day."""
    span = good.select(pl.date_range(pl.col("business_date").min(), pl.col("business_date").max()).alias("date"))
    closed = span.join(good.select("business_date").unique(), left_on="date", right_on="business_date", how="anti")
    return batch("openings", closed.sort("date").select("date", location_id=pl.lit(LOCATION), open=pl.lit(False)))


ONLINE_RETAIL = Dataset(
    "online-retail", "Online Retail (UCI)", files, batches,
    "Online Retail.xlsx or online_retail_II.xlsx of UCI (or the same as .csv), or the tidy transactions.parquet",
)  # fmt: skip
