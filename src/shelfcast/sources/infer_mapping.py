"""Finds out which column is what: first by names (declared ones and aliases), then by content.

Every decision leaves a sentence, so that a person can check it; a guess lowers the confidence.
"""

from __future__ import annotations

import re
from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadMapping
from shelfcast.domain.tables import TABLES, Column, Table, Type
from shelfcast.sources.dates import infer_format
from shelfcast.sources.mapping import Mapping, Split, Target, Wide
from shelfcast.sources.numbers import NumberStyle, infer_style, is_nothing, read_flags, read_numbers
from shelfcast.sources.sniffing import FileShape

SERIES_NAMES = ("uniqueid", "seriesid", "series", "tsid")
"""Names for item and location in one."""
OUT_OF_STOCK_NAMES = ("outofstock", "stockout", "oos", "isoos", "stockoutflag", "oosflag")
IN_STOCK_NAMES = ("instockshare", "instock", "availability", "available", "stockflag", "isinstock", "instockflag")
PRICE_NAMES = ("price", "sellprice", "sellingprice", "unitprice", "salesprice", "pricepaid", "preis")
REGULAR_PRICE_NAMES = ("regularprice", "listprice", "baseprice")
HINTS: dict[str, str] = {
    "sales": "sales", "demand": "sales", "train": "sales", "history": "sales", "items": "items", "item": "items",
    "products": "items", "product": "items", "articles": "items", "stores": "locations", "store": "locations",
    "locations": "locations", "shops": "locations", "prices": "prices", "price": "prices", "stock": "stock",
    "inventory": "stock", "onhand": "stock", "promotions": "promotions", "promos": "promotions", "holidays": "calendar_events",
    "events": "calendar_events", "festivals": "calendar_events", "weather": "weather", "orders": "open_orders",
    "transactions": "pos_events", "pos": "pos_events", "receipts": "pos_events",
}  # fmt: skip
CURRENCY_NAMES = ("currency", "currencycode", "iso4217", "waehrung", "währung", "devise", "moneda")
NUMBERED = re.compile(r"^([A-Za-z]+_?)(\d{1,5})$")


def bare(name: str) -> str:
    """A name without case, spaces, `_`, `-`, `.`: `Store_ID` -> `storeid`."""
    return re.sub(r"[\s_\-.]+", "", name).lower()


def table_hint(stem: str) -> str:
    """The table a file name speaks of, or empty: `sales_2024-05` -> `sales`, `Store_Prices` -> `prices`."""
    whole = bare(re.sub(r"\d+", "", stem))
    loadable = {bare(name): name for name, table in TABLES.items() if table.loadable}
    if whole in loadable:
        return loadable[whole]
    for name in sorted(loadable, key=len, reverse=True):
        if "_" in loadable[name] and whole.startswith(name):
            return loadable[name]
    words = [word for word in re.split(r"[^a-z]+", stem.lower()) if word]
    found = [loadable.get(word) or HINTS.get(word, "") for word in reversed(words)]
    return next((hint for hint in found if hint), "")


@dataclass
class Evidence:
    """What is known of the source's columns."""

    sample: pl.DataFrame
    style: NumberStyle
    formats: dict[str, str] = field(default_factory=dict)
    """Format of every column that is mostly dates."""
    rare_formats: dict[str, str] = field(default_factory=dict)
    """Format of columns of which less than half can be read as dates: enough if the name says date."""
    ambiguous: set[str] = field(default_factory=set)
    numeric: set[str] = field(default_factory=set)
    """Columns that are numbers by their content alone."""
    partly_numeric: set[str] = field(default_factory=set)
    """Columns whose name may say so: at least half of the values are numbers."""
    flags: set[str] = field(default_factory=set)

    def fits(self, source: str, column: Column, *, exact: bool) -> bool:
        """Whether the content could be what the column holds. Where the name is the declared one, it is taken at its
        word (its bad cells go to the quarantine), and an empty column fits anything."""
        values = self.sample[source]
        if exact or is_nothing(values).all():
            return not values.dtype.is_nested()
        match column.type:
            case Type.REAL | Type.INTEGER:
                return source in self.partly_numeric
            case Type.DAY | Type.INSTANT:
                return source in self.formats
            case Type.FLAG:
                return source in self.flags
            case _:
                return not values.dtype.is_nested()


