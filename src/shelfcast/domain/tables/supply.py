"""Curated tables of the supply side: stock, open orders, terms, calendars, rules."""

from __future__ import annotations

from shelfcast.domain.tables.curated import DIMENSION_ENDS, ITEM, ITEM_NAMES, LOCATION, VINTAGE_ENDS
from shelfcast.domain.tables.schema import Kind, Table, Zone, day, flag, instant, integer, real, text

SOURCE = text(
    "source_id",
    "Supplier, distribution centre or store the goods come from",
    required=True,
    aliases=("supplier", "supplier_id", "vendor", "vendor_id"),
)
DESTINATION = text(
    "destination_id", "Location the goods go to", required=True, aliases=("location_id", "store_id", "ship_to", "store")
)

STOCK = Table(
    "stock", Zone.CURATED, Kind.VINTAGE, "Book stock at the close of a business date", ("item_id", "location_id", "date"),
    (
        ITEM, LOCATION,
        day("date", "Business date at whose close this was the stock", required=True, aliases=("snapshot_date", "snapshot_at", "as_of")),
        real("on_hand", "Sellable units by the book; may be negative", unit="stock unit", required=True, aliases=("stock", "inventory", "qty_on_hand", "soh")),
        real("blocked", "Units not for sale", unit="stock unit", default=0.0, minimum=0),
        real("reserved", "Units promised to customers", unit="stock unit", default=0.0, minimum=0),
        real("backorders", "Units owed to customers", unit="stock unit", default=0.0, minimum=0),
        day("counted_at", "Day of the last count"),
        *VINTAGE_ENDS,
    ),
    partition="date", references=(("item_id", "items"), ("location_id", "locations")), loadable=True,
)  # fmt: skip

STOCK_LOTS = Table(
    "stock_lots", Zone.CURATED, Kind.VINTAGE, "Stock by expiry date", ("item_id", "location_id", "date", "expiry_date"),
    (
        ITEM, LOCATION, day("date", "Business date at its close", required=True),
        day("expiry_date", "Last day it may be sold", required=True),
        real("units", "Units of the lot", unit="stock unit", required=True, minimum=0),
        *VINTAGE_ENDS,
    ),
    loadable=True,
)  # fmt: skip

OPEN_ORDERS = Table(
    "open_orders", Zone.CURATED, Kind.VINTAGE, "Ordered and not yet received, as the ERP sees it at a close of day", ("order_id", "line_id", "date"),
    (
        text("order_id", "Purchase or transfer order", required=True, aliases=("po", "po_number", "order")),
        text("line_id", "Line of the order", default="1", aliases=("line", "po_line")),
        day("date", "Business date at whose close it was open", required=True, aliases=("snapshot_date", "as_of")),
        SOURCE, DESTINATION,
        text("item_id", "Item", required=True, aliases=ITEM_NAMES),
        real("qty_open", "Units still to come", unit="stock unit", required=True, minimum=0, aliases=("open_qty", "quantity", "qty")),
        real("confirmed_qty", "Units the supplier confirmed", unit="stock unit", minimum=0),
        day("ordered_on", "Day it was ordered", aliases=("order_date",)),
        day("promised_date", "Day it is promised", required=True, aliases=("due_date", "delivery_date", "eta")),
        text("state", "firm, sent, in_transit or proposed", default="sent", allowed=("firm", "sent", "in_transit", "proposed")),
        text("order_ref", "Our order line, where this one came from us"),
        *VINTAGE_ENDS,
    ),
    partition="date", loadable=True,
)  # fmt: skip

DELIVERIES = Table(
    "deliveries", Zone.CURATED, Kind.VINTAGE, "Goods received: the lead-time samples and the lots", ("order_id", "line_id", "received_on"),
    (
        text("order_id", "Order", required=True), text("line_id", "Line", default="1"),
        SOURCE, DESTINATION, text("item_id", "Item", required=True, aliases=ITEM_NAMES),
        day("ordered_on", "Day it was ordered", required=True),
        day("promised_date", "Day it was promised"),
        day("received_on", "Day it was on the floor", required=True, aliases=("delivery_date", "received_date")),
        real("units_ordered", "Units ordered", unit="stock unit", minimum=0),
        real("units", "Units received", unit="stock unit", required=True, minimum=0, aliases=("qty", "quantity", "units_received")),
        *VINTAGE_ENDS,
    ),
    partition="received_on", loadable=True,
)  # fmt: skip

