"""Numbers and yes/no as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass

import polars as pl

NOTHING = ("", "na", "n/a", "nan", "null", "none", "-", "--", "#n/a", "?", ".", "nil")
"""Ways to write: no value."""
YES = ("true", "t", "yes", "y", "1", "1.0", "ja", "j", "oui", "o", "si", "sí", "sim", "on", "x", "open")
NO = ("false", "f", "no", "n", "0", "0.0", "nein", "non", "não", "off", "closed")
CURRENCIES = {"€": "EUR", "£": "GBP", "$": "USD", "¥": "JPY", "₹": "INR", "zł": "PLN", "₺": "TRY", "₽": "RUB"}
_COMMA = re.compile(r"^[+-]?(\d{1,3}(\.\d{3})+|\d+),\d+$")
_COMMA_THOUSANDS = re.compile(r"^[+-]?\d{1,3}(,\d{3})+(\.\d+)?$")
_POINT = re.compile(r"^[+-]?(\d{1,3}(,\d{3})+|\d+)\.\d+$")
_POINT_THOUSANDS = re.compile(r"^[+-]?\d{1,3}(\.\d{3}){2,}$")


@dataclass(frozen=True)
class NumberStyle:
    """Decimal sign, and the sign between thousands (may be empty)."""

    decimal: str = "."
    thousands: str = ""


def infer_style(columns: list[pl.Series]) -> tuple[NumberStyle, bool]:
    """The style of a file's numbers, and whether it is certain.

    `1,234` alone could be either; it is read as one thousand two hundred and thirty-four unless other values settle it.

    >>> infer_style([pl.Series(["1.234,5", "12,75"])])[0]
    NumberStyle(decimal=',', thousands='.')
    >>> infer_style([pl.Series(["1,234.50", "12"])])[0]
    NumberStyle(decimal='.', thousands=',')
    """
    comma = point = comma_thousands = point_thousands = 0
    for column in columns:
        if column.dtype != pl.String:
            continue
        for value in column.drop_nulls().unique(maintain_order=True).head(500):
            text = re.sub(r"[^\d.,+-]", "", value)
            grouped = bool(_COMMA_THOUSANDS.match(text))
            comma += bool(_COMMA.match(text)) and not grouped
            comma_thousands += grouped
            point += bool(_POINT.match(text))
            point_thousands += bool(_POINT_THOUSANDS.match(text)) or (
                "." in text and "," in text and text.rfind(",") > text.find(".")
            )
    if comma > point:
        return NumberStyle(",", "." if point_thousands else ""), True
    return NumberStyle(".", "," if comma_thousands else ""), not (comma_thousands and not point)


def read_numbers(values: pl.Series, style: NumberStyle, *, share: bool = False) -> pl.Series:
    """Float64; null where the text is no number (`is_nothing` tells an absent value from a bad one).

    Currency signs, spaces between thousands, brackets and a trailing minus for negatives, and % are understood;
    `share` turns 20 % (or 20%) into 0.2.
    """
    if values.dtype.is_numeric() or values.dtype == pl.Boolean:
        number = values.cast(pl.Float64)
        return number.fill_nan(None)
    if values.dtype != pl.String:
        return values.cast(pl.Float64, strict=False)
    direct = (
        values.cast(pl.Float64, strict=False)
        if style.decimal == "."
        else pl.Series(values.name, [None] * len(values), pl.Float64)
    )
    rest = direct.is_null() & values.is_not_null()
    if rest.any():
        distinct = values.filter(rest).unique()
        cleaned = _cleaned(distinct, style, share)
        direct = (
            pl.select(
                pl.when(rest)
                .then(values.replace_strict(distinct, cleaned, default=None, return_dtype=pl.Float64))
                .otherwise(direct)
            )
            .to_series()
            .alias(values.name)
        )
    return direct.fill_nan(None).set(direct.is_infinite().fill_null(False), None)


def _cleaned(text: pl.Series, style: NumberStyle, share: bool) -> pl.Series:
    """Numbers of distinct texts that aren't plain."""
    frame = pl.DataFrame({"text": text})
    bare = pl.col("text").str.replace_all(r"[\s\u00a0\u202f'’]", "").str.replace_all(r"^[A-Z]{3}|[A-Z]{3}$", "")
    for sign in CURRENCIES:
        bare = bare.str.replace_all(sign, "", literal=True)
    percent = bare.str.ends_with("%")
    bare = bare.str.strip_suffix("%")
    negative = bare.str.contains(r"^\(.*\)$|-$|^-")
    bare = bare.str.replace_all(r"^[(+-]|[)-]$", "")
    if style.thousands:
        bare = pl.when(bare.str.contains(rf"^\d{{1,3}}(\{style.thousands}\d{{3}})+(\{style.decimal}\d*)?$")).then(
            bare.str.replace_all(style.thousands, "", literal=True)
        ).otherwise(bare)  # fmt: skip
    if style.decimal != ".":
        # A point left in a decimal-comma file is ambiguous unless it stood between thousands.
        bare = pl.when(bare.str.contains(r"^\d*\.\d{3}$")).then(pl.lit(None)).otherwise(bare)
        bare = bare.str.replace(style.decimal, ".", literal=True)
    number = pl.when(bare.str.contains(r"^(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")).then(bare).cast(pl.Float64, strict=False)
    number = pl.when(negative).then(-number).otherwise(number)
    return frame.select(pl.when(percent & pl.lit(share)).then(number / 100).otherwise(number).alias("n"))["n"]


def read_flags(values: pl.Series) -> pl.Series:
    """Booleans; null where the text is neither a known yes nor a known no."""
    if values.dtype == pl.Boolean:
        return values
    if values.dtype.is_numeric():
        number = values.cast(pl.Float64)
        return pl.select(pl.when(number == 1).then(True).when(number == 0).then(False).alias(values.name))[values.name]
    text = values.cast(pl.String).str.strip_chars().str.to_lowercase()
    known = dict.fromkeys(YES, True) | dict.fromkeys(NO, False)
    return text.replace_strict(known, default=None, return_dtype=pl.Boolean)


def is_nothing(values: pl.Series) -> pl.Series:
    """True where no value was given: null, blank, NA, NULL, -..."""
    if values.dtype == pl.String:
        return values.is_null() | values.str.strip_chars().str.to_lowercase().is_in(list(NOTHING))
    if values.dtype.is_float():
        return values.is_null() | values.is_nan()
    return values.is_null()