def gather(sample: pl.DataFrame, style: NumberStyle) -> Evidence:
    """Look at each column once: can it be dates, numbers, yes/no?"""
    evidence = Evidence(sample, style)
    for name in sample.columns:
        values = sample[name].filter(~is_nothing(sample[name]))
        if values.is_empty() or values.dtype.is_nested():
            continue
        # Some broken cells do not change what a column is; they go to the quarantine later.
        share = float(read_numbers(values, style).is_not_null().mean() or 0.0)  # type: ignore[arg-type]
        if share >= 0.5:
            evidence.partly_numeric.add(name)
        if share >= 0.85:
            evidence.numeric.add(name)
        if (read_flags(values).is_not_null().mean() or 0.0) >= 0.85:  # type: ignore[operator]
            evidence.flags.add(name)
        found = infer_format(values, least=0.01)
        if found is not None and (values.dtype.is_temporal() or not values.dtype.is_float()):
            (evidence.formats if found.share >= 0.5 else evidence.rare_formats)[name] = found.format
            if found.ambiguous:
                evidence.ambiguous.add(name)
    return evidence


def infer_mapping(
    sample: pl.DataFrame,
    *,
    source: str,
    stem: str = "",
    table: str = "",
    first_day: date | None = None,
    separator: str = "",
) -> Mapping:
    """The mapping of a source, from its column names and first rows.

    `first_day` dates the first of numbered period columns (d_1, d_2, ...); `separator` splits a series name into
    item and location.

    Raises:
        BadMapping: no table fits, or required columns can't be found; the message lists what there is and what is needed.
    """
    columns = sample.columns
    wide = _wide_columns(columns, first_day)
    # Of a wide file's hundreds of periods a few tell how numbers are written; the rest is not looked at.
    left_out = set(wide.names[20:-20]) if wide else set()
    text = [sample[name] for name in columns if sample[name].dtype == pl.String and name not in left_out]
    style, certain = infer_style(text)
    evidence = gather(sample.drop(wide.names) if wide else sample, style)
    hint = table or table_hint(stem)
    notes: list[str] = []
    if style.decimal == ",":
        notes.append("Numbers have a decimal comma.")
    elif not certain:
        notes.append(
            "Numbers such as 1,234 were read as thousands (no value shows which; set `numbers` if they are decimals)."
        )
    if wide is not None:
        target, reasons, sure = _wide_target(wide, evidence, hint or "sales", separator)
        targets, used = [target], set(wide.names)
    else:
        chosen = _choose_table(evidence, hint, forced=bool(table))
        if chosen is None:
            known = ", ".join(name for name, declared in TABLES.items() if declared.loadable)
            raise BadMapping(
                f"{source}: its columns ({', '.join(columns[:40])}) fit no table. Say which with --table ({known}), "
                "or name the columns in a mapping file (--mapping)."
            )
        target, reasons, sure = _match(TABLES[chosen], evidence, separator)
        targets, used = [target], set()
    used |= targets[0].used()
    more, suggestions = _further_targets(targets[0], evidence, used)
    targets += more
    used |= {name for one in more for name in one.used()}
    currency = next((name for name in columns if bare(name) in CURRENCY_NAMES and name not in used), "")
    ignored = tuple(name for name in columns if name not in used and name != currency)
    for one in targets:
        for name, column in one.columns.items():
            if column in evidence.ambiguous and name in one.dates:
                way = one.dates[name]
                first = "day" if way.startswith("%d") else "month" if way.startswith("%m") else "year"
                notes.append(
                    f"Dates in {column!r} could be read in more than one order; {first} first was taken ({way}). If that is "
                    "wrong, set `dates` in a mapping file."
                )
                sure = min(sure, 0.6)
    if ignored:
        notes.append(f"Not used: {', '.join(ignored)}.")
    mapping = Mapping(
        tuple(targets), style, FileShape(), currency, ignored, sure, (*reasons, *notes), tuple(suggestions)
    )
    mapping.check(columns, source)
    return mapping