SOURCING = Table(
    "sourcing", Zone.CURATED, Kind.DIMENSION, "Where an item can be ordered for a location, and on what terms; * stands for all",
    ("item_id", "destination_id", "source_id"),
    (
        text("item_id", "Item, or * for all", required=True, aliases=ITEM_NAMES),
        DESTINATION, SOURCE,
        text("source_type", "supplier, dc or store", default="supplier", allowed=("supplier", "dc", "store")),
        integer("priority", "1 is tried first", default=1, minimum=1),
        real("share", "Share of the need bought here when sourcing is split", default=1.0, minimum=0, maximum=1),
        real("lead_time_days", "Calendar days from order to goods on the floor", unit="days", minimum=0, aliases=("lead_time", "leadtime")),
        real("lead_time_sd_days", "Standard deviation of the lead time", unit="days", default=0.0, minimum=0),
        real("moq", "Smallest order of a line", unit="stock unit", default=0.0, minimum=0, aliases=("minimum_order_quantity", "min_order_qty")),
        real("pack_size", "Order in multiples of this", unit="stock unit", default=1.0, minimum=0, positive=True, aliases=("order_multiple", "case_pack", "pack", "multiple")),
        real("max_order_qty", "Largest order of a line", unit="stock unit", minimum=0),
        real("layer_qty", "Units on a pallet layer", unit="stock unit", minimum=0),
        real("pallet_qty", "Units on a pallet", unit="stock unit", minimum=0),
        real("pack_round_threshold", "Smallest share of a last pack that is still bought; 0 = always round up", default=0.0, minimum=0, maximum=1),
        real("unit_cost", "Purchase price of a stock unit", unit="money", minimum=0, aliases=("cost", "purchase_price")),
        real("order_cost", "Fixed cost of a line", unit="money", default=0.0, minimum=0),
        real("yield_share", "Share of ordered units that arrive", default=1.0, minimum=0, maximum=1),
        day("effective_from", "Valid from"), day("effective_to", "Valid to"),
        flag("assumed", "True where the terms were assumed, not given by the retailer", default=False),
        *DIMENSION_ENDS,
    ),
    loadable=True,
)  # fmt: skip

ORDER_CALENDAR = Table(
    "order_calendar", Zone.CURATED, Kind.DIMENSION, "Days on which a source takes orders and delivers; * stands for all destinations",
    ("source_id", "destination_id"),
    (
        SOURCE, DESTINATION,
        text("order_weekdays", "Weekdays orders are taken: Mon,Thu; empty = every day", default=""),
        text("delivery_weekdays", "Weekdays goods arrive; empty = every day", default=""),
        text("cut_off", "Local time orders close", default="23:59"),
        *DIMENSION_ENDS,
    ),
    loadable=True,
)  # fmt: skip

ORDER_DATES = Table(
    "order_dates", Zone.CURATED, Kind.DIMENSION, "Exceptions to the order calendar: extra, closed or paired days", ("source_id", "destination_id", "order_date"),
    (
        SOURCE, DESTINATION, day("order_date", "Day in question", required=True),
        flag("open", "False: no orders and no deliveries that day", default=True),
        day("delivery_date", "Fixed delivery day of an order placed that day"),
        *DIMENSION_ENDS,
    ),
    loadable=True,
)  # fmt: skip

