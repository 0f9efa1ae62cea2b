"""Scopes of business rules, their days, and what a line says of them."""

from __future__ import annotations

import pytest
from replenish_shop import day, line, propose, rule

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish.parameters import PARAMETERS, parameter
from shelfcast.replenish.rules import parameter_table

ITEM = [{"item_id": "a", "category": "fresh"}]
BY_WIDTH = [
    rule("target_cycle_service", 0.80),
    rule("target_cycle_service", 0.82, "location", scope_value="S1"),
    rule("target_cycle_service", 0.84, "supplier", scope_value="SUP"),
    rule("target_cycle_service", 0.86, "category", scope_value="fresh"),
    rule("target_cycle_service", 0.88, "item", item_id="a"),
    rule("target_cycle_service", 0.90, "item_location", item_id="a", location_id="S1"),
]
NAMES = ["default", "location S1", "supplier SUP", "category fresh", "item a", "item_location a@S1"]


@pytest.mark.parametrize("count", range(1, 7))
def test_the_narrowest_scope_wins_and_is_named(count: int) -> None:
    one = line(propose(items=ITEM, rules=BY_WIDTH[:count][::-1]))
    assert one["target_value"] == pytest.approx(0.78 + 0.02 * count)
    assert f"target_cycle_service={NAMES[count - 1]}:{one['target_value']:g}" in one["rules_used"].replace(
        "0.80", "0.8"
    )


def test_rules_of_others_do_not_hold() -> None:
    others = [
        rule("target_cycle_service", 0.5, "location", scope_value="S9"), rule("target_cycle_service", 0.5, "item", item_id="z"),
        rule("target_cycle_service", 0.5, "supplier", scope_value="NONE"),
        rule("target_cycle_service", 0.5, "item_location", item_id="a", location_id="S9"),
    ]  # fmt: skip
    assert line(propose(rules=others))["target_type"] == "class"


def test_a_rule_holds_from_its_first_to_its_last_day() -> None:
    def value(first: int, last: int | None) -> float:
        dated = {
            **rule("target_cycle_service", 0.77),
            "valid_from": day(first),
            "valid_to": None if last is None else day(last),
        }
        return line(propose(rules=[dated]))["target_value"]

    assert value(0, 0) == value(-5, None) == 0.77
    assert value(1, None) != 0.77
    assert value(-5, -1) != 0.77


def test_of_two_rules_of_one_scope_the_later_one_holds() -> None:
    earlier, later = ({**rule("cover_days", days), "valid_from": day(first)} for days, first in ((9, -9), (2, -2)))
    one = line(propose(rules=[later, earlier, rule("policy", "cover")]))
    assert one["order_up_to"] == pytest.approx(8.0 + 2 * 4.0)


def test_a_line_without_rules_names_the_declared_defaults() -> None:
    assert line(propose())["rules_used"] == "policy=declared:base_stock;target_type=declared:auto"


def test_every_parameter_reads_back_what_it_shows() -> None:
    for one in PARAMETERS.values():
        if one.default is not None:
            assert one.parse(one.show(one.default_number)) == one.default_number, one.name
    assert parameter_table().height == len(PARAMETERS)
    assert parameter_table()["meaning"].str.len_chars().min() > 15


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("target_fill_rate", "1.5", "allowed: 0 to 0.9999"),
        ("target_fill_rate", "high", "a number is needed"),
        ("keep_one_pack", "perhaps", "true or false"),
        ("policy", "magic", "known: R_s_S"),
    ],
)
def test_a_value_that_cannot_be_is_refused_with_what_is_allowed(name: str, text: str, message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        PARAMETERS[name].parse(text)


def test_an_unknown_parameter_lists_the_known_ones() -> None:
    with pytest.raises(BadParameter, match="presentation_stock"):
        parameter("colour")