def shape_columns(columns: Sequence[str]) -> list[str]:
    """Column names that stay the same from file to file: a wide file's periods count as one."""
    wide = _wide_columns(columns, date(1970, 1, 1))
    return list(columns) if wide is None else [*(name for name in columns if name not in wide.names), "<periods>"]


def _candidates(declared: Table, evidence: Evidence) -> dict[str, tuple[str, float]]:
    """Canonical column -> (source column, how sure): exact names first, then aliases in their order."""
    by_name = {bare(name): name for name in reversed(evidence.sample.columns)}
    found: dict[str, tuple[str, float]] = {}
    taken: set[str] = set()
    for exact in (True, False):
        for column in declared.columns:
            if column.derived or column.name in found:
                continue
            names = (column.name,) if exact else column.aliases
            for alias in names:
                source = by_name.get(bare(alias))
                if source is not None and source not in taken and evidence.fits(source, column, exact=exact):
                    found[column.name] = (source, 1.0 if exact else 0.9)
                    taken.add(source)
                    break
    return found


def _needed(declared: Table) -> list[Column]:
    return [
        c for c in declared.columns if not c.derived and c.default is None and (c.required or c.name in declared.key)
    ]


def _choose_table(evidence: Evidence, hint: str, *, forced: bool) -> str | None:
    """The table whose required columns are found and that uses most columns; the file's name settles ties."""
    if forced:
        return hint
    scores: dict[str, float] = {}
    for name, declared in TABLES.items():
        if not declared.loadable:
            continue
        found = _candidates(declared, evidence)
        needed = _needed(declared)
        missing = [c.name for c in needed if c.name not in found]
        forgiven = [n for n in missing if name == "sales" and n in ("item_id", "location_id")]
        told = [c for c in found if c not in declared.key and not c.endswith("_id")]
        if len(missing) > len(forgiven) or not (told or name == hint):
            continue
        exact = sum(sure for _, sure in found.values())
        scores[name] = exact - 0.7 * len(forgiven) + 0.3 * len(needed) + (2.0 if name == hint else 0.0)
        if name == "sales":
            scores[name] += 0.5
    if not scores:
        return hint or _by_content(evidence)
    return max(scores, key=lambda name: scores[name])


def _by_content(evidence: Evidence) -> str | None:
    """A column of dates and one of numbers look like sales."""
    numbers = evidence.numeric - set(evidence.formats)
    return "sales" if evidence.formats and numbers else None


