"""Answers for reference cases: a family's name and named inputs in, the named answers of that family out.

A case file holds `cases`, each with `family`, `inputs`, `expected` and `tolerance` per expected value (`rel`, or `abs`, 0 for
equal). `answer` computes, `differences` compares. It is how golden tests and the comparison with other libraries call the
formulas by name; nothing else does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date
from typing import Any

import numpy as np

from shelfcast.domain.errors import BadParameter
from shelfcast.replenish import simulation
from shelfcast.replenish.formulas import (
    base_stock,
    eoq,
    fair_share,
    fill_rate,
    min_max,
    newsvendor,
    order_calendar,
    quantiles,
    reorder_point_quantity,
    rounding,
    safety_stock,
    sample_paths,
    serial,
    wagner_whitin,
)
from shelfcast.replenish.simulation_policies import (
    OrderUpTo,
    Policy,
    ReorderPointOrderUpTo,
    ReorderPointQuantity,
)

Inputs = dict[str, Any]
Answers = dict[str, Any]
Call = Callable[..., Any]


def answer(family: str, inputs: Mapping[str, Any]) -> Answers:
    """The answers of a family for these inputs; inputs a family doesn't know are an error that names them."""
    if family not in FAMILIES:
        raise BadParameter.unknown("family", family, FAMILIES)
    try:
        return FAMILIES[family](dict(inputs))
    except KeyError as error:
        raise BadParameter(f"inputs {sorted(inputs)} lack {error} for the family {family!r}.") from error
    except TypeError as error:
        raise BadParameter(f"inputs {sorted(inputs)} don't fit the family {family!r}: {error}.") from error


def differences(case: Mapping[str, Any]) -> list[str]:
    """What of a case isn't within its tolerance, one sentence per value; empty when all is right."""
    found = answer(case["family"], case["inputs"])
    wrong = []
    for name, expected in case["expected"].items():
        tolerance = case["tolerance"].get(name, {"abs": 0})
        if name not in found:
            wrong.append(f"{name} is missing; expected {expected!r}")
        elif not _close(found[name], expected, tolerance):
            wrong.append(f"{name} is {found[name]!r}; expected {expected!r} within {tolerance}")
    return wrong


def _close(found: Any, expected: Any, tolerance: Mapping[str, float]) -> bool:
    if isinstance(expected, Mapping):
        given = {str(key): value for key, value in dict(found).items()}
        wanted = {str(key): value for key, value in expected.items()}
        return given.keys() == wanted.keys() and all(_close(given[key], wanted[key], tolerance) for key in wanted)
    if isinstance(expected, list):
        if all(isinstance(value, str) for value in expected):
            return set(found) == set(expected)
        return len(found) == len(expected) and all(_close(a, b, tolerance) for a, b in zip(found, expected))
    if isinstance(expected, bool) or expected is None:
        return bool(found == expected)
    if isinstance(expected, int | float):
        allowed = tolerance["abs"] if "abs" in tolerance else tolerance["rel"] * abs(expected)
        return abs(float(found) - expected) <= allowed
    return str(found) == str(expected)


def _named(call: Call, **renamed: str) -> Callable[[Inputs], Answers]:
    """A formula whose result is a named tuple; `renamed` maps an input's name in the case to the parameter's."""

    def compute(inputs: Inputs) -> Answers:
        result = call(**{renamed.get(name, name): value for name, value in inputs.items() if value is not None})
        return dict(result._asdict())

    return compute


def _reorder_point_for_quantity(inputs: Inputs) -> Answers:
    return {"reorder_point": reorder_point_quantity.reorder_point_for_quantity(**inputs)}


def _wagner_whitin(inputs: Inputs) -> Answers:
    periods = inputs.pop("num_periods", None)
    if periods is not None and periods != len(inputs["demand"]):
        raise BadParameter(f"num_periods is {periods} and demand has {len(inputs['demand'])} periods; they must agree.")
    plan = wagner_whitin.wagner_whitin(**inputs)
    return {"cost": plan.cost, "order_quantities": plan.order_quantities.tolist()}


