"""The mapping: which column of a source is what. Inferred, shown, kept as YAML that people edit, used again.

targets:
- table: sales
  columns: {item_id: Artikel, location_id: Filiale, date: Datum, units: Menge}
  dates: {date: '%d.%m.%Y'}
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping as MappingType
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from zoneinfo import available_timezones

from shelfcast.domain.errors import BadMapping
from shelfcast.domain.tables import TABLES, Column, Table
from shelfcast.sources.numbers import NumberStyle
from shelfcast.sources.sniffing import FileShape


@dataclass(frozen=True)
class Wide:
    """Periods as columns: one cell per period becomes one row.

    Either the column names are dates in `format`, or they are `prefix` + number, counted from `first_day`.
    """

    value: str
    """Canonical column the cells hold (units)."""
    format: str = ""
    prefix: str = ""
    first_day: date | None = None
    """The day of number 1."""
    step_days: int = 1


@dataclass(frozen=True)
class Split:
    """One column that holds several keys: `FOODS_1/CA_1` split on `/` into item_id and location_id."""

    column: str
    separator: str
    into: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """What one table gets from the source."""

    table: str
    columns: MappingType[str, str] = field(default_factory=dict)
    """Canonical column -> source column."""
    constants: MappingType[str, Any] = field(default_factory=dict)
    """Canonical column -> the value every row gets."""
    dates: MappingType[str, str] = field(default_factory=dict)
    """Canonical column -> date format."""
    measures: MappingType[str, str] = field(default_factory=dict)
    """observations, attributes: source column -> name; each non-empty cell becomes a row."""
    inverted: tuple[str, ...] = ()
    """Canonical columns whose source says the opposite (out of stock for in stock)."""
    wide: Wide | None = None
    split: Split | None = None
    time_zone: str = "UTC"
    """Of moments written without a zone."""

    @property
    def declared(self) -> Table:
        return TABLES[self.table]

    def used(self) -> set[str]:
        """Source columns this target reads (the period columns of a wide file not counted)."""
        return {*self.columns.values(), *self.measures} | ({self.split.column} if self.split else set())


@dataclass(frozen=True)
class Mapping:
    """How a source of one shape becomes rows of canonical tables."""

    targets: tuple[Target, ...]
    numbers: NumberStyle = field(default_factory=NumberStyle)
    file: FileShape = field(default_factory=FileShape)
    """How to read the file, where that is fixed; what it leaves empty is found out for each file."""
    currency_column: str = ""
    """Source column that names the currency of each row; rows in another one than the lake's are not used."""
    ignored: tuple[str, ...] = ()
    confidence: float = 1.0
    """1 = every name was a declared one; below 0.5 = mostly guessed from content."""
    reasons: tuple[str, ...] = ()
    suggestions: tuple[Target, ...] = ()
    """Targets that ignored columns could feed; written to the mapping file as comments."""

    def check(self, columns: Sequence[str], source: str) -> None:
        """Every named column is there and every required one is fed.

        Raises:
            BadMapping: names what is missing, what is there, and what to change.
        """
        if not self.targets:
            raise BadMapping(f"{source}: the mapping names no target table. Add one under `targets:`.")
        if self.currency_column and self.currency_column not in columns:
            raise BadMapping(
                f"{source}: currency_column {self.currency_column!r} isn't in the file; it has: {', '.join(columns[:40])}."
            )
        for target in self.targets:
            if target.table not in TABLES or not TABLES[target.table].loadable:
                known = ", ".join(name for name, table in TABLES.items() if table.loadable)
                raise BadMapping(f"{source}: table {target.table!r} can't be loaded; known: {known}.")
            _check_target(target, columns, source)