def _match(declared: Table, evidence: Evidence, separator: str) -> tuple[Target, list[str], float]:
    found = _candidates(declared, evidence)
    columns = {name: source for name, (source, _) in found.items()}
    sure = min((certainty for _, certainty in found.values()), default=0.5)
    reasons = [
        f"{source!r} is {declared.name}.{name}: the name {'is the declared one' if certainty == 1 else 'is a known one'}."
        for name, (source, certainty) in found.items()
    ]
    constants: dict[str, Any] = {}
    split: Split | None = None
    needed = [column.name for column in _needed(declared)]
    taken = set(columns.values())
    series = next((n for n in evidence.sample.columns if bare(n) in SERIES_NAMES and n not in taken), None)
    if series and "item_id" in needed and "item_id" not in columns:
        taken.add(series)
        if separator and "location_id" not in columns:
            split = Split(series, separator, ("item_id", "location_id"))
            reasons.append(f"{series!r} names item and location, split at {separator!r}.")
        else:
            columns["item_id"] = series
            reasons.append(
                f"{series!r} names the series: it is the item; one location, 'all', unless a separator is given."
            )
    if declared.name in ("sales", "prices", "availability"):
        lacking = [name for name in needed if name not in columns and not (split and name in split.into)]
        sure = _from_content(declared, lacking, evidence, columns, taken, reasons, sure)
    for name in ("item_id", "location_id"):
        if declared.name == "sales" and name in needed and name not in columns and not (split and name in split.into):
            constants[name] = "all"
            reasons.append(f"No column names the {name.removesuffix('_id')}: all rows are of one, 'all'.")
            sure = min(sure, 0.8)
    formats = evidence.rare_formats | evidence.formats
    dates = {
        column.name: formats[columns[column.name]]
        for column in declared.columns
        if column.type in (Type.DAY, Type.INSTANT) and formats.get(columns.get(column.name, ""), "")
    }
    return Target(declared.name, columns, constants, dates, split=split), reasons, sure


def _from_content(
    declared: Table, lacking: Sequence[str], evidence: Evidence, columns: dict[str, str], taken: set[str],
    reasons: list[str], sure: float,
) -> float:  # fmt: skip
    """Fill what names did not settle: the only date-like column, the only number, texts by how many values they have."""
    free = [name for name in evidence.sample.columns if name not in taken]
    for name in lacking:
        column = declared.column(name)
        if column.type is Type.DAY:
            fitting = [one for one in free if one in evidence.formats]
        elif column.type is Type.REAL:
            fitting = [one for one in free if one in evidence.numeric and one not in evidence.formats and bare(one) not in PRICE_NAMES]  # fmt: skip
        else:
            continue
        if len(fitting) == 1:
            columns[name] = fitting[0]
            taken.add(fitting[0])
            free.remove(fitting[0])
            reasons.append(f"{fitting[0]!r} is {declared.name}.{name}: the only column with such content (a guess).")
            sure = min(sure, 0.5)
    texts = [one for one in free if one not in evidence.formats and one not in evidence.numeric]
    texts.sort(key=lambda one: evidence.sample[one].n_unique(), reverse=True)
    wanted = [name for name in ("item_id", "location_id") if name in lacking and name not in columns]
    if 0 < len(texts) <= len(wanted):
        for name, source in zip(wanted, texts):
            columns[name] = source
            taken.add(source)
            reasons.append(
                f"{source!r} is {declared.name}.{name}: by its content (a guess: items are the longer list)."
            )
            sure = min(sure, 0.4)
    return sure


@dataclass(frozen=True)
class WideColumns:
    """The period columns of a wide file."""

    names: tuple[str, ...]
    format: str = ""
    prefix: str = ""
    first_day: date | None = None


def _wide_columns(columns: Sequence[str], first_day: date | None) -> WideColumns | None:
    """Period columns, if three or more columns are named by dates or by one prefix and a rising number."""
    dated = [name for name in columns if re.search(r"\d", name)]
    found = infer_format(pl.Series(dated, dtype=pl.String)) if len(dated) >= 3 else None
    if found is not None and found.format and not found.format.startswith(("e", "epoch")):
        from shelfcast.sources.dates import read_days

        days = read_days(pl.Series(dated, dtype=pl.String), found.format)
        names = tuple(name for name, day in zip(dated, days) if day is not None)
        if len(names) >= 3 and days.drop_nulls().is_between(date(1980, 1, 1), date(2100, 1, 1)).all():
            return WideColumns(names, found.format)
    matches = [(m.group(1), int(m.group(2)), name) for name in columns if (m := NUMBERED.match(name))]
    for prefix in {prefix for prefix, _, _ in matches}:
        numbers = [number for one, number, _ in matches if one == prefix]
        if len(numbers) >= 14 and numbers == list(range(numbers[0], numbers[0] + len(numbers))):
            return WideColumns(tuple(n for one, _, n in matches if one == prefix), "", prefix, first_day)
    return None


