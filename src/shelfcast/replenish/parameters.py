"""Every parameter of the replenishment engine, declared once: meaning, unit, default and what is allowed.

A parameter's value for an order line is the one of the narrowest valid row of the `rules` table, else the default here.
The rules page, the reference page and the checks of loaded rules read this list.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shelfcast.domain.errors import BadParameter


class ParameterType(StrEnum):
    """How the text in `rules.value` is read."""

    NUMBER = "number"
    CHOICE = "choice"
    FLAG = "flag"


@dataclass(frozen=True)
class Parameter:
    """One thing a rule can set. `default` None means: not set (the engine works it out or leaves the step away)."""

    name: str
    type: ParameterType
    default: float | str | bool | None
    meaning: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    allowed: tuple[str, ...] = ()

    def check_scope(self, scope: str) -> None:
        """
        Raises:
            BadParameter: the parameter is read once for a whole run and the scope is narrower than that.
        """
        if self.name in RUN_WIDE and scope != "default":
            raise BadParameter(
                f"rule {self.name}: scope {scope} came; it holds for a whole run, so scope default alone is allowed."
            )

    def parse(self, text: str) -> float:
        """The value of a rule as a number: choices as their position in `allowed`, flags as 0 or 1.

        >>> PARAMETERS["target_cycle_service"].parse("0.98")
        0.98
        >>> PARAMETERS["policy"].parse("base_stock")
        0.0

        Raises:
            BadParameter: the text can't be read as this parameter's type or lies outside its bounds.
        """
        raw = text.strip()
        if self.type is ParameterType.CHOICE:
            if raw not in self.allowed:
                raise BadParameter.unknown(f"rule {self.name}", text, self.allowed)
            return float(self.allowed.index(raw))
        if self.type is ParameterType.FLAG:
            low = raw.lower()
            if low not in _TRUE | _FALSE:
                raise BadParameter(f"rule {self.name}: {text!r} came, true or false is allowed.")
            return float(low in _TRUE)
        try:
            value = float(raw)
        except ValueError as error:
            raise BadParameter(f"rule {self.name}: {text!r} came, a number is needed.") from error
        if not _within(value, self.minimum, self.maximum):
            bounds = f"{_bound(self.minimum, 'no lower limit')} to {_bound(self.maximum, 'no upper limit')}"
            raise BadParameter(f"rule {self.name}: {text!r} came, allowed: {bounds}.")
        return value

    @property
    def default_number(self) -> float:
        """The default as `parse` gives it; NaN where it is not set."""
        if self.default is None:
            return float("nan")
        if isinstance(self.default, bool):
            return float(self.default)
        if isinstance(self.default, str):
            return float(self.allowed.index(self.default))
        return float(self.default)

    def show(self, value: float) -> str:
        """A value as text, the inverse of `parse`.

        >>> PARAMETERS["policy"].show(0.0)
        'base_stock'
        """
        if value != value:
            return "not set"
        if self.type is ParameterType.CHOICE:
            return self.allowed[int(value)]
        if self.type is ParameterType.FLAG:
            return "true" if value else "false"
        return f"{value:g}"


RUN_WIDE = ("overdue_grace_days", "overdue_dead_days", "min_lead_time_samples")
"""Parameters read once for a whole run: a rule of a narrower scope would have no effect, so it is refused."""

_TRUE = {"true", "1", "yes", "y"}
_FALSE = {"false", "0", "no", "n"}


def _within(value: float, minimum: float | None, maximum: float | None) -> bool:
    above = value == value and (minimum is None or value >= minimum)
    return above and (maximum is None or value <= maximum)


def _bound(value: float | None, none: str) -> str:
    return none if value is None else f"{value:g}"


POLICIES = (
    "base_stock", "R_s_S", "R_s_nQ", "r_Q", "min_max", "reorder_level", "cover", "economic", "newsvendor_once",
    "time_phased",
)  # fmt: skip
TARGET_TYPES = ("auto", "cycle_service", "fill_rate", "economic", "class")
FAIR_SHARE_METHODS = ("equal_cover", "proportional", "economic")
UNMET_DEMAND = ("lost", "backorder")
CLASSES = ("AX", "AY", "AZ", "BX", "BY", "BZ", "CX", "CY", "CZ")
_CLASS_TARGETS = (0.98, 0.97, 0.95, 0.97, 0.95, 0.92, 0.95, 0.92, 0.88)


def _number(
    name: str,
    default: float | None,
    meaning: str,
    unit: str = "",
    minimum: float | None = 0.0,
    maximum: float | None = None,
) -> Parameter:
    return Parameter(name, ParameterType.NUMBER, default, meaning, unit, minimum, maximum)


def _choice(name: str, default: str, meaning: str, allowed: tuple[str, ...]) -> Parameter:
    return Parameter(name, ParameterType.CHOICE, default, meaning, allowed=allowed)


def _flag(name: str, default: bool, meaning: str) -> Parameter:
    return Parameter(name, ParameterType.FLAG, default, meaning)


_DECLARED: tuple[Parameter, ...] = (
    # What decides the level
    _choice("policy", "base_stock", "Rule that turns position and target into a need", POLICIES),
    _choice("target_type", "auto", "What the target promises; auto: as ruled, else economic where money is known, else by class", TARGET_TYPES),
    _number("target_cycle_service", 0.95, "Probability of no stock-out in a delivery cycle", "share", 0.0, 0.9999),
    _number("target_fill_rate", 0.97, "Share of demand met from stock at once", "share", 0.0, 0.9999),
    *(
        _number(f"class_target_{name}", target, f"Cycle service of class {name}: A-C by value, X-Z by variation", "share", 0.0, 0.9999)
        for name, target in zip(CLASSES, _CLASS_TARGETS)
    ),
    _number("dc_target_fill_rate", 0.97, "Fill rate of a distribution centre towards its stores", "share", 0.0, 0.9999),
    _choice("unmet_demand", "lost", "Whether demand that finds no stock is lost or waits", UNMET_DEMAND),
    # Money
    _number("holding_rate_per_year", 0.25, "Cost of holding a unit for a year as a share of its cost", "share a year"),
    _number("lost_sale_share", 1.0, "Share of unmet demand that is truly lost after substitution", "share", 0.0, 1.0),
    _number("goodwill", 0.0, "Cost of disappointing a customer, above the lost margin", "money a unit"),
    # Demand
    _number("day_correlation", 0.2, "Correlation of demand from day to day, used when days are added", "", -0.2, 0.95),
    _number("new_item_cv", 0.6, "Extra uncertainty of a new item as a share of its mean demand", "share"),
    _number("new_item_days", 28, "Selling days until an item no longer counts as new", "days"),
    _number("min_lead_time_samples", 10, "Deliveries needed before observed lead times replace mean and deviation", "deliveries", 1.0),
    # Levels set by hand
    _number("reorder_point", None, "Position at or below which R_s_S, r_Q and reorder_level order", "stock unit"),
    _number("order_up_to", None, "Level an order raises the position to (R_s_S)", "stock unit"),
    _number("order_quantity", None, "Units of one order (r_Q, reorder_level)", "stock unit"),
    _number("min_level", None, "Minimum of the min_max policy", "stock unit"),
    _number("max_level", None, "Maximum of the min_max policy", "stock unit"),
    _number("cover_days", 7, "Days of mean demand kept beyond the window (policy cover)", "days"),
    _number("presentation_stock", None, "Units the shelf needs to look right; wins over the listing's own value", "stock unit"),
    _number("min_stock", None, "Least level to raise the position to, whatever the demand", "stock unit"),
    _number("max_stock", None, "Most units that fit; wins over the listing's own value", "stock unit"),
    # Time
    _number("review_period_days", None, "Least days between two orders", "days", 1.0),
    _number("default_lead_time_days", None, "Lead time where neither the terms nor the source's other items have one", "days"),
    _flag("same_day", False, "Allow a lead time of 0: ordered and on the floor the same day"),
    _number("source_wait_days", 14, "A source without an order day within this many days gives way to the next", "days", 1.0),
    # Stock and open orders
    _number("overdue_grace_days", 3, "An overdue open order counts as due in this many days", "days"),
    _number("overdue_dead_days", 21, "An open order overdue for longer no longer counts", "days"),
    _number("negative_stock_days", 5, "Book stock below minus this many days of demand sends the line to review", "days"),
    _number("max_snapshot_age_hours", 36, "Stock older than this is an exception", "hours"),
    # Perishables
    _number("max_waste_prob", 0.5, "Most probable share of not selling the last unit within its shelf life", "share", 0.01, 0.99),
    # Caps
    _number("layer_round_share", None, "Fill the last pallet layer if at least this share of it is ordered; not set: packs only", "share", 0.0, 1.0),
    _number("pallet_round_share", None, "Fill the last pallet if at least this share of it is ordered; not set: packs only", "share", 0.0, 1.0),
    _flag("keep_one_pack", False, "Keep one pack when a cap leaves nothing and a stock-out is likely"),
    _number("keep_one_pack_risk", 0.2, "P(stock-out) above which one pack is kept", "share", 0.0, 1.0),
    # Orders to a source
    _number("max_topup_cover_days", 14, "Most days of cover a top-up to the supplier's minimum or a truck may build", "days"),
    _number("hold_risk", 0.01, "An order under the supplier's minimum waits if P(stock-out) of no line rises by more", "share", 0.0, 1.0),
    _number("truck_fill_share", 0.0, "Top trucks up to this share of their capacity; 0 = no truck fill", "share", 0.0, 1.0),
    _choice("fair_share_method", "equal_cover", "How a distribution centre shares what it has", FAIR_SHARE_METHODS),
    _number("build_up_days", 3, "Days before a promotion on which display stock may arrive", "days"),
    # Approval
    _number("auto_approve_max_value", 5000, "A line of lower value needs no person", "money"),
    _number("auto_approve_max_multiple", 3, "A line under this multiple of the usual order needs no person", "times"),
    _number("absurd_multiple", 50, "A line above this multiple of the usual order is always looked at", "times", 1.0),
    _number("censored_share_limit", 0.3, "Share of days cut off by stock-outs above which a forecast must be unconstrained", "share", 0.0, 1.0),
)  # fmt: skip

PARAMETERS: dict[str, Parameter] = {parameter.name: parameter for parameter in _DECLARED}


def parameter(name: str) -> Parameter:
    """The declaration of a parameter.

    Raises:
        BadParameter: no such parameter; the message lists those there are.
    """
    if name not in PARAMETERS:
        raise BadParameter.unknown("parameter", name, PARAMETERS, "Correct the `parameter` column of the rules.")
    return PARAMETERS[name]
