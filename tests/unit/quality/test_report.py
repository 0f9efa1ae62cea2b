"""The page a planner reads."""

from __future__ import annotations

from datetime import date, timedelta
from html.parser import HTMLParser

import polars as pl

from shelfcast.domain.tables.results import ANOMALIES
from shelfcast.quality.findings import Finding
from shelfcast.quality.report import Report, TableState, first_looks, quarantine_summary
from shelfcast.quality.report_page import bars, report_page
from shelfcast.quality.rule_book import RULES

CUTOFF = date(2025, 6, 29)
DAYS = [CUTOFF - timedelta(days=n) for n in reversed(range(56))]


def flags(*rows: tuple[str, str, float, float]) -> pl.DataFrame:
    frame = pl.DataFrame(
        [
            {"kind": kind, "item_id": item, "location_id": "S<1>", "date": DAYS[40], "value": value, "expected": expected,
             "score": 7.0, "reason": f"About {item} & so on."}
            for kind, item, value, expected in rows
        ]
    )  # fmt: skip
    return ANOMALIES.conform(frame).drop("run_id")


def report(anomalies: pl.DataFrame, findings: tuple[Finding, ...] = ()) -> Report:
    looks = first_looks(anomalies, pl.DataFrame({"item_id": ["cheap", "dear"], "usual": [1.0, 100.0]}))
    quarantine = pl.DataFrame(
        {
            "table": ["sales"] * 3, "rule": ["missing", "missing", "negative"], "load_id": "l", "source": "till <3>.csv",
            "source_line": [9, 4, 2], "reason": ["units is empty.", "units is empty.", "price is '-1', below 0."],
        }
    )  # fmt: skip
    return Report(
        cutoff=CUTOFF, run_id="quality-1", currency="EUR",
        tables=(TableState("sales", 1_234_567, DAYS[0], CUTOFF, 3),), findings=findings,
        quarantine=quarantine_summary(quarantine), anomalies=anomalies, looks=looks,
        recent_units={("dear", "S<1>"): [None, *[3.0] * 55]}, recent_days=DAYS,
        units_by_day=[100.0] * 55 + [100_000.0], series=42, sales_rows=1_234_567,
    )  # fmt: skip


STALE = Finding("sales", "stale", "date", 10, 1, "The newest row is old.")
FINE = Finding("sales", "missing_days", "date", 10, 0, "No day is missing altogether out of 10.")


class Balanced(HTMLParser):
    """Counts tags that were opened and not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.outside: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in ("meta", "br"):
            self.open.append(tag)
        self.outside += [value for name, value in attrs if name in ("src", "href") and value]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_what_is_at_stake_comes_first() -> None:
    looks = first_looks(
        flags(("spike", "cheap", 500.0, 10.0), ("spike", "dear", 50.0, 10.0), ("missing_day", "cheap", 1.0, 1.0)),
        pl.DataFrame({"item_id": ["cheap", "dear"], "usual": [1.0, 100.0]}),
    )
    assert looks["item_id"].to_list() == ["dear", "cheap"]
    assert looks["at_stake"].to_list() == [4000.0, 490.0]


def test_the_page_says_what_was_found_and_what_to_do() -> None:
    page = report_page(report(flags(("spike", "dear", 50.0, 10.0)), (STALE, FINE)))
    for text in (
        "Data quality on Sunday 29 June 2025", "1,234,567", "What to do next", "The newest row is old.",
        "till &lt;3&gt;.csv, line 4", "1 checks without a problem", "A typing error, a bulk customer", "4,000",
        "cut off", "quality-1",
    ):  # fmt: skip
        assert text in page, text


def test_the_page_is_whole_html_without_outside_parts_or_unescaped_data() -> None:
    page = report_page(report(flags(("spike", "dear", 50.0, 10.0)), (STALE,)))
    parser = Balanced()
    parser.feed(page)
    assert parser.open == [] and parser.outside == []
    assert "http" not in page and "S<1>" not in page
    assert 'name="viewport"' in page and "prefers-color-scheme:dark" in page


def test_a_clean_lake_reads_as_clean() -> None:
    calm = report(flags())
    assert report_page(calm).count("Nothing in the last eight weeks") == 1
    assert "All checks passed" in report_page(calm)
    assert calm.problems == []
    assert calm.next_steps == ["3 rows for sales could not be used, mostly 'missing' (2). " + RULES["missing"].cure]


def test_the_same_report_gives_the_same_page() -> None:
    one, other = (report_page(report(flags(("spike", "dear", 50.0, 10.0)), (STALE, FINE))) for _ in range(2))
    assert one == other


def test_bars_leave_a_gap_for_a_missing_value() -> None:
    drawn = bars([1.0, None, 2.0], {2}, 30, 10, "x")
    assert drawn.count("<rect") == 2 and drawn.count("class=hot") == 1