def _wide_target(wide: WideColumns, evidence: Evidence, table: str, separator: str) -> tuple[Target, list[str], float]:
    declared = TABLES[table if TABLES[table].partition in TABLES[table].key else "sales"]
    if wide.prefix and wide.first_day is None:
        raise BadMapping(
            f"Columns {wide.names[0]} ... {wide.names[-1]} look like numbered periods, but nothing says which day is "
            f"{wide.names[0]}. Put the calendar (with columns d and date) beside the file, or set `wide: first_day` "
            "in a mapping file."
        )
    narrow = evidence.sample
    value = next(c.name for c in declared.columns if c.type is Type.REAL and c.required)
    shim = narrow.with_columns(pl.lit(date(2024, 1, 1)).alias(str(declared.partition)), pl.lit(0.0).alias(value))
    known = replace(gather(shim, evidence.style))
    target, reasons, sure = _match(declared, known, separator)
    columns = {name: source for name, source in target.columns.items() if name not in (declared.partition, value)}
    reasons = [one for one in reasons if f".{declared.partition}:" not in one and f".{value}:" not in one]
    reasons.insert(
        0, f"Wide format: {len(wide.names)} period columns, {wide.names[0]} to {wide.names[-1]}; each cell is {value}."
    )
    dates = {name: format for name, format in target.dates.items() if name in columns}
    spec = Wide(value, wide.format, wide.prefix, wide.first_day)
    return replace(target, columns=columns, dates=dates, wide=spec), reasons, sure


def _further_targets(main: Target, evidence: Evidence, used: set[str]) -> tuple[list[Target], list[Target]]:
    """Other tables the same rows feed (price, stock flag), and what the numbers left over could be."""
    if main.table != "sales" or main.wide:
        return [], []
    left = [name for name in evidence.sample.columns if name not in used]
    keys = {name: main.columns[name] for name in ("item_id", "location_id") if name in main.columns}
    constants = {name: value for name, value in main.constants.items() if name in ("item_id", "location_id")}
    day, day_format = main.columns.get("date", ""), main.dates.get("date", "")

    def target(table: str, date_column: str, columns: MappingType[str, str], **more: Any) -> Target:
        dates = {date_column: day_format} if day_format else {}
        return Target(table, {**keys, date_column: day, **columns}, constants, dates, split=main.split, **more)

    found: list[Target] = []
    price = _first(left, PRICE_NAMES, evidence.numeric)
    regular = _first(left, REGULAR_PRICE_NAMES, evidence.numeric)
    if price:
        columns = {"price": price} | ({"regular_price": regular} if regular else {})
        found.append(target("prices", "valid_from", columns))
        left = [name for name in left if name not in (price, regular)]
    if share := _first(left, IN_STOCK_NAMES, evidence.numeric | evidence.flags):
        found.append(target("availability", "date", {"in_stock_share": share}))
        left.remove(share)
    elif out := _first(left, OUT_OF_STOCK_NAMES, evidence.numeric | evidence.flags):
        found.append(target("availability", "date", {"in_stock_share": out}, inverted=("in_stock_share",)))
        left.remove(out)
    if stock := _first(left, ("onhand", "stock", "stockonhand", "inventory", "soh", "closingstock"), evidence.numeric):
        found.append(target("stock", "date", {"on_hand": stock}))
        left.remove(stock)
    measures = {name: bare(name) for name in left if name in evidence.numeric and name not in evidence.formats}
    suggestions = [target("observations", "date", {}, measures=measures)] if measures else []
    return found, suggestions


def _first(names: Sequence[str], wanted: Sequence[str], fitting: set[str]) -> str:
    by_name = {bare(name): name for name in names if name in fitting}
    return next((by_name[one] for one in wanted if one in by_name), "")
