"""Feature and result tables: what Shelfcast computed."""

from __future__ import annotations

from shelfcast.domain import quantiles
from shelfcast.domain.tables.schema import Column, Kind, Table, Type, Zone, day, flag, integer, real, text

RUN = text("run_id", "Run that wrote it: hash of step, parameters, contents of inputs and code version")
CUTOFF = day("cutoff", "Last business date whose data was used", required=True)
ITEM = text("item_id", "Item", required=True)
LOCATION = text("location_id", "Location", required=True)
DATE = day("date", "First day of the period", required=True)
SCENARIO = text("scenario", "base, or the scenario's id", default="base", required=True)
QUANTILES: tuple[Column, ...] = tuple(
    Column(name, Type.REAL, f"Value not exceeded with probability {quantiles.level(name):g}", unit="stock unit")
    for name in quantiles.COLUMNS
)

DEMAND = Table(
    "demand", Zone.FEATURES, Kind.RESULT,
    "Demand history, gaps filled: zero where open and listed, missing otherwise; censored days with recovered demand and its evidence",
    ("item_id", "location_id", "date"),
    (
        ITEM, LOCATION, DATE,
        real("units", "Observed sales; null where missing", unit="stock unit"),
        real("demand", "What customers wanted: sales, or recovered demand on censored days; null where missing", unit="stock unit"),
        real("in_stock_share", "Share of the day in stock; null = not recorded"),
        flag("open", "Location open"),
        flag("censored", "Stock ran out: sales understate demand"),
        text("evidence", "How a censored day was recovered; empty where it was not"),
        RUN,
    ),
    partition="date",
)  # fmt: skip

FORECASTS = Table(
    "forecasts", Zone.RESULTS, Kind.RESULT, "Demand forecast per period as a distribution",
    ("cutoff", "scenario", "stage", "item_id", "location_id", "date"),
    (
        CUTOFF, SCENARIO,
        text("stage", "baseline, model, planner or final", required=True, allowed=("baseline", "model", "planner", "final")),
        ITEM, LOCATION, DATE,
        integer("step", "Periods after the cutoff, from 1"),
        real("mean", "Expected demand", unit="stock unit", required=True),
        *QUANTILES,
        text("model", "Model and version"),
        text("fallback", "Why the main model could not be used; empty otherwise", default=""),
        RUN,
    ),
    partition="cutoff",
)  # fmt: skip

WINDOW_DEMAND = Table(
    "window_demand", Zone.RESULTS, Kind.RESULT, "Distribution of the sum of demand over a window (quantiles of days can't be added)",
    ("cutoff", "scenario", "stage", "item_id", "location_id", "window_from", "window_to"),
    (
        CUTOFF, SCENARIO, text("stage", "As in forecasts", required=True), ITEM, LOCATION,
        day("window_from", "First day", required=True), day("window_to", "Last day", required=True),
        real("mean", "Expected demand of the window", unit="stock unit", required=True),
        real("variance", "Variance of the demand of the window", unit="stock unit squared"),
        *QUANTILES, RUN,
    ),
    partition="cutoff",
)  # fmt: skip

EXPLANATIONS = Table(
    "explanations", Zone.RESULTS, Kind.RESULT, "Base plus drivers = forecast mean, exactly, in whole micro-units",
    ("cutoff", "scenario", "item_id", "location_id", "date", "driver"),
    (
        CUTOFF, SCENARIO, ITEM, LOCATION, DATE,
        text("driver", "base, level, season, weekday, festival, promotion, price, weather, availability, calibration, override, rounding, other...", required=True),
        integer("micro_units", "Contribution to the mean", unit="millionths of a stock unit", required=True),
        RUN,
    ),
    partition="cutoff",
)  # fmt: skip

BACKTEST_SCORES = Table(
    "backtest_scores", Zone.RESULTS, Kind.RESULT, "Scores of forecasts made from past cutoffs", ("run_id", "model", "segment", "fold", "metric"),
    (
        RUN, text("model", "Model", required=True),
        text("segment", "all, or a segment such as category=fresh", default="all", required=True),
        integer("fold", "1 is the oldest; 0 is the mean of all", required=True), day("cutoff", "Cutoff of the fold"),
        text("metric", "wape, bias, mase, sql, wql, coverage_80...", required=True),
        real("value", "Score"), integer("series", "Series scored"), integer("cells", "Series x periods scored"),
        integer("horizon", "Periods ahead"),
    ),
)  # fmt: skip

ANOMALIES = Table(
    "anomalies", Zone.RESULTS, Kind.RESULT, "What looks wrong in the data, with how strongly", ("run_id", "kind", "item_id", "location_id", "date"),
    (
        RUN, text("kind", "spike, level_shift, impossible_price, likely_stockout, missing_day, late_data", required=True),
        ITEM, LOCATION, DATE, real("value", "What was seen"), real("expected", "What was expected"),
        real("score", "Robust deviations from the expected"), text("reason", "The sentence a person reads"),
    ),
)  # fmt: skip

