"""The quality report as one HTML file: no outside parts, light and dark, readable on a phone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from html import escape
from statistics import median

from shelfcast.quality.findings import Finding
from shelfcast.quality.report import KIND_NAMES, Report
from shelfcast.quality.rule_book import RULES

STYLE = """
:root{color-scheme:light dark;--ink:#16191f;--soft:#545b64;--line:#d5dbdb;--paper:#fff;--band:#f2f3f3;--bar:#7d8998;
--red:#c0262d;--amber:#8d6605;--green:#1d7b3f;--accent:#0972d3}
@media(prefers-color-scheme:dark){:root{--ink:#e9ebed;--soft:#a4adb8;--line:#414d5c;--paper:#0f1b2a;--band:#192534;
--bar:#6b7a8d;--red:#ff7a75;--amber:#f2cd54;--green:#6cd187;--accent:#539fe5}}
*{box-sizing:border-box}body{margin:0 auto;max-width:72rem;padding:1.25rem;background:var(--paper);color:var(--ink);
font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}
h1{font-size:1.6rem;line-height:1.2;margin:.25rem 0}h2{font-size:1.15rem;margin:2rem 0 .5rem}
p{margin:.4rem 0}.soft{color:var(--soft)}.verdict{font-size:1.1rem;max-width:50rem}
.tiles{display:grid;grid-template-columns:repeat(auto-fit,minmax(8.5rem,1fr));gap:.75rem;margin:1rem 0}
.tile{border:1px solid var(--line);border-radius:.5rem;padding:.6rem .8rem}.tile b{display:block;font-size:1.5rem;line-height:1.3;
font-variant-numeric:tabular-nums}
ol{padding-left:1.4rem;margin:.4rem 0}li{margin:.35rem 0;overflow-wrap:anywhere}
.wide{overflow-x:auto;border:1px solid var(--line);border-radius:.5rem}
table{border-collapse:collapse;width:100%;font-size:.92rem}th,td{text-align:left;padding:.45rem .7rem;vertical-align:top;
border-top:1px solid var(--line)}thead th{border-top:0;background:var(--band);white-space:nowrap}
td.n,th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap}td.long{min-width:15rem;overflow-wrap:anywhere}
.mark{display:inline-block;font-size:.8rem;font-weight:600;border:1px solid currentColor;border-radius:1rem;padding:0 .5rem;white-space:nowrap}
.error{color:var(--red)}.warning{color:var(--amber)}.info,.ok{color:var(--green)}
.name{white-space:nowrap}svg{display:block}.bars rect{fill:var(--bar)}.bars rect.hot{fill:var(--red)}
details{margin:.5rem 0}summary{cursor:pointer;color:var(--accent);padding:.25rem 0}
code{font-size:.88em;overflow-wrap:anywhere}footer{margin-top:2.5rem;border-top:1px solid var(--line);padding-top:.75rem}
@media(max-width:40rem){body{padding:.9rem}.cards thead{position:absolute;left:-9999px}.cards tr{display:block;border-top:1px solid var(--line);
padding:.5rem .7rem}.cards tr:first-child{border-top:0}.cards td{display:block;border:0;padding:.1rem 0;text-align:left!important;white-space:normal!important}
.cards td[data-name]::before{content:attr(data-name) ": ";color:var(--soft)}td.long{min-width:0}}
"""  # Colours keep a contrast of at least 4.5 to 1 on their ground in both schemes.


def report_page(report: Report) -> str:
    """The page. Every text from the data is escaped."""
    parts = [
        _head(report),
        _section("What to do next", _steps(report)),
        _section("Units sold per day, all series", _all_units(report)),
        _section("Look at these first", _looks(report)),
        _section("What was flagged", _kinds(report)),
        _section("Rows in quarantine", _quarantine(report)),
        _section("Checks", _checks(report)),
        _section("Tables", _tables(report)),
    ]
    title = f"Data quality, {report.cutoff:%d %b %Y}"
    return (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + f'\n<footer class="soft">Shelfcast, run <code>{escape(report.run_id)}</code>. Every flag is in the table'
        " <code>anomalies</code>, every check in <code>quality_results</code>, every refused row in"
        " <code>quarantine</code>.</footer>\n</body></html>\n"
    )


def _head(report: Report) -> str:
    counts = report.anomaly_counts
    tiles = (
        ("sales rows", f"{report.sales_rows:,}"),
        ("series", f"{report.series:,}"),
        ("checks to look at", f"{len(report.problems):,}"),
        ("rows in quarantine", f"{report.quarantined:,}"),
        ("flags, last 8 weeks", f"{sum(counts.values()):,}"),
    )
    shown = "".join(f'<div class="tile"><b>{value}</b><span class="soft">{name}</span></div>' for name, value in tiles)
    return (
        f'<header><p class="soft">Shelfcast</p><h1>Data quality on {report.cutoff:%A %d %B %Y}</h1>'
        f'<p class="verdict">{escape(report.verdict)}</p></header><div class="tiles">{shown}</div>'
    )


def _section(title: str, body: str) -> str:
    return f"<section><h2>{escape(title)}</h2>{body}</section>" if body else ""


def _steps(report: Report) -> str:
    return "<ol>" + "".join(f"<li>{escape(step)}</li>" for step in report.next_steps) + "</ol>"


def _all_units(report: Report) -> str:
    values = report.units_by_day
    if not any(values):
        return ""
    first, last = report.recent_days[0], report.recent_days[-1]
    limit = 3.0 * (median([value for value in values if value > 0]))
    cut = {n for n, value in enumerate(values) if value > limit}
    note = f" Red days are out of all proportion ({max(values):,.0f} at most) and cut off." if cut else ""
    chart = bars([min(value, limit) for value in values], cut, 960, 90, "Units sold per day")
    shown = max(value for value in values if value <= limit)
    return f'{chart}<p class="soft">{first:%d %b %Y} to {last:%d %b %Y}; highest {shown:,.0f} units.{note}</p>'


def _looks(report: Report) -> str:
    rows = []
    places = {day: n for n, day in enumerate(report.recent_days)}
    for one in report.looks.iter_rows(named=True):
        units = report.recent_units.get((one["item_id"], one["location_id"]), [])
        hot = {places[one["date"]]} if one["date"] in places else set()
        shape = bars(units, hot, 170, 34, f"Units of {one['item_id']} at {one['location_id']}") if units else ""
        stake = one["at_stake"]
        shown = "" if one["kind"] == "impossible_price" or stake is None else f"{stake:,.0f}"
        rows.append(
            (
                _mark(RULES[one["kind"]].severity, KIND_NAMES[one["kind"]]),
                f"<b class=name>{escape(one['item_id'])}</b> at {escape(one['location_id'])}",
                shape, shown, escape(one["reason"] or ""),
            )
        )  # fmt: skip
    stake_name = f"at stake ({report.currency or 'units x price'})"
    more = report.anomalies.height - report.looks.height
    tail = (
        f'<p class="soft">{more:,} more flags are in the table <code>anomalies</code>.</p>' if more > 0 and rows else ""
    )
    return _table(("flag", "series", f"last {len(report.recent_days)} days", stake_name, "what"), rows, "   nL") + tail


def _kinds(report: Report) -> str:
    rows = [
        (
            _mark(RULES[kind].severity, KIND_NAMES[kind]),
            f"{count:,}",
            escape(RULES[kind].meaning),
            escape(RULES[kind].cure),
        )
        for kind, count in report.anomaly_counts.items()
    ]
    return _table(("flag", "times", "meaning", "what to do"), rows, " nLL") or "<p>Nothing in the last eight weeks.</p>"


def _quarantine(report: Report) -> str:
    rows = [
        (
            escape(one["table"]), f"{one['rows']:,}", escape(one["rule"].replace("_", " ")),
            f"{escape(one['reason'])} <span class=soft>({escape(one['source'])}, line {one['source_line']:,})</span>",
        )
        for one in report.quarantine.iter_rows(named=True)
    ]  # fmt: skip
    return _table(("table", "rows", "rule", "for example"), rows, " n L") or "<p>Every row that came could be used.</p>"


def _checks(report: Report) -> str:
    problems = report.problems
    rest = [one for one in report.checks if one not in problems]
    shown = _findings(problems) or "<p>All checks passed.</p>"
    if not rest:
        return shown
    return f"{shown}<details><summary>{len(rest)} checks without a problem</summary>{_findings(rest)}</details>"


def _findings(findings: Sequence[Finding]) -> str:
    rows = [
        (
            _mark(one.weight if one.failed else "ok", one.weight if one.failed else "fine"),
            escape(one.table), escape(one.rule.replace("_", " ")), f"{one.failed:,}", escape(one.message),
        )
        for one in findings
    ]  # fmt: skip
    return _table(("", "table", "check", "broken", "what"), rows, "   nL")


def _tables(report: Report) -> str:
    rows = [
        (
            escape(one.table), f"{one.rows:,}", f"{one.first:%d %b %Y}" if one.first else "",
            f"{one.newest:%d %b %Y}" if one.newest else "", f"{one.quarantined:,}",
        )
        for one in report.tables
    ]  # fmt: skip
    return _table(("table", "rows", "first day", "newest day", "in quarantine"), rows, " n  n")


def _mark(severity: str, text: str) -> str:
    return f'<span class="mark {severity}">{escape(text)}</span>'


def _table(names: Sequence[str], rows: Iterable[Sequence[str]], kinds: str) -> str:
    """A table that becomes cards on a phone. `kinds`: n = number, L = long text, blank = plain. Cells are HTML."""
    classes = {"n": ' class="n"', "L": ' class="long"', " ": ""}
    kinds = kinds.ljust(len(names))
    body = "".join(
        "<tr>"
        + "".join(
            f"<td{classes[kind]}" + (f' data-name="{escape(name)}"' if kind == "n" else "") + f">{cell}</td>"
            for name, kind, cell in zip(names, kinds, row, strict=True)
        )
        + "</tr>"
        for row in rows
    )
    if not body:
        return ""
    head = "".join(f"<th{classes[kind] if kind == 'n' else ''}>{escape(name)}</th>" for name, kind in zip(names, kinds))
    return f'<div class="wide"><table class="cards"><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def bars(values: Sequence[float | None], hot: set[int], width: int, height: int, title: str) -> str:
    """Bars of the values; positions in `hot` stand out. A missing value leaves a gap."""
    if not values:
        return ""
    known = [value for value in values if value is not None and not math.isnan(value)]
    top = max([*known, 1e-9])
    step = width / len(values)
    rectangles = []
    for n, value in enumerate(values):
        if value is None or math.isnan(value):
            continue
        tall = max(0.0, value) / top * (height - 2)
        marked = n in hot
        tall = max(tall, 3.0 if marked else 0.5)
        rectangles.append(
            f'<rect{" class=hot" if marked else ""} x="{n * step:.1f}" y="{height - tall:.1f}" width="{max(step - 0.6, 0.6):.1f}" height="{tall:.1f}"/>'
        )
    return (
        f'<svg class="bars" role="img" aria-label="{escape(title)}" viewBox="0 0 {width} {height}" width="{width}" height="{height}"'
        f' preserveAspectRatio="none" style="max-width:100%">' + "".join(rectangles) + "</svg>"
    )