def _check_target(target: Target, columns: Sequence[str], source: str) -> None:
    missing = sorted(name for name in target.used() if name not in columns)
    if missing:
        raise BadMapping(
            f"{source}: column {', '.join(map(repr, missing))} isn't in the file; it has: {', '.join(columns[:40])}. "
            "Rename it in the file, or say in the mapping file which column it is now."
        )
    fed = {*target.columns, *target.constants, *(target.split.into if target.split else ())}
    if target.wide:
        fed |= {target.wide.value, _wide_date(target.declared)}
    unknown = sorted(fed - set(target.declared.names))
    if unknown:
        raise BadMapping(
            f"{source}: table {target.table} has no column {', '.join(map(repr, unknown))}; "
            f"it has: {', '.join(target.declared.names)}."
        )
    if target.measures:
        fed |= {"name", "value", "attribute", "number"}
    for name, value in target.constants.items():
        _check_constant(target.declared.column(name), value, source)
    if target.time_zone not in available_timezones():
        raise BadMapping(
            f"{source}: time_zone {target.time_zone!r} is unknown. Take a name of the IANA list, such as Europe/Berlin or UTC."
        )
    lacking = sorted(
        c.name for c in target.declared.columns
        if c.name not in fed and c.default is None and not c.derived and (c.required or c.name in target.declared.key)
    )  # fmt: skip
    if lacking:
        raise BadMapping(
            f"{source}: table {target.table} needs {', '.join(lacking)}, and no column of the file is known to be that. "
            f"The file has: {', '.join(columns[:40])}. Say which column it is in a mapping file (--mapping), "
            "or rename it in the file."
        )


def _check_constant(column: Column, value: Any, source: str) -> None:
    """The value of every row is one the column can hold."""
    import polars as pl

    try:
        pl.Series([value]).cast(column.type.polars)
    except (pl.exceptions.PolarsError, TypeError) as error:
        raise BadMapping(
            f"{source}: the constant {value!r} for {column.name} is no {column.type.value}. Correct it in the mapping file."
        ) from error


def _wide_date(table: Table) -> str:
    if table.partition in table.key:
        return table.partition or ""
    return next(name for name in table.key if name not in ("item_id", "location_id"))


def fingerprint(columns: Sequence[str], hint: str = "") -> str:
    """Names the shape of a source: the same for next month's file. `hint` is the table its name speaks of."""
    text = "\x1f".join([hint, *sorted(column.strip().lower() for column in columns)])
    return hashlib.sha256(text.encode()).hexdigest()[:12]


HEADER = """\
# How the columns of {source} become Shelfcast tables. Edit it and load the file again; it is used for every
# file with the same column names. `columns` says canonical name: your column. Leave out what isn't there."""


def to_yaml(mapping: Mapping, source: str, found: FileShape | None = None) -> str:
    """The mapping as a file people edit; suggestions, and how the file was read, stand in it as comments."""
    import yaml

    def dump(value: Any) -> list[str]:
        return str(yaml.safe_dump(value, sort_keys=False, allow_unicode=True, width=110)).splitlines()

    lines = [HEADER.format(source=source), *(f"# {reason}" for reason in mapping.reasons)]
    if forced := _shape_fields(mapping.file):
        lines += dump({"file": forced})
    elif found is not None:
        lines.append("# How the file was read; found anew for each file. Take the # off to fix it.")
        lines += [f"# {line}" for line in dump({"file": _shape_fields(found)})]
    lines += dump({"numbers": {"decimal": mapping.numbers.decimal, "thousands": mapping.numbers.thousands}})
    if mapping.currency_column:
        lines += dump({"currency_column": mapping.currency_column})
    lines += dump({"targets": [_target_fields(target) for target in mapping.targets]})
    if mapping.suggestions:
        lines.append("# Columns not used so far could be loaded too: take the # off and put these under `targets`.")
        lines += [f"# {line}" for line in dump([_target_fields(target) for target in mapping.suggestions])]
    lines += dump({"ignored": list(mapping.ignored)})
    return "\n".join(lines) + "\n"


