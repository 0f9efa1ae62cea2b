"""Curated tables: what the retailer and the outside world told us, cleaned and merged by key."""

from __future__ import annotations

from shelfcast.domain.tables.schema import Column, Kind, Table, Zone, day, flag, instant, integer, real, text

ITEM_NAMES = (
    "item", "sku", "product", "product_id", "productid", "article", "article_id", "stockcode", "stock_code", "upc",
    "ean", "gtin", "material", "plu", "item_nbr", "item_no", "artikel", "artikelnummer",
)  # fmt: skip
LOCATION_NAMES = (
    "location", "store", "store_id", "storeid", "store_nbr", "shop", "shop_id", "site", "plant", "branch", "outlet",
    "warehouse", "store_no", "filiale", "location_code",
)  # fmt: skip
DATE_NAMES = (
    "ds", "day", "timestamp", "time", "datetime", "business_date", "sales_date", "sale_date", "transaction_date",
    "order_date", "invoicedate", "dt", "datum", "week", "month", "period", "week_start",
)  # fmt: skip
UNITS_NAMES = (
    "y", "quantity", "qty", "sales", "unit_sales", "sales_qty", "sold", "units_sold", "volume", "demand", "amount",
    "sale_amount", "menge", "sales_units", "target",
)  # fmt: skip

ITEM = text("item_id", "Item, as the retailer writes it", required=True, aliases=ITEM_NAMES)
LOCATION = text(
    "location_id", "Store or distribution centre, as the retailer writes it", required=True, aliases=LOCATION_NAMES
)
DATE = day("date", "First day of the period (local business date)", required=True, aliases=DATE_NAMES)
KNOWN_AT = instant("known_at", "When the row became known: the source's value, else end of period + publication lag")
SUPERSEDED_AT = instant("superseded_at", "When a correction took this row's place; null while it stands", derived=True)
LOADED_AT = instant(
    "loaded_at", "When Shelfcast loaded the row; never used for point in time", volatile=True, derived=True
)
LOAD_ID = text(
    "load_id", "The load that brought the row (content hash of file and mapping)", derived=True, volatile=True
)

FACT_ENDS: tuple[Column, ...] = (KNOWN_AT, SUPERSEDED_AT, LOADED_AT, LOAD_ID)
VINTAGE_ENDS: tuple[Column, ...] = (KNOWN_AT, LOADED_AT, LOAD_ID)
DIMENSION_ENDS: tuple[Column, ...] = (LOADED_AT, LOAD_ID)

CURRENCY_NAMES = ("unit_price", "selling_price", "sell_price", "sell_price_usd", "unit_price_gbp", "price_paid")

LOCATIONS = Table(
    "locations", Zone.CURATED, Kind.DIMENSION, "Stores and distribution centres", ("location_id",),
    (
        LOCATION,
        text("name", "Name on screens", aliases=("store_name", "location_name")),
        text("location_type", "store or dc", default="store", allowed=("store", "dc")),
        text("region", "Region or state", aliases=("state", "province", "city_id", "german_state", "state_id")),
        text("city", "City"),
        text("country", "ISO 3166 country code, for festivals", aliases=("country_code",)),
        text("time_zone", "IANA time zone of the local business day", default="UTC"),
        text("day_start", "Local time the business day begins (a till open past midnight)", default="00:00"),
        real("latitude", "For weather", unit="degrees", minimum=-90, maximum=90, aliases=("lat",)),
        real("longitude", "For weather", unit="degrees", minimum=-180, maximum=180, aliases=("lon", "lng")),
        day("open_from", "First trading day"),
        day("open_to", "Last trading day"),
        *DIMENSION_ENDS,
    ),
    loadable=True,
)  # fmt: skip

ITEMS = Table(
    "items", Zone.CURATED, Kind.DIMENSION, "What is sold", ("item_id",),
    (
        ITEM,
        text("name", "Name on screens", aliases=("item_name", "description", "product_name", "title")),
        text("department", "Top of the item hierarchy", aliases=("dept", "dept_id", "management_group_id", "division")),
        text("category", "Middle of the item hierarchy", aliases=("cat", "cat_id", "first_category_id", "category_id", "category_name", "product_category")),
        text("subcategory", "Bottom of the item hierarchy", aliases=("second_category_id", "subclass", "class", "product_subclass")),
        text("brand", "Brand"),
        text("unit", "Stock unit: each, kg, l", default="each", aliases=("uom", "unit_of_measure")),
        real("unit_step", "Smallest sellable amount of the stock unit (1 for pieces, 0.001 for weighed goods)", default=1.0, minimum=0, positive=True),
        real("volume", "Volume of a stock unit", unit="m3", minimum=0),
        real("weight", "Weight of a stock unit", unit="kg", minimum=0),
        day("launch_date", "First day on sale"),
        day("end_date", "Last day on sale"),
        text("reference_item", "Item whose history stands in for a new one"),
        real("reference_scale", "This item's level as a multiple of the reference item's", default=1.0, minimum=0),
        *DIMENSION_ENDS,
    ),
    loadable=True,
)  # fmt: skip

