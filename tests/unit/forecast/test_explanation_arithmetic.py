from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from shelfcast.forecast import explanation

POSITIVE = st.floats(1e-6, 1e9)


@given(POSITIVE, POSITIVE)
def test_the_logarithmic_mean_turns_a_sum_of_logarithms_into_units(a: float, b: float) -> None:
    weight = explanation.logarithmic_mean(np.array([a]), np.array([b]))[0]
    assert np.isclose(weight * np.log(a / b), a - b, rtol=1e-6, atol=1e-6 * max(a, b))
    assert min(a, b) * (1 - 1e-9) <= weight <= max(a, b) * (1 + 1e-9)


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=8))
def test_a_driver_added_later_keeps_the_sum_exact(values: list[float]) -> None:
    mean = np.array(values)[None, :]
    size = len(explanation.DRIVERS)
    micro = np.zeros((1, len(values), size), dtype=np.int64)
    start = explanation.Explanation(explanation.DRIVERS, explanation.to_micro(mean), micro)
    end = explanation.add_driver(start, "override", mean, mean * 1.1 + 1)
    assert np.array_equal(end.total(), explanation.to_micro(mean * 1.1 + 1))
