"""Numbers as lines CloudWatch reads (embedded metric format)."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from shelfcast.adapters.aws.metrics import EmfMetrics

NAMES = st.text("abcdefgh", min_size=1, max_size=12)


def told(values: dict[str, float], **dimensions: str) -> list[dict]:
    lines: list[str] = []
    EmfMetrics("Shelfcast", {"Deployment": "d"}, lines.append, lambda: 1.5).put(values, **dimensions)
    return [json.loads(line) for line in lines]


def test_a_line_names_its_numbers_their_units_and_what_they_are_of() -> None:
    (line,) = told({"StepSeconds": 2.5, "StepPeakMb": 300, "RowsIn": 7}, Step="forecast")
    assert {"Deployment": "d", "Step": "forecast", "StepSeconds": 2.5, "RowsIn": 7.0}.items() <= line.items()
    assert line["_aws"]["Timestamp"] == 1500
    (about,) = line["_aws"]["CloudWatchMetrics"]
    assert (about["Namespace"], about["Dimensions"]) == ("Shelfcast", [["Deployment", "Step"]])
    units = {one["Name"]: one["Unit"] for one in about["Metrics"]}
    assert units == {"StepSeconds": "Seconds", "StepPeakMb": "Megabytes", "RowsIn": "Count"}


@given(st.dictionaries(NAMES, st.floats(), max_size=250))
def test_every_finite_number_is_told_once_a_hundred_a_line_and_no_other(values: dict[str, float]) -> None:
    lines = told(values)
    named = [one["Name"] for line in lines for one in line["_aws"]["CloudWatchMetrics"][0]["Metrics"]]
    finite = {name for name, value in values.items() if value - value == 0}
    assert sorted(named) == sorted(finite)
    assert all(len(line["_aws"]["CloudWatchMetrics"][0]["Metrics"]) <= 100 for line in lines)


def test_a_log_that_is_gone_costs_nothing_else() -> None:
    def gone(line: str) -> None:
        raise OSError("no space left on device")

    EmfMetrics("Shelfcast", {}, gone).put({"RowsIn": 1})