ATTRIBUTES = Table(
    "attributes", Zone.CURATED, Kind.DIMENSION,
    "Further static attributes of items and locations, one row each: store type, competition distance, price band...",
    ("entity", "entity_id", "attribute"),
    (
        text("entity", "item or location", required=True, allowed=("item", "location")),
        text("entity_id", "item_id or location_id", required=True),
        text("attribute", "Name of the attribute", required=True),
        text("value", "Value as text (numbers too: `number` holds them parsed)"),
        real("number", "Value, where it is a number"),
        *DIMENSION_ENDS,
    ),
    loadable=True,
)  # fmt: skip

SALES = Table(
    "sales", Zone.CURATED, Kind.FACT, "Units sold per item, location and period: observed, cut off by stock-outs",
    ("item_id", "location_id", "date"),
    (
        ITEM, LOCATION, DATE,
        real("units", "Units sold net of returns; negative when returns exceed sales", unit="stock unit", required=True, aliases=UNITS_NAMES),
        real("revenue", "Money taken, net of returns", unit="money", aliases=("sales_value", "turnover", "sales_eur", "sales_amount")),
        text("origin", "Where the row is from: file (also a database), or events summed up; a file's row is never touched by events", default="file", allowed=("file", "events"), derived=True),
        *FACT_ENDS,
    ),
    partition="date", references=(("item_id", "items"), ("location_id", "locations")), loadable=True,
)  # fmt: skip

AVAILABILITY = Table(
    "availability", Zone.CURATED, Kind.FACT, "How much of the selling day an item was in stock", ("item_id", "location_id", "date"),
    (
        ITEM, LOCATION, DATE,
        real("in_stock_share", "Share of the selling hours in stock; 0 = out all day", required=True, minimum=0, maximum=1, aliases=("availability", "in_stock")),
        real("first_out_hour", "Local hour of day when stock ran out", unit="hour", minimum=0, maximum=24),
        *FACT_ENDS,
    ),
    partition="date", references=(("item_id", "items"), ("location_id", "locations")), loadable=True,
)  # fmt: skip

OPENINGS = Table(
    "openings", Zone.CURATED, Kind.VINTAGE, "Days a location is open or closed, past and planned; a day without a row is open",
    ("location_id", "date"),
    (LOCATION, DATE, flag("open", "True if open to customers", required=True, aliases=("is_open",)), *VINTAGE_ENDS),
    partition="date", references=(("location_id", "locations"),), loadable=True,
)  # fmt: skip

PRICES = Table(
    "prices", Zone.CURATED, Kind.VINTAGE, "Selling price from a day until the next row of the series (price plan and history)",
    ("item_id", "location_id", "valid_from"),
    (
        ITEM, LOCATION,
        day("valid_from", "First day of the price", required=True, aliases=(*DATE_NAMES, "price_date", "date", "from_date", "start_date")),
        day("valid_to", "Last day, where the item is off sale afterwards; null = until the next row"),
        real("price", "Price a customer pays for a stock unit", unit="money", required=True, minimum=0, positive=True, aliases=CURRENCY_NAMES),
        real("regular_price", "Price without promotion, where known", unit="money", minimum=0, aliases=("list_price", "base_price")),
        *VINTAGE_ENDS,
    ),
    references=(("item_id", "items"), ("location_id", "locations")), loadable=True,
)  # fmt: skip

PROMOTIONS = Table(
    "promotions", Zone.CURATED, Kind.VINTAGE, "Promotions, run and planned", ("promotion_id", "item_id", "location_id", "first_date"),
    (
        text("promotion_id", "Promotion, as the retailer writes it", required=True, aliases=("promo_id", "campaign", "campaign_id")),
        text("item_id", "Item, or * for all items", required=True, aliases=ITEM_NAMES),
        text("location_id", "Location, or * for all locations", required=True, aliases=LOCATION_NAMES),
        day("first_date", "First day", required=True, aliases=("start_date", "from_date", "promo_start", "start")),
        day("last_date", "Last day, included", required=True, aliases=("end_date", "to_date", "promo_end", "end")),
        text("promotion_type", "Kind: price, display, mailer, bundle...", default="price", aliases=("promo_type", "mechanic")),
        real("discount_share", "Price cut as a share of the regular price", minimum=0, maximum=1, aliases=("discount",)),
        real("display_share", "Strength of display, 0 none to 1 full end of aisle", minimum=0, maximum=1, aliases=("display",)),
        real("display_qty", "Units needed to dress the display", unit="stock unit", minimum=0),
        day("build_up_from", "First day display stock may arrive; empty: the rule build_up_days before the first day"),
        real("pre_allocation_qty", "Units to have on the first morning, whatever sells before", unit="stock unit", minimum=0),
        real("sell_down_to", "Units beyond expected demand that may be left at the end", unit="stock unit", minimum=0),
        *VINTAGE_ENDS,
    ),
    loadable=True,
)  # fmt: skip

