"""What a load did, in numbers that add up: rows in = rows kept + rows quarantined, for every table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True)
class Reason:
    """Rows quarantined for one rule and column, with the first of them as example."""

    rule: str
    column: str
    rows: int
    first_lines: tuple[int, ...]
    example: str


@dataclass(frozen=True)
class Remark:
    """Something seen in rows that were kept: an unknown item, a return. For information."""

    what: str
    rows: int
    message: str


@dataclass(frozen=True)
class TableLoad:
    """One table's part of a load. `folded`: kept rows that repeat another one and are stored once."""

    table: str
    load_id: str
    rows_in: int
    kept: int
    quarantined: int
    folded: int = 0
    inserted: int = 0
    corrected: int = 0
    unchanged: int = 0
    reasons: tuple[Reason, ...] = ()
    remarks: tuple[Remark, ...] = ()

    def __post_init__(self) -> None:
        if self.rows_in != self.kept + self.quarantined:
            raise AssertionError(
                f"{self.table}: {self.rows_in} rows in, but {self.kept} kept and {self.quarantined} quarantined"
            )


@dataclass(frozen=True)
class LoadReport:
    """One source loaded. `state`: done, unchanged (the same content with the same mapping is in the lake already),
    refused (too many bad rows) or failed (the source broke off), with the `error`; of those two nothing was merged."""

    source: str
    load_id: str
    state: str
    tables: tuple[TableLoad, ...]
    seconds: float
    received_at: str
    notes: tuple[str, ...] = ()
    raw_key: str = ""
    mapping_key: str = ""
    error: str = ""

    @property
    def rows_in(self) -> int:
        return sum(one.rows_in for one in self.tables)

    @property
    def kept(self) -> int:
        return sum(one.kept for one in self.tables)

    @property
    def quarantined(self) -> int:
        return sum(one.quarantined for one in self.tables)

    @property
    def inserted(self) -> int:
        return sum(one.inserted for one in self.tables)

    @property
    def corrected(self) -> int:
        return sum(one.corrected for one in self.tables)

    @property
    def unchanged(self) -> int:
        return sum(one.unchanged for one in self.tables)

    def quarantined_by_rule(self) -> dict[str, int]:
        """Quarantined rows by rule, over all tables; a row that breaks two rules counts for each."""
        counts: dict[str, int] = {}
        for one in self.tables:
            for reason in one.reasons:
                counts[reason.rule] = counts.get(reason.rule, 0) + reason.rows
        return counts

    def as_record(self) -> dict[str, Any]:
        """A JSON object that `from_record` reads back."""
        return asdict(self)

    @classmethod
    def from_record(cls, body: Mapping[str, Any], *, state: str | None = None) -> LoadReport:
        fields = {name: body[name] for name in cls.__dataclass_fields__ if name in body}
        tables = tuple(_table(one) for one in body["tables"])
        notes = tuple(body.get("notes") or ())
        return cls(**{**fields, "tables": tables, "notes": notes, "state": state or body["state"]})


def _table(body: Mapping[str, Any]) -> TableLoad:
    reasons = tuple(Reason(**{**one, "first_lines": tuple(one["first_lines"])}) for one in body["reasons"])
    return TableLoad(**{**body, "reasons": reasons, "remarks": tuple(Remark(**one) for one in body["remarks"])})


@dataclass
class Tally:
    """Counts of one table while its load goes on."""

    table: str
    load_id: str
    rows_in: int = 0
    kept: int = 0
    quarantined: int = 0
    folded: int = 0
    inserted: int = 0
    corrected: int = 0
    unchanged: int = 0
    reasons: dict[tuple[str, str], Reason] = field(default_factory=dict)
    remarks: dict[str, Remark] = field(default_factory=dict)

    def count_reason(self, rule: str, column: str, rows: int, lines: Sequence[int], example: str) -> None:
        old = self.reasons.get((rule, column))
        if old is not None:
            rows, lines, example = old.rows + rows, (*old.first_lines, *lines), old.example
        self.reasons[(rule, column)] = Reason(rule, column, rows, tuple(sorted(lines)[:5]), example)

    def remark(self, what: str, rows: int, message: str) -> None:
        old = self.remarks.get(what)
        self.remarks[what] = Remark(what, rows + (old.rows if old else 0), old.message if old else message)

    def finished(self) -> TableLoad:
        reasons = sorted(self.reasons.values(), key=lambda one: (-one.rows, one.rule, one.column))
        return TableLoad(
            self.table, self.load_id, self.rows_in, self.kept, self.quarantined, self.folded, self.inserted,
            self.corrected, self.unchanged, tuple(reasons), tuple(self.remarks.values()),
        )  # fmt: skip