def _serial(inputs: Inputs) -> Answers:
    inputs.pop("node_order", None)
    nodes = inputs.pop("num_nodes", None)
    if nodes is not None:
        for name in ("echelon_holding_cost", "lead_time"):
            inputs[name] = _by_node(inputs[name], nodes)
    if "demand_standard_deviation" in inputs:
        inputs["demand_sd"] = inputs.pop("demand_standard_deviation")
    levels = inputs.pop("echelon_base_stock", None)
    if levels is not None:
        inputs["levels"] = {int(node): float(level) for node, level in levels.items()}
    result = serial.echelon_base_stock(**inputs)
    return {"echelon_base_stock": result.echelon_base_stock, "cost": result.cost}


def _by_node(value: Any, nodes: int) -> list[float]:
    """One value per node 1, 2, ... from a list, a mapping by node, or one number for all."""
    if isinstance(value, Mapping):
        return [float(value[str(node)] if str(node) in value else value[node]) for node in range(1, nodes + 1)]
    if isinstance(value, int | float):
        return [float(value)] * nodes
    return [float(one) for one in value]


def _simulated(inputs: Inputs) -> Answers:
    """One item, any quantity (no packs unless given); cost per day: h x on hand + p x backorders or units lost."""
    waits = {"backorder": True, "backorders": True, "lost": False, "lost_sale": False, "lost_sales": False}
    unmet = str(inputs.get("unmet_demand", "backorder"))
    if unmet not in waits:
        raise BadParameter.unknown("unmet_demand", unmet, waits)
    policy: Policy
    if inputs.get("order_quantity") is not None:
        policy = ReorderPointQuantity(inputs["reorder_point"], inputs["order_quantity"])
    elif inputs.get("reorder_point") is not None:
        policy = ReorderPointOrderUpTo(inputs["reorder_point"], inputs["order_up_to_level"])
    else:
        policy = OrderUpTo(inputs["order_up_to_level"])
    demand = np.asarray(inputs["demand"], dtype=np.float64)[None, :]
    days = demand.shape[1]
    start = inputs["initial_on_hand"] if inputs.get("initial_on_hand") is not None else inputs["order_up_to_level"]
    result = simulation.simulate(
        demand,
        policy,
        simulation.ItemTerms(
            moq=inputs.get("moq") or 0.0, pack_size=inputs.get("pack_size") or 0.0, backorders=waits[unmet]
        ),
        lead_time_days=inputs["lead_time_days"],
        order_days=simulation.review_days(days, int(inputs.get("review_period_days") or 1)),
        start_stock=float(start),
        keep_ledger=True,
    )
    ledger, totals = result.ledger or {}, {name: float(values[0]) for name, values in result.totals.items()}
    short = totals["backorder_days"] if waits[unmet] else totals["unmet"]
    total_cost = float(inputs["holding_cost"]) * totals["stock_days"] + float(inputs["stockout_cost"]) * short
    return {
        "total_cost": total_cost + float(inputs.get("fixed_cost") or 0.0) * totals["orders"],
        "ending_net_inventory": float(ledger["end"][0, -1] - ledger["backorders"][0, -1]),
        "average_on_hand": totals["stock_days"] / days,
        "average_backorders": totals["backorder_days"] / days,
        "fill_rate": 1.0 - totals["unmet"] / totals["demand"] if totals["demand"] else 1.0,
        "orders": totals["orders"],
        "lost_sales": 0.0 if waits[unmet] else totals["unmet"],
    }


def _fair_share(inputs: Inputs) -> Answers:
    stores = [str(store) for store in inputs["store_ids"]]

    def by_store(*names: str) -> dict[str, Any] | None:
        for name in names:
            if inputs.get(name) is not None:
                values = inputs[name]
                return (
                    {store: values[store] for store in stores}
                    if isinstance(values, Mapping)
                    else dict(zip(stores, values))
                )
        return None

    backorders = by_store("backorders") or {}
    given = fair_share.fair_share(
        inputs["method"],
        inputs["dc_available"],
        inputs.get("pack_size", 1),
        by_store("store_needs") or {},
        positions=by_store("inventory_position"),
        daily_rates=by_store("daily_rate"),
        pack_values=by_store("pack_values", "score", "scores"),
        urgent=[store for store, units in backorders.items() if units > 0]
        + [str(one) for one in inputs.get("urgent", [])],
        reserve=inputs.get("reserve", 0.0),
    )
    return {"allocation": given}


