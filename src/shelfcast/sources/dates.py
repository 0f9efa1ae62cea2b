"""Dates as people write them: which format a column has, and parsing that says what it could not read."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

DAY_FORMATS: tuple[str, ...] = (
    "%Y-%m-%d", "%Y/%m/%d", "%Y.%m.%d", "%Y%m%d", "%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%d-%m-%Y", "%m-%d-%Y",
    "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%d%b%Y", "%d.%m.%y", "%d/%m/%y", "%m/%d/%y",
    "%d-%m-%y", "%m-%d-%y", "%y-%m-%d", "%d-%b-%y",
)  # fmt: skip
WEEK, MONTH, EXCEL, EPOCH_SECONDS, EPOCH_MILLIS = "iso week", "%Y-%m", "excel days", "epoch seconds", "epoch ms"
SPECIAL_FORMATS: tuple[str, ...] = (WEEK, MONTH, EXCEL, EPOCH_SECONDS, EPOCH_MILLIS)
UNAMBIGUOUS = ("%Y-%m-%d", "%Y/%m/%d", "%Y%m%d", "%d %b %Y", "%d-%b-%Y", "%d %B %Y", "%b %d, %Y", "%B %d, %Y")
"""Formats that can't be mistaken for another: a stray one among rows of another format is read all the same."""
OTHER_WAYS = {
    "%d/%m/%Y": ("%m/%d/%Y",), "%d-%m-%Y": ("%m-%d-%Y",), "%d/%m/%y": ("%m/%d/%y",),
    "%d-%m-%y": ("%m-%d-%y", "%y-%m-%d"), "%m-%d-%y": ("%y-%m-%d",),
}  # fmt: skip
"""Formats the same text may be in. Which comes first of the day, the month and a two-digit year, text alone doesn't say."""
ENOUGH_DAYS, SHORTER = 10, 5
"""From so many different values on, the reading whose days span so many times less than all others is taken: years are few."""
CLOCK = r"(?:[T ]|\s+)\d{1,2}:\d{2}.*$"
SHAPES = {
    "%Y-%m-%d": r"^\d{4}-\d{1,2}-\d{1,2}$", "%Y/%m/%d": r"^\d{4}/\d{1,2}/\d{1,2}$",
    "%Y.%m.%d": r"^\d{4}\.\d{1,2}\.\d{1,2}$", "%Y%m%d": r"^(19|20)\d{6}$",
    "%d.%m.%Y": r"^\d{1,2}\.\d{1,2}\.\d{4}$", "%d/%m/%Y": r"^\d{1,2}/\d{1,2}/\d{4}$", "%m/%d/%Y": r"^\d{1,2}/\d{1,2}/\d{4}$",
    "%d-%m-%Y": r"^\d{1,2}-\d{1,2}-\d{4}$", "%m-%d-%Y": r"^\d{1,2}-\d{1,2}-\d{4}$",
    "%d.%m.%y": r"^\d{1,2}\.\d{1,2}\.\d{2}$", "%d/%m/%y": r"^\d{1,2}/\d{1,2}/\d{2}$", "%m/%d/%y": r"^\d{1,2}/\d{1,2}/\d{2}$",
    "%d-%m-%y": r"^\d{1,2}-\d{1,2}-\d{2}$", "%m-%d-%y": r"^\d{1,2}-\d{1,2}-\d{2}$",
    "%y-%m-%d": r"^\d{2}-\d{1,2}-\d{1,2}$", "%d-%b-%y": r"-\d{2}$",
    **dict.fromkeys(("%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%d%b%Y"), r"\d{4}$"),
}  # fmt: skip
"""What text of a numeric format looks like. Without it a two-digit year passes for a four-digit one (year 24)."""


@dataclass(frozen=True)
class DateFormat:
    """The format found, the share of values it reads, and whether day, month and year could be in another order."""

    format: str
    share: float
    ambiguous: bool = False


def infer_format(values: pl.Series, least: float = 0.5) -> DateFormat | None:
    """The format that reads most of the values; None if none reads the share `least` of them.

    >>> infer_format(pl.Series(["31.12.2023", "01.01.2024"])).format
    '%d.%m.%Y'
    >>> infer_format(pl.Series(["03/04/2024", "05/06/2024"])).ambiguous
    True
    >>> infer_format(pl.Series(["24-01-05", "24-01-06"])).ambiguous
    True
    """
    if values.dtype.is_temporal():
        return DateFormat("", 1.0)
    text = values.cast(pl.String).str.strip_chars().drop_nulls()
    text = text.filter(text != "").unique(maintain_order=True).head(1000)
    if text.is_empty():
        return None
    best: DateFormat | None = None
    for format in (*DAY_FORMATS, *SPECIAL_FORMATS):
        if format in (EXCEL, EPOCH_SECONDS, EPOCH_MILLIS) and best is not None:
            break
        read = parse_days(text, format).is_not_null().mean()
        share = float(read or 0.0)  # type: ignore[arg-type]
        if share > (best.share + 1e-9 if best else max(least - 1e-9, 0)):
            best = DateFormat(format, share)
    if best is None:
        return None
    spans = {best.format: _span(text, best.format)}
    for other in OTHER_WAYS.get(best.format, ()):
        if parse_days(text, other).is_not_null().mean() == best.share:
            spans[other] = _span(text, other)
    if len(spans) == 1:
        return best
    shortest, *longer = sorted(spans, key=lambda one: spans[one])
    if text.len() >= ENOUGH_DAYS and spans[shortest] * SHORTER <= min(spans[one] for one in longer):
        return DateFormat(shortest, best.share)
    return DateFormat(best.format, best.share, ambiguous=True)