CALENDAR_EVENTS = Table(
    "calendar_events", Zone.CURATED, Kind.VINTAGE, "Festivals, public and school holidays, sport, pay days: known ahead",
    ("event", "scope", "scope_value", "date"),
    (
        text("event", "Name, the same every year", required=True, aliases=("event_name", "holiday", "festival", "event_name_1", "name")),
        text("event_type", "festival, public_holiday, school_holiday, sport, pay, other", default="festival", aliases=("type", "event_type_1")),
        text("scope", "Whom it concerns", default="all", allowed=("all", "country", "region", "location")),
        text("scope_value", "The country, region or location; * for all", default="*"),
        DATE,
        *VINTAGE_ENDS,
    ),
    loadable=True,
)  # fmt: skip

WEATHER = Table(
    "weather", Zone.CURATED, Kind.VINTAGE, "Daily weather by location: measured, and forecasts as they were issued",
    ("location_id", "date"),
    (
        LOCATION, DATE,
        real("temperature_c", "Mean temperature", unit="deg C", minimum=-90, maximum=60, aliases=("temp", "temperature", "mean_temperature_c", "avg_temperature")),
        real("temperature_max_c", "Highest temperature", unit="deg C", minimum=-90, maximum=65, aliases=("max_temperature_c",)),
        real("precipitation_mm", "Rain and snow", unit="mm", minimum=0, aliases=("precipitation", "rain", "precip", "precipitationmm")),
        real("humidity_pct", "Mean relative humidity", unit="%", minimum=0, maximum=100, aliases=("humidity", "avg_humidity")),
        real("wind_kmh", "Mean wind", unit="km/h", minimum=0, aliases=("wind", "wind_speed", "wind_level", "avg_wind_level")),
        real("cloud_share", "Cloud cover", minimum=0, maximum=1),
        flag("is_forecast", "True if issued before the day ended", default=False),
        *VINTAGE_ENDS,
    ),
    partition="date", references=(("location_id", "locations"),), loadable=True,
)  # fmt: skip

OBSERVATIONS = Table(
    "observations", Zone.CURATED, Kind.VINTAGE,
    "Any other number over time that may drive demand: customers, search trend, macro indicators. One row per value",
    ("name", "item_id", "location_id", "date"),
    (
        text("name", "Name of the measure", required=True),
        text("item_id", "Item, or * for all", default="*", aliases=ITEM_NAMES),
        text("location_id", "Location, or * for all", default="*", aliases=LOCATION_NAMES),
        DATE,
        real("value", "Value", required=True),
        text("role", "known_future or observed", default="observed", allowed=("known_future", "observed")),
        text("frequency", "How long a value holds: D, W, M", default="D", allowed=("D", "W", "M")),
        *VINTAGE_ENDS,
    ),
    partition="date", loadable=True,
)  # fmt: skip

POS_EVENTS = Table(
    "pos_events", Zone.CURATED, Kind.FACT, "Till lines: one scan, return or void", ("event_id",),
    (
        text("event_id", "Unique id of the line", required=True, aliases=("transaction_line_id", "line_id", "id")),
        instant("occurred_at", "When it was rung up (UTC)", required=True, aliases=("ts", "timestamp", "event_time", "invoicedate")),
        day("business_date", "Local business date by the location's time zone and day start", derived=True),
        ITEM, LOCATION,
        real("units", "Units; negative for a return", unit="stock unit", required=True, aliases=UNITS_NAMES),
        real("unit_price", "Price per unit paid", unit="money", aliases=("price", "unit_price_gbp")),
        text("event_kind", "sale, return, void or correction", default="sale", allowed=("sale", "return", "void", "correction")),
        text("receipt_id", "Receipt or invoice", aliases=("invoice", "invoice_id", "invoiceno", "basket_id", "transaction_id")),
        text("refers_to", "event_id a void or correction is about"),
        *FACT_ENDS,
    ),
    partition="business_date", loadable=True,
)  # fmt: skip

QUARANTINE = Table(
    "quarantine", Zone.CURATED, Kind.RESULT, "Rows that could not be used, each with its reason; nothing is dropped in silence",
    ("load_id", "source_line", "rule", "column"),
    (
        text("load_id", "The load that brought the row", required=True),
        text("table", "Table the row was meant for", required=True),
        text("source", "File or query it came from", required=True),
        integer("source_line", "Line or row number in the source, from 1 (header not counted)", required=True),
        text("column", "Column at fault", default=""),
        text("value", "What came"),
        text("rule", "Rule it broke", required=True),
        text("reason", "The sentence a person reads: what came, what is allowed, what to do", required=True),
        text("row", "The row as it came, as JSON"),
        instant("loaded_at", "When", volatile=True),
    ),
)  # fmt: skip

TABLES = (
    LOCATIONS, ITEMS, ATTRIBUTES, SALES, AVAILABILITY, OPENINGS, PRICES, PROMOTIONS, CALENDAR_EVENTS, WEATHER,
    OBSERVATIONS, POS_EVENTS, QUARANTINE,
)  # fmt: skip