def _order_calendar(inputs: Inputs) -> Answers:
    def dates(name: str) -> list[date]:
        return [date.fromisoformat(one) for one in inputs.get(name) or ()]

    pairs = {date.fromisoformat(a): date.fromisoformat(b) for a, b in (inputs.get("paired_deliveries") or {}).items()}
    window = order_calendar.order_window(
        date.fromisoformat(inputs["today"]),
        inputs["lead_time_days"],
        inputs.get("order_days") or order_calendar.WEEKDAYS,
        inputs.get("delivery_days") or order_calendar.WEEKDAYS,
        closed_dates=dates("closed_dates"),
        no_order_dates=dates("no_order_dates"),
        paired_deliveries=pairs,
    )
    return {name: value.isoformat() if isinstance(value, date) else value for name, value in window._asdict().items()}


FAMILIES: dict[str, Callable[[Inputs], Answers]] = {
    "newsvendor_normal": _named(newsvendor.newsvendor_normal, base_stock_level="order_up_to_level"),
    "newsvendor_poisson": _named(newsvendor.newsvendor_poisson, base_stock_level="order_up_to_level"),
    "newsvendor_discrete": _named(newsvendor.newsvendor_discrete, base_stock_level="order_up_to_level"),
    "newsvendor_continuous": _named(newsvendor.newsvendor_continuous, base_stock_level="order_up_to_level"),
    "newsvendor_normal_explicit": _named(newsvendor.newsvendor_normal_explicit, base_stock_level="order_up_to_level"),
    "newsvendor_poisson_explicit": _named(newsvendor.newsvendor_poisson_explicit, base_stock_level="order_up_to_level"),
    "newsvendor_discrete_explicit": _named(newsvendor.newsvendor_discrete_explicit),
    "base_stock_normal": _named(base_stock.base_stock_normal, base_stock_level="order_up_to_level"),
    "base_stock_poisson": _named(base_stock.base_stock_poisson, base_stock_level="order_up_to_level"),
    "base_stock_discrete": _named(base_stock.base_stock_discrete),
    "eoq": _named(eoq.economic_order_quantity),
    "eoq_backorders": _named(eoq.economic_order_quantity_with_backorders),
    "eoq_all_units_discount": _named(eoq.economic_order_quantity_with_all_units_discounts),
    "eoq_incremental_discount": _named(eoq.economic_order_quantity_with_incremental_discounts),
    "economic_production_quantity": _named(eoq.economic_production_quantity),
    "rq_reorder_point_for_q": _reorder_point_for_quantity,
    "rq_loss_approx": _named(reorder_point_quantity.reorder_point_quantity_loss_approximation),
    "rq_poisson_exact": _named(reorder_point_quantity.reorder_point_quantity_poisson_exact),
    "ss_poisson_exact": _named(min_max.min_max_poisson),
    "ss_pmf_exact": _named(min_max.min_max_pmf),
    "ss_power_approx": _named(min_max.min_max_power_approximation),
    "wagner_whitin": _wagner_whitin,
    "safety_stock_variable_lead_time": _named(safety_stock.safety_stock_for_cycle_service),
    "fill_rate_order_up_to": _named(fill_rate.order_up_to_for_fill_rate),
    "serial_echelon_base_stock": _serial,
    "sim_policy": _simulated,
    "rule_quantile_newsvendor": _named(quantiles.order_up_to_from_quantiles),
    "rule_sample_paths": _named(sample_paths.order_up_to_from_paths),
    "rule_net_need_rounding": _named(rounding.order_after_rules),
    "rule_fair_share": _fair_share,
    "rule_order_calendar": _order_calendar,
}
"""Family name -> how its answers are computed."""
