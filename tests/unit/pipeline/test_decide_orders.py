from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shelfcast.pipeline.decide_orders import NEXT, STATES, check_quantity

whole = st.integers(1, 60).map(float)


@given(
    st.integers(0, 500).map(float), whole, st.integers(0, 90).map(float), st.none() | st.integers(60, 600).map(float)
)
def test_what_is_offered_instead_of_a_refused_quantity_is_itself_allowed(qty, pack, moq, most):
    terms = {"moq": moq, "pack_size": pack, "max_order_qty": most, "unit_step": 1.0}
    problems, nearest = check_quantity({}, qty, terms)
    if not problems:
        return
    for other in nearest:
        again, _ = check_quantity({}, other, terms)
        assert not again, (other, again)


@given(st.integers(1, 50).map(float), st.integers(1, 20))
def test_whole_packs_above_the_smallest_order_are_always_allowed(pack, count):
    terms = {"moq": pack, "pack_size": pack, "max_order_qty": None, "unit_step": 1.0}
    assert check_quantity({}, pack * count, terms) == ([], [])


def test_nothing_is_always_allowed_and_weighed_goods_may_have_fractions():
    assert check_quantity({}, 0.0, {"moq": 12.0, "pack_size": 6.0}) == ([], [])
    assert check_quantity({}, 1.25, {"moq": 0.0, "pack_size": 0.0, "unit_step": 0.001}) == ([], [])


def test_every_state_is_reached_from_proposed_and_the_last_ones_are_ends():
    reached, todo = set(), ["proposed"]
    while todo:
        state = todo.pop()
        if state not in reached:
            reached.add(state)
            todo += NEXT[state]
    assert reached == set(STATES)
    assert NEXT["received"] == NEXT["cancelled"] == ()