QUALITY_RESULTS = Table(
    "quality_results", Zone.RESULTS, Kind.RESULT, "Outcome of each quality rule on each table", ("run_id", "table", "rule", "column"),
    (
        RUN, text("table", "Table", required=True), text("rule", "Rule", required=True), text("column", "Column", default="", required=True),
        integer("rows", "Rows looked at"), integer("failed", "Rows that broke the rule"),
        text("severity", "error, warning or info", allowed=("error", "warning", "info")), text("message", "The sentence a person reads"),
    ),
)  # fmt: skip

WHY_NUMBERS: tuple[Column, ...] = tuple(
    real(name, meaning)
    for name, meaning in (
        ("target_value", "Target: service level, fill rate or critical ratio"), ("critical_ratio", "Underage / (underage + overage)"),
        ("window_mean", "Expected demand of the protection window"), ("window_variance", "Its variance"),
        ("window_p10", "Its 10 % quantile"), ("window_p50", "Its median"), ("window_p90", "Its 90 % quantile"),
        ("safety_stock", "Order-up-to level less expected demand"), ("order_up_to", "Level the order raises the position to"),
        ("reorder_point", "Level at which the policy orders, where it has one"), ("lead_time_days", "Order to goods on the floor, days"),
        ("moq", "Smallest order"), ("pack_size", "Order in multiples of this"), ("supply_share", "Share of the need bought from this source"),
        ("on_hand", "Book stock"), ("blocked", "Not for sale"), ("on_order_in_window", "Ordered, due inside the window"),
        ("on_order_later", "Ordered, due later"), ("backorders", "Owed to customers"), ("expected_waste", "Units expected to expire unsold"),
        ("inventory_position", "What the policy looks at"), ("presentation", "Presentation floor"), ("promo_units", "Units for promotions"),
        ("promo_demand", "Part of window_mean that promotions bring"),
        ("need", "max(0, target - position), before rules"), ("step_unit", "Rounding up to whole units"), ("step_moq", "Raised to the minimum order"),
        ("step_pack", "Rounded to packs"), ("step_cap", "Cut by shelf life, max stock, max order"), ("step_truck", "Supplier minimum and truck"),
        ("step_capacity", "Cut or moved by capacity"), ("step_fair_share", "Cut in a shortage"), ("step_budget", "Cut by budget"),
        ("step_lock", "Planner's lock"), ("p_stockout_without", "P(stock-out in the window) without the order"),
        ("p_stockout_with", "P(stock-out in the window) with it"), ("expected_lost_without", "Units lost without"),
        ("expected_lost_with", "Units lost with"), ("expected_waste_with", "Units wasted with"), ("cover_days_after", "Days of cover afterwards"),
        ("score", "Value per money spent of the last pack"),
    )
)  # fmt: skip

ORDER_LINES = Table(
    "order_lines", Zone.RESULTS, Kind.RESULT,
    "Order proposals and, with qty 0, why nothing is ordered: need + steps = qty on every line",
    ("cutoff", "scenario", "item_id", "location_id", "source_id"),
    (
        CUTOFF, SCENARIO, text("line_id", "Repeatable hash of cutoff, scenario and keys", required=True), text("order_id", "Order it belongs to"),
        text("order_type", "purchase or transfer"), ITEM, LOCATION, text("source_id", "Where it is ordered; empty when there is no source", default="", required=True),
        day("order_date", "Day to order"), day("delivery_date", "Day on the floor"), day("next_delivery_date", "Delivery of the next chance to order"),
        real("qty", "Units to order", unit="stock unit", required=True), text("unit", "Stock unit"), real("packs", "Packs"),
        real("unit_cost", "Cost of a unit", unit="money"), real("value", "Cost of the line", unit="money"),
        text("status", "auto, review, held or none", allowed=("auto", "review", "held", "none")),
        text("policy", "Policy that decided"), text("target_type", "cycle_service, fill_rate, economic..."),
        day("window_from", "First day the order must cover"), day("window_to", "Last day"), integer("protection_days", "Days covered"),
        *WHY_NUMBERS,
        flag("clamped", "Target outside the levels the forecast gave"), text("binding_rule", "Rule that decided the quantity"),
        text("reasons", "Codes in order of effect, separated by commas"), text("rules_used", "parameter=scope:value of each rule that won, separated by ;"),
        text("data_flags", "Problems of the inputs, separated by commas"), text("input_hash", "Hash of the inputs of the line"),
        text("policy_version", "Version of the code and hash of the rules in force"), text("forecast_id", "Run that made the forecast"), RUN,
    ),
    partition="cutoff",
)  # fmt: skip

EXCEPTIONS = Table(
    "exceptions", Zone.RESULTS, Kind.RESULT, "What a planner should look at", ("cutoff", "scenario", "code", "item_id", "location_id"),
    (
        CUTOFF, SCENARIO, text("code", "Reason code", required=True), ITEM, LOCATION,
        text("severity", "high, medium or low"), real("value_at_risk", "Money at stake", unit="money"), text("message", "The sentence a person reads"), RUN,
    ),
    partition="cutoff",
)  # fmt: skip

TABLES = (
    DEMAND, FORECASTS, WINDOW_DEMAND, EXPLANATIONS, BACKTEST_SCORES, ANOMALIES, QUALITY_RESULTS, ORDER_LINES, EXCEPTIONS,
)  # fmt: skip