def _span(text: pl.Series, format: str) -> int:
    """Days from the first to the last date of a column read so."""
    days = parse_days(text, format).drop_nulls()
    return int((days.max() - days.min()).days) + 1 if days.len() else 0  # type: ignore[operator, union-attr]


def parse_days(text: pl.Series, format: str) -> pl.Series:
    """Dates of text in one format; a time of day is cut off; null where the text is something else."""
    days = pl.col("text").str.replace(CLOCK, "")
    number = pl.col("text").cast(pl.Float64, strict=False)
    match format:
        case "iso week":
            week = days.str.extract(r"^(\d{4}-?W\d{1,2})$").str.replace("-?W", "-W")
            parsed = (week + "-1").str.to_date("%G-W%V-%u", strict=False)
        case "%Y-%m":
            parsed = (days.str.extract(r"^(\d{4}[-/]\d{1,2})$").str.replace("/", "-") + "-01").str.to_date(
                "%Y-%m-%d", strict=False
            )
        case "excel days":
            whole = pl.when(number.is_between(20_000, 80_000)).then(number.floor())
            parsed = pl.date(1899, 12, 30) + pl.duration(days=whole.cast(pl.Int64))
        case "epoch seconds":
            parsed = pl.from_epoch(pl.when(number.is_between(6e8, 4.2e9)).then(number).cast(pl.Int64), "s").dt.date()
        case "epoch ms":
            parsed = pl.from_epoch(pl.when(number.is_between(6e11, 4.2e12)).then(number).cast(pl.Int64), "ms").dt.date()
        case _:
            shape = SHAPES.get(format)
            shaped = pl.when(days.str.contains(shape)).then(days) if shape else days
            parsed = shaped.str.to_date(format, strict=False)
    return pl.DataFrame({"text": text.cast(pl.String)}).select(parsed.alias(text.name))[text.name]


def read_days(values: pl.Series, format: str) -> pl.Series:
    """Dates of a column: typed columns as they are, text by its format, strays in an unambiguous format too.

    Null where nothing fits. Each distinct value is parsed once.
    """
    if values.dtype == pl.Date:
        return values
    if isinstance(values.dtype, pl.Datetime):
        return values.dt.date()
    text = values.cast(pl.String)
    known = text.drop_nulls().unique()
    trimmed = known.str.strip_chars()
    parsed = parse_days(trimmed, format or "%Y-%m-%d")
    for other in UNAMBIGUOUS:
        if other == format or not (missing := parsed.is_null()).any():
            continue
        strays = parse_days(trimmed.filter(missing), other)
        parsed = parsed.set(missing, None) if strays.is_empty() else parsed.scatter(missing.arg_true(), strays)
    return text.replace_strict(known, parsed, default=None, return_dtype=pl.Date)


def read_instants(values: pl.Series, format: str, time_zone: str) -> pl.Series:
    """Moments in UTC. Text without a zone is local time of `time_zone`; a bare date is its midnight."""
    utc = pl.Datetime("us", "UTC")
    if isinstance(values.dtype, pl.Datetime):
        if values.dtype.time_zone:
            return values.dt.convert_time_zone("UTC").cast(utc)
        return _local(values.cast(pl.Datetime("us")), time_zone)
    if values.dtype == pl.Date:
        return _local(values.cast(pl.Datetime("us")), time_zone)
    text = values.cast(pl.String).str.strip_chars()
    frame = pl.DataFrame(
        {"day": read_days(text, format), "clock": text.str.extract(r"(\d{1,2}:\d{2}(?::\d{2})?(?:\.\d+)?)")}
    )
    zone = text.str.extract(r"\d{1,2}:\d{2}.*?([+-]\d{2}:?\d{2}|Z|UTC)$")
    half = text.str.to_lowercase().str.extract(r"\d\s*(am|pm)\b")
    parts = pl.col("clock").str.split(":")
    hour = parts.list.get(0, null_on_oob=True).cast(pl.Float64, strict=False)
    hour = (
        pl.when(pl.col("half") == "pm")
        .then(hour % 12 + 12)
        .when(pl.col("half") == "am")
        .then(hour % 12)
        .otherwise(hour)
    )
    minute = parts.list.get(1, null_on_oob=True).cast(pl.Float64, strict=False)
    second = parts.list.get(2, null_on_oob=True).cast(pl.Float64, strict=False).fill_null(0)
    micros = ((hour.fill_null(0) * 60 + minute.fill_null(0)) * 60 + second) * 1e6
    signs = pl.col("zone").str.starts_with("-").cast(pl.Int64) * -2 + 1
    offset = signs * (pl.col("zone").str.slice(1, 2).cast(pl.Int64, strict=False) * 60
                      + pl.col("zone").str.slice(-2).cast(pl.Int64, strict=False))  # fmt: skip
    moments = frame.with_columns(zone.alias("zone"), half.alias("half")).select(
        (pl.col("day").cast(pl.Datetime("us")) + pl.duration(microseconds=micros.round().cast(pl.Int64))).alias("at"),
        offset.fill_null(0).alias("offset"),
        pl.col("zone").is_not_null().alias("zoned"),
    )
    local = _local(moments["at"], time_zone)
    zoned = moments.select((pl.col("at") - pl.duration(minutes=pl.col("offset"))).dt.replace_time_zone("UTC"))["at"]
    return pl.select(pl.when(moments["zoned"]).then(zoned).otherwise(local).cast(utc).alias(values.name))[values.name]


def _local(naive: pl.Series, time_zone: str) -> pl.Series:
    """Local clock time as UTC; an hour that exists twice is the first one, one that is skipped is null."""
    return naive.dt.replace_time_zone(
        time_zone or "UTC", ambiguous="earliest", non_existent="null"
    ).dt.convert_time_zone("UTC")
