"""What a planner reads after a cycle."""

from __future__ import annotations

from datetime import date

import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.entrypoints.cli import summary
from shelfcast.pipeline.run_cycle import CycleResult
from shelfcast.pipeline.steps import StepResult


@pytest.mark.parametrize(
    ("found", "said"),
    [
        ({"lines": 0, "no_order": 6}, "6 lines were worked out and need nothing now"),
        ({"lines": 0, "why": "There is no stock."}, "No orders are proposed. There is no stock."),
    ],
)
def test_no_orders_come_with_the_reason(found, said, capsys) -> None:
    step = StepResult("replenish-1", "replenish", "done", {}, found, 1.0, 1.0)
    summary.show(in_memory(), CycleResult(date(2025, 1, 1), (step,)), currency="EUR")
    assert said in " ".join(capsys.readouterr().out.split())