ITEM_LOCATIONS = Table(
    "item_locations", Zone.CURATED, Kind.DIMENSION, "Terms of an item at a location: listing, shelf, life, money; * stands for all",
    ("item_id", "location_id"),
    (
        text("item_id", "Item, or * for all", required=True, aliases=ITEM_NAMES),
        text("location_id", "Location, or * for all", required=True, aliases=("store_id", "store", "location")),
        text("status", "Life-cycle status", default="active", allowed=("active", "new", "phase_out", "discontinued", "blocked")),
        day("start_date", "First selling day here"), day("end_date", "Last selling day here"),
        real("presentation_stock", "Units the shelf needs to look right", unit="stock unit", minimum=0),
        real("max_stock", "Shelf and back room", unit="stock unit", minimum=0),
        real("shelf_capacity", "Units the shelf holds; more goes to the back room", unit="stock unit", minimum=0),
        real("shelf_life_days", "Days of life at receipt; null = does not expire", unit="days", minimum=0),
        real("min_remaining_life_days", "Least life left to be sold", unit="days", default=0.0, minimum=0),
        real("fifo_share", "Share of customers who take the oldest unit", default=1.0, minimum=0, maximum=1),
        real("unit_price", "Selling price", unit="money", minimum=0),
        real("margin", "What a sold unit earns, where it isn't price less cost", unit="money", minimum=0),
        real("salvage", "Money got for an unsold unit at the end of its life", unit="money", default=0.0, minimum=0),
        real("disposal_cost", "Cost of throwing a unit away", unit="money", default=0.0, minimum=0),
        text("substitute_group", "Items that stand in for each other"),
        *DIMENSION_ENDS,
    ),
    loadable=True,
)  # fmt: skip

LIMITS = Table(
    "limits", Zone.CURATED, Kind.DIMENSION, "Truck, supplier, dock and budget limits", ("limit_type", "scope_value", "destination_id"),
    (
        text("limit_type", "What is limited", required=True, allowed=("supplier_min_value", "supplier_min_qty", "free_freight_value", "truck_volume", "truck_weight", "truck_pallets", "dock_qty", "budget_value", "dc_reserve_qty")),
        text("scope_value", "Supplier, DC, or category the limit is for", required=True),
        text("destination_id", "Destination, or * for all", default="*"),
        real("value", "The limit", required=True, minimum=0),
        day("valid_from", "From"), day("valid_to", "To"),
        *DIMENSION_ENDS,
    ),
    loadable=True,
)  # fmt: skip

RULES = Table(
    "rules", Zone.CURATED, Kind.DIMENSION, "Business rules by scope: the narrowest valid one wins and is named on every order line",
    ("scope", "scope_value", "item_id", "location_id", "parameter", "valid_from"),
    (
        text("scope", "How wide it holds", required=True, allowed=("default", "location", "supplier", "category", "item", "item_location")),
        text("scope_value", "The location, supplier or category; * otherwise", default="*"),
        text("item_id", "For scopes item and item_location", default="*"),
        text("location_id", "For scope item_location", default="*"),
        text("parameter", "What is set, e.g. target_cycle_service, target_fill_rate, review_period_days, policy", required=True),
        text("value", "The value, as text", required=True),
        day("valid_from", "First day it holds", required=True),
        day("valid_to", "Last day it holds; null = open end"),
        text("changed_by", "Who set it"), text("reason", "Why"),
        *DIMENSION_ENDS,
    ),
    loadable=True,
)  # fmt: skip

OVERRIDES = Table(
    "order_overrides", Zone.CURATED, Kind.DIMENSION, "Planner locks on orders", ("item_id", "location_id", "set_at"),
    (
        ITEM, LOCATION, instant("set_at", "When it was set", required=True),
        real("fixed_qty", "Order exactly this", minimum=0), real("min_qty", "At least", minimum=0), real("max_qty", "At most", minimum=0),
        day("skip_until", "Order nothing before this day"),
        text("set_by", "Planner", required=True), text("reason", "Why", required=True),
        day("expires_on", "Last day it holds"),
        *DIMENSION_ENDS,
    ),
    loadable=True,
)  # fmt: skip

TABLES = (
    STOCK, STOCK_LOTS, OPEN_ORDERS, DELIVERIES, SOURCING, ORDER_CALENDAR, ORDER_DATES, ITEM_LOCATIONS, LIMITS, RULES, OVERRIDES,
)  # fmt: skip
