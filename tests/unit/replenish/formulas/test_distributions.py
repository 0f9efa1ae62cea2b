"""Loss functions against slow, obvious sums and integrals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas import distributions as d
from shelfcast.replenish.formulas.pmf import Pmf

CONTINUOUS: dict[str, tuple[Callable[[float], float], Callable[[float], float] | None, object]] = {
    "normal": (lambda x: d.normal_loss(x, 15, 3), lambda x: d.normal_second_loss(x, 15, 3), stats.norm(15, 3)),
    "gamma": (lambda x: d.gamma_loss(x, 2, 3), lambda x: d.gamma_second_loss(x, 2, 3), stats.gamma(2, scale=3)),
    "lognormal": (lambda x: d.lognormal_loss(x, 2, 0.3), None, stats.lognorm(0.3, 0, np.exp(2))),
    "uniform": (lambda x: d.uniform_loss(x, 4, 9), None, stats.uniform(4, 5)),
    "exponential": (lambda x: d.exponential_loss(x, 5), None, stats.expon(scale=5)),
}


@pytest.mark.parametrize("name", CONTINUOUS)
@pytest.mark.parametrize("level", [0.5, 4.0, 7.3, 12.0, 25.0])
def test_a_continuous_loss_is_the_integral_above_the_level(name: str, level: float) -> None:
    first, second, demand = CONTINUOUS[name]
    expected = integrate.quad(demand.sf, level, np.inf, limit=200)[0]  # type: ignore[attr-defined]
    assert first(level) == pytest.approx(expected, rel=1e-6, abs=1e-9)
    if second is not None:
        expected = integrate.quad(lambda x: (x - level) * demand.sf(x), level, np.inf, limit=200)[0]  # type: ignore[attr-defined]
        assert second(level) == pytest.approx(expected, rel=1e-6, abs=1e-9)


@pytest.mark.parametrize("level", [0, 1, 9, 23, 40])
@pytest.mark.parametrize("name", ["poisson", "negative binomial"])
def test_a_count_loss_is_the_sum_above_the_level(name: str, level: int) -> None:
    counts = np.arange(2000)
    if name == "poisson":
        masses, first, second = (
            stats.poisson.pmf(counts, 15),
            d.poisson_loss(level, 15),
            d.poisson_second_loss(level, 15),
        )
    else:
        r, p = d.negative_binomial_parameters(23, 64)
        masses = stats.nbinom.pmf(counts, r, p)
        first, second = d.negative_binomial_loss(level, 23, 64), d.negative_binomial_second_loss(level, 23, 64)
    over = np.maximum(counts - level, 0)
    assert first == pytest.approx(over @ masses, rel=1e-9)
    assert second == pytest.approx(0.5 * (over * np.maximum(over - 1, 0)) @ masses, rel=1e-9)


@given(st.floats(-5, 60), st.floats(0.1, 30))
def test_the_poisson_loss_is_right_between_whole_levels_and_below_zero(level: float, mean: float) -> None:
    counts = np.arange(400)
    slow = float(np.maximum(counts - level, 0) @ stats.poisson.pmf(counts, mean))
    assert d.poisson_loss(level, mean) == pytest.approx(slow, rel=1e-7, abs=1e-10)


def test_no_spread_means_a_sure_shortage_or_none() -> None:
    assert d.normal_loss(8.0, 10.0, 0.0) == 2.0
    assert d.normal_loss(12.0, 10.0, 0.0) == 0.0
    assert d.normal_second_loss(8.0, 10.0, 0.0) == 2.0


def test_a_loss_below_zero_counts_all_demand_and_the_debt() -> None:
    assert d.gamma_loss(-1.0, 2.0, 3.0) == pytest.approx(7.0)
    assert d.lognormal_loss(0.0, 0.0, 1.0) == pytest.approx(np.exp(0.5))
    assert d.exponential_loss(-2.0, 5.0) == pytest.approx(7.0)
    assert d.uniform_loss(0.0, 4.0, 8.0) == pytest.approx(6.0)


def test_probabilities_may_be_a_list_or_a_mapping_with_text_keys() -> None:
    assert Pmf.of([0.5, 0.0, 0.5]).mean == Pmf.of({"0": 0.5, "2": 0.5}).mean == 1.0
    assert d.discrete_loss(1, Pmf.of({0: 0.5, 4: 0.5})) == 1.5
    assert d.discrete_second_loss(1, Pmf.of({0: 0.5, 4: 0.5})) == 1.5


def test_a_cumulative_probability_equal_but_for_rounding_reaches_the_level() -> None:
    assert Pmf.of([0.1] * 10).quantile(0.3) == 2.0


@pytest.mark.parametrize(
    ("given_pmf", "words"),
    [
        ([0.5, 0.4], "adds up to 0.9"),
        ([1.2, -0.2], "0 or above"),
        ({"a": 1.0}, "number"),
        ({}, "empty"),
        ({"1": 0.5, "1.0": 0.5}, "twice"),
    ],
)
def test_a_bad_table_of_probabilities_is_refused_with_the_reason(given_pmf: object, words: str) -> None:
    with pytest.raises(BadParameter, match=words):
        Pmf.of(given_pmf)  # type: ignore[arg-type]
