"""Published and computed answers of inventory formulas and written rules, each within its tolerance.

The cases carry their source. SHELFCAST_REPLENISHMENT_CASES names another file of the same form.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from shelfcast.replenish.reference_cases import FAMILIES, answer, differences

FILE = Path(os.environ.get("SHELFCAST_REPLENISHMENT_CASES") or Path(__file__).with_name("replenishment_cases.json"))
CASES = json.loads(FILE.read_text(encoding="utf-8"))["cases"]


@pytest.mark.parametrize("case", CASES, ids=[case["id"] for case in CASES])
def test_the_answer_is_within_tolerance(case: dict[str, Any]) -> None:
    assert differences(case) == []


def test_every_family_of_the_file_is_known() -> None:
    assert {case["family"] for case in CASES} <= set(FAMILIES)


def test_a_wrong_expectation_is_reported_with_both_values() -> None:
    case = next(one for one in CASES if one["family"] == "eoq")
    wrong = {**case, "expected": {"cost": 1.0}, "tolerance": {"cost": {"rel": 0.01}}}
    found = answer("eoq", case["inputs"])["cost"]
    assert differences(wrong) == [f"cost is {found!r}; expected 1.0 within {{'rel': 0.01}}"]
