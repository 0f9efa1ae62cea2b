"""Sharing out a shortage: nobody above its need, whole packs, nothing kept back, row order doesn't matter."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.formulas.fair_share import METHODS, fair_share

STORES = st.lists(
    st.tuples(st.integers(0, 80), st.integers(-10, 60), st.floats(0, 9), st.floats(0, 5)), min_size=1, max_size=8
)


def share(method: str, available: float, pack: int, rows, order=lambda names: names, **more):  # type: ignore[no-untyped-def]
    names = order([f"S{number}" for number in range(len(rows))])
    by_name = {f"S{number}": row for number, row in enumerate(rows)}
    return fair_share(
        method,
        available,
        pack,
        {name: by_name[name][0] for name in names},
        positions={name: by_name[name][1] for name in names},
        daily_rates={name: by_name[name][2] for name in names},
        pack_values={name: by_name[name][3] for name in names},
        **more,
    )


@pytest.mark.parametrize("method", METHODS)
@given(st.integers(0, 400), st.integers(1, 12), STORES)
def test_nobody_gets_more_than_its_need_and_all_that_is_wanted_is_given(method, available, pack, rows) -> None:  # type: ignore[no-untyped-def]
    given_units = share(method, available, pack, rows)
    wanted = 0
    for number, row in enumerate(rows):
        units = given_units[f"S{number}"]
        assert 0 <= units <= row[0]
        assert units % pack == 0
        wanted += row[0] // pack
    assert sum(given_units.values()) == pack * min(available // pack, wanted)


@pytest.mark.parametrize("method", METHODS)
@given(st.integers(0, 200), st.integers(1, 12), STORES)
def test_row_order_does_not_matter(method, available, pack, rows) -> None:  # type: ignore[no-untyped-def]
    assert share(method, available, pack, rows) == share(method, available, pack, rows, lambda names: names[::-1])


@given(st.integers(0, 200), STORES)
def test_more_to_share_never_means_less_for_a_store_by_cover(available, rows) -> None:  # type: ignore[no-untyped-def]
    less, more = share("equal_cover", available, 3, rows), share("equal_cover", available + 3, 3, rows)
    assert all(less[store] <= more[store] for store in less)


def test_cover_evens_out() -> None:
    given_units = fair_share("equal_cover", 30, 1, {"A": 40, "B": 40}, {"A": 0, "B": 10}, {"A": 1.0, "B": 1.0})
    assert given_units == {"A": 20.0, "B": 10.0}


def test_urgent_stores_get_a_pack_first() -> None:
    needs = {"A": 60, "B": 6}
    assert fair_share("proportional", 12, 6, needs) == {"A": 12, "B": 0}
    assert fair_share("proportional", 12, 6, needs, urgent=["B"]) == {"A": 6, "B": 6}


def test_the_reserve_stays() -> None:
    assert fair_share("proportional", 20, 5, {"A": 50}, reserve=10) == {"A": 10}


def test_the_worth_of_later_packs_decides() -> None:
    worth = {"A": [9.0, 1.0], "B": [5.0, 4.0]}
    assert fair_share("economic", 3, 1, {"A": 3, "B": 3}, pack_values=worth) == {"A": 1, "B": 2}


def test_what_a_method_needs_is_named() -> None:
    with pytest.raises(BadParameter, match=r"daily_rates is missing for \['B'\]"):
        fair_share("equal_cover", 1, 1, {"A": 3, "B": 3}, {"A": 0, "B": 0}, {"A": 1})
    with pytest.raises(BadParameter, match="known: economic, equal_cover, proportional"):
        fair_share("lottery", 1, 1, {"A": 3})
