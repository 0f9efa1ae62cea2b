"""When a measure becomes a finding, and when it ends: patience in both directions, so that one odd day tells nobody.

    ok -- a day beyond --> watch -- `opens` of the last `of` days beyond --> open -- `of` calm days in a row --> ok

A day is calm only well inside the threshold, so a measure that wavers around it stays one finding.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import polars as pl

from shelfcast.domain.measures import Measure, kind_of
from shelfcast.domain.tables import Table

LONGEST = 14
"""Days looked back, at most."""
KEY = ("area", "measure", "subject")


@dataclass(frozen=True)
class State:
    state: str
    opened_on: date | None


def decide(
    beyond: Sequence[bool], calm: Sequence[bool], opened_on: date | None, today: date, opens: int, of: int
) -> State:
    """The state of today; `beyond` and `calm` of the days looked at, the oldest first, today last.

    >>> decide([True, False, True], [False] * 3, None, date(2026, 5, 3), 2, 3).state
    'open'
    >>> decide([True], [False], None, date(2026, 5, 3), 2, 3).state
    'watch'
    """
    if opened_on is not None:
        ended = len(calm) >= of and all(calm[-of:])
        return State("ok", None) if ended else State("open", opened_on)
    if sum(beyond[-of:]) >= opens:
        return State("open", today)
    return State("watch" if beyond and beyond[-1] else "ok", None)


def rows_of(table: Table, measures: Sequence[Measure], past: pl.DataFrame, today: date, run_id: str) -> pl.DataFrame:
    """Rows of the day: each measure with its state, by the rows of the days before (date, key, beyond, calm, opened_on)."""
    before: dict[tuple[str, str, str], list[tuple[bool, bool, date | None]]] = {}
    known = past.filter(pl.col("date") < today).sort("date")
    for *key, beyond, calm, opened_on in known.select(*KEY, "beyond", "calm", "opened_on").iter_rows():
        before.setdefault((key[0], key[1], key[2]), []).append((bool(beyond), bool(calm), opened_on))
    rows = []
    for one in measures:
        kind = kind_of(one)
        days = before.get((one.area, one.name, one.subject), [])[-LONGEST:]
        state = decide(
            [day[0] for day in days] + [one.beyond], [day[1] for day in days] + [one.calm],
            days[-1][2] if days else None, today, kind.opens, kind.of,
        )  # fmt: skip
        rows.append(
            {
                "date": today, "area": one.area, "measure": one.name, "subject": one.subject, "value": one.value,
                "expected": one.expected, "threshold": one.threshold, "beyond": one.beyond, "calm": one.calm,
                "state": state.state, "opened_on": state.opened_on, "reason": one.reason, "says": one.says,
                "moved_with": one.moved_with if state.state == "open" else "", "run_id": run_id,
            }
        )  # fmt: skip
    return table.conform(pl.DataFrame(rows, schema=table.polars_schema)).sort(*table.key)
