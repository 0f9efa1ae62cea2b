"""What a rule found on a table: one row of `quality_results`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from shelfcast.domain.tables.results import QUALITY_RESULTS
from shelfcast.quality.rule_book import RULES


@dataclass(frozen=True)
class Finding:
    """`rows` were looked at (rows, days, series: the message says which), `failed` of them broke the rule.

    A rule that holds is a finding as well (failed 0), so that a reader sees it was checked.
    """

    table: str
    rule: str
    column: str
    rows: int
    failed: int
    message: str
    severity: str = ""
    """Empty: the rule's own where something failed, else info."""

    @property
    def weight(self) -> str:
        return self.severity or (RULES[self.rule].severity if self.failed else "info")


def as_rows(findings: Sequence[Finding], run_id: str) -> pl.DataFrame:
    """Rows of `quality_results`, sorted by key."""
    frame = pl.DataFrame(
        [
            {
                "run_id": run_id, "table": one.table, "rule": one.rule, "column": one.column, "rows": one.rows,
                "failed": one.failed, "severity": one.weight, "message": one.message,
            }
            for one in findings
        ],
        schema=QUALITY_RESULTS.polars_schema,
    )  # fmt: skip
    return frame.sort(QUALITY_RESULTS.key)


def quarantine_findings(quarantine: pl.DataFrame, rows: dict[str, int]) -> list[Finding]:
    """One finding per table, row rule and column with rows in quarantine; `rows` counts the rows each table holds."""
    if quarantine.is_empty():
        return []
    counted = (
        quarantine.sort("load_id", "source_line")
        .group_by("table", "rule", "column", maintain_order=True)
        .agg(
            pl.len().alias("failed"), pl.col("reason").first(), pl.col("source").first(), pl.col("source_line").first()
        )
        .sort("table", "rule", "column")
    )
    return [
        Finding(
            one["table"], one["rule"], one["column"] or "", rows.get(one["table"], 0) + one["failed"], one["failed"],
            f"{counting(one['failed'], 'row')} for {one['table']} in quarantine; the first is line {one['source_line']:,} of"
            f" {one['source']}: {one['reason']}",
            RULES[one["rule"]].severity if one["rule"] in RULES else "error",
        )
        for one in counted.iter_rows(named=True)
    ]  # fmt: skip


def counting(count: int, noun: str) -> str:
    """
    >>> counting(1, "row"), counting(1200, "day")
    ('1 row', '1,200 days')
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(values: Sequence[object], most: int = 5) -> str:
    """The first few, and how many more there are.

    >>> listed(["a", "b", "c"], most=2)
    'a, b and 1 more'
    """
    shown = ", ".join(str(value) for value in values[:most])
    return shown if len(values) <= most else f"{shown} and {len(values) - most:,} more"


def days_listed(days: Sequence[date], most: int = 5) -> str:
    """Days as a planner writes them, the newest first."""
    return listed([f"{day:%a %d %b %Y}" for day in sorted(days, reverse=True)], most)