def _shape_fields(shape: FileShape) -> dict[str, Any]:
    plain = FileShape()
    return {name: value for name, value in vars(shape).items() if value != getattr(plain, name)}


def _target_fields(target: Target) -> dict[str, Any]:
    fields: dict[str, Any] = {"table": target.table}
    for name in ("columns", "constants", "dates", "measures"):
        if value := getattr(target, name):
            fields[name] = dict(value)
    if target.inverted:
        fields["inverted"] = list(target.inverted)
    if target.wide:
        fields["wide"] = {name: value for name, value in vars(target.wide).items() if value not in ("", None)}
    if target.split:
        fields["split"] = {**vars(target.split), "into": list(target.split.into)}
    if target.time_zone != "UTC":
        fields["time_zone"] = target.time_zone
    return fields


def from_yaml(text: str, source: str) -> Mapping:
    """Read a mapping file.

    Raises:
        BadMapping: it isn't YAML, or has a field that isn't known; says which.
    """
    import yaml

    try:
        body = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BadMapping(f"{source} isn't a mapping file: {error}. Mend that line, or delete the file.") from error
    if not isinstance(body, dict) or not isinstance(body.get("targets"), list):
        raise BadMapping(
            f"{source} isn't a mapping file: it must have a list `targets`, each with `table` and `columns`."
        )
    try:
        _known(body, {"file", "numbers", "targets", "ignored", "currency_column"}, source)
        targets = tuple(_target(one, source) for one in body["targets"])
        style = body.get("numbers") or {}
        return Mapping(
            targets,
            NumberStyle(
                _sign("decimal", style.get("decimal") or "."), _sign("thousands", style.get("thousands") or "")
            ),
            FileShape(**{name: _shape_value(name, value) for name, value in (body.get("file") or {}).items()}),
            str(body.get("currency_column") or ""),
            tuple(str(name) for name in body.get("ignored") or ()),
            1.0,
            (f"The mapping file {source} says so.",),
        )
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise BadMapping(
            f"{source} isn't a mapping file: {error}. Compare it with the one `--show-mapping` prints."
        ) from error


def _sign(name: str, value: Any) -> str:
    if len(str(value)) > 1 or str(value).isalnum():
        raise ValueError(f"{name} {str(value)!r} must be one sign, such as '.' or ','")
    return str(value)


def _shape_value(name: str, value: Any) -> Any:
    if name in ("delimiter", "quote") and value:
        return _sign(name, value)
    return int(value) if name == "header_line" else str(value or "")


def _target(body: Any, source: str) -> Target:
    if not isinstance(body, dict) or "table" not in body:
        raise BadMapping(f"{source}: every entry of `targets` needs a `table`.")
    known = {"table", "columns", "constants", "dates", "measures", "inverted", "wide", "split", "time_zone"}
    _known(body, known, source)
    wide, split = body.get("wide"), body.get("split")
    return Target(
        str(body["table"]),
        {str(k): str(v) for k, v in (body.get("columns") or {}).items()},
        dict(body.get("constants") or {}),
        {str(k): str(v) for k, v in (body.get("dates") or {}).items()},
        {str(k): str(v) for k, v in (body.get("measures") or {}).items()},
        tuple(body.get("inverted") or ()),
        Wide(**{**wide, "first_day": _day(wide.get("first_day"))}) if wide else None,
        Split(str(split["column"]), str(split["separator"]), tuple(split["into"])) if split else None,
        str(body.get("time_zone") or "UTC"),
    )


def _day(value: Any) -> date | None:
    return value if isinstance(value, date) or value is None else date.fromisoformat(str(value))


def _known(body: MappingType[str, Any], known: set[str], source: str) -> None:
    unknown = sorted(set(map(str, body)) - known)
    if unknown:
        raise BadMapping(
            f"{source}: {', '.join(map(repr, unknown))} is unknown here; known: {', '.join(sorted(known))}."
        )
