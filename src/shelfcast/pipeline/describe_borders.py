"""The contract of every border as a page and a JSON Schema, made from the declarations the code itself uses."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any

from shelfcast.domain.tables import TABLES, Column, Table, Type
from shelfcast.pipeline.order_edi import UNITS
from shelfcast.pipeline.order_formats import OrderLine
from shelfcast.pipeline.push_orders import ACK_STATES, FORMATS, MOST_LINES
from shelfcast.pipeline.receive_events import MAX_WAITING_EVENTS, request_schema
from shelfcast.sources.cdc import OP_NAMES, OPS, SEQ_NAMES
from shelfcast.sources.connectors.festivals import MOST_LEAD_DAYS, OTHER_NAMES, OWN_COLUMNS
from shelfcast.sources.connectors.open_meteo import DAILY
from shelfcast.sources.connectors.stations import OURS
from shelfcast.sources.pos_events import AHEAD, MAX_BODY_BYTES, MAX_EVENTS, PosEvent
from shelfcast.sources.templates import columns_to_fill, csv_template

DRAFT = "https://json-schema.org/draft/2020-12/schema"
KINDS: Mapping[Type, Mapping[str, Any]] = {
    Type.TEXT: {"type": "string"}, Type.INTEGER: {"type": "integer"}, Type.REAL: {"type": "number"}, Type.FLAG: {"type": "boolean"},
    Type.DAY: {"type": "string", "format": "date"}, Type.INSTANT: {"type": "string", "format": "date-time"},
}  # fmt: skip


def row_schema(table: Table) -> dict[str, Any]:
    """JSON Schema of a row a source may bring for a table.

    >>> row_schema(TABLES["sales"])["required"]
    ['item_id', 'location_id', 'date', 'units']
    """
    columns = columns_to_fill(table)
    needed = [one.name for one in columns if (one.required or one.name in table.key) and one.default is None]
    return {
        "$schema": DRAFT, "title": table.name, "description": table.meaning, "type": "object", "required": needed,
        "properties": {one.name: _property(one, one.name in needed) for one in columns},
    }  # fmt: skip


def _property(column: Column, needed: bool) -> dict[str, Any]:
    found: dict[str, Any] = dict(KINDS[column.type])
    if not needed:
        found["type"] = [found["type"], "null"]
    found["description"] = column.meaning + (f" ({column.unit})" if column.unit else "")
    if column.allowed:
        found["enum"] = list(column.allowed) if needed else [*column.allowed, None]
    if column.minimum is not None:
        found["exclusiveMinimum" if column.positive and column.minimum == 0 else "minimum"] = column.minimum
    if column.maximum is not None:
        found["maximum"] = column.maximum
    if column.default is not None:
        found["default"] = column.default
    return found


ORDER_LINE: Mapping[str, tuple[str, str]] = {
    "order_ref": ("string", "Ours for the line; it comes back with acknowledgements and in `open_orders`"),
    "source_id": ("string", "The supplier or distribution centre it is ordered from"),
    "destination_id": ("string", "The location it is for"),
    "item_id": ("string", "The item, as the retailer writes it"),
    "qty": ("number", "Units of the stock unit"),
    "unit": ("string", "The stock unit"),
    "unit_cost": ("number", "Cost of a unit in the file's currency, where it is known"),
    "order_date": ("date", "Day it is ordered on"),
    "delivery_date": ("date", "Day it is wanted on"),
    "order_type": ("string", "purchase or transfer"),
}
"""Field of an order line -> (type, meaning)."""
ORDER_FIELDS = ("source_id", "destination_id", "order_date", "delivery_date", "order_type")
"""What the lines of one order have in common: it stands with the order in JSON, on each line in CSV."""


def orders_schema() -> dict[str, Any]:
    """JSON Schema of an order file in JSON."""

    def described(names: Iterable[str]) -> dict[str, Any]:
        found = {}
        for name in names:
            kind, meaning = ORDER_LINE[name]
            type_: dict[str, Any] = {"type": "string", "format": "date"} if kind == "date" else {"type": kind}
            if kind == "date" or name == "unit_cost":
                type_["type"] = [type_["type"], "null"]
            found[name] = type_ | {"description": meaning}
        return found

    on_line = [name for name in ORDER_LINE if name not in ORDER_FIELDS]
    line = {"type": "object", "required": on_line, "properties": described(on_line)}
    order = {
        "type": "object", "required": ["order_number", *ORDER_FIELDS, "lines"],
        "properties": {
            "order_number": {"type": "string", "description": "Unique on its channel"}, **described(ORDER_FIELDS),
            "lines": {"type": "array", "minItems": 1, "items": line},
        },
    }  # fmt: skip
    return {
        "$schema": DRAFT, "title": "orders", "type": "object", "required": ["delivery", "made_at", "currency", "orders"],
        "properties": {
            "delivery": {"type": "integer", "minimum": 1, "description": "Number of the file; it never repeats on a channel"},
            "made_at": {"type": "string", "format": "date-time"},
            "currency": {"type": "string", "minLength": 3, "maxLength": 3},
            "orders": {"type": "array", "minItems": 1, "items": order},
        },
    }  # fmt: skip


def change_schema() -> dict[str, Any]:
    """JSON Schema of what a row of a change file has beside the columns of its table."""
    return {
        "$schema": DRAFT, "title": "change", "type": "object", "required": ["Op"],
        "description": "A row of a change file: these columns, and those of its table as the mapping names them",
        "properties": {
            "Op": {"enum": list(OPS), "description": "Insert, update or delete; may be left out in a full load"},
            "AR_H_CHANGE_SEQ": {
                "type": ["string", "integer", "null"],
                "description": "Place of the change in the source's log, or when it was committed; orders changes across files",
            },
        },
    }  # fmt: skip


def calendar_schema() -> dict[str, Any]:
    """JSON Schema of a line of a retailer's own calendar."""
    day = {"type": "string", "format": "date"}
    optional_day = {"type": ["string", "null"], "format": "date"}
    days = {"type": ["integer", "null"], "minimum": 0, "maximum": MOST_LEAD_DAYS}
    properties: dict[str, Any] = {
        "event": {"type": "string", "minLength": 1, "description": "Name, the same every year"},
        "first_date": day, "last_date": optional_day | {"description": "The first day's own where it is left out"},
        "lead_days": days | {"description": "Days before that become an event of their own"},
        "lag_days": days | {"description": "Days after that become an event of their own"},
        **{name: row_schema(TABLES["calendar_events"])["properties"][name] for name in ("event_type", "scope", "scope_value")},
        "known_at": optional_day | {"description": "A year before the first day where it is left out"},
    }  # fmt: skip
    return {
        "$schema": DRAFT, "title": "calendar", "type": "object", "required": ["event", "first_date"],
        "properties": {name: properties[name] for name in OWN_COLUMNS},
    }  # fmt: skip


def acknowledgement_schema() -> dict[str, Any]:
    """JSON Schema of an acknowledgement file."""
    line = {
        "type": "object", "required": ["order_ref", "state"],
        "properties": {
            "order_ref": {"type": "string", "minLength": 1, "maxLength": 64, "description": "As it came with the order line"},
            "state": {"enum": list(ACK_STATES)}, "erp_order_id": {"type": ["string", "null"]},
            "qty": {"type": ["number", "null"], "minimum": 0, "description": "Confirmed units, where they differ"},
            "delivery_date": {"type": ["string", "null"], "format": "date", "description": "Confirmed day, where it differs"},
            "message": {"type": ["string", "null"], "maxLength": 500},
        },
    }  # fmt: skip
    listed = {"type": "array", "minItems": 1, "items": line}
    return {
        "$schema": DRAFT,
        "title": "acknowledgements",
        "oneOf": [listed, {"type": "object", "required": ["lines"], "properties": {"lines": listed}}],
    }


def schemas() -> dict[str, str]:
    """File name -> JSON Schema, for every border that has one."""
    found: dict[str, Any] = {
        f"{name}.schema.json": row_schema(table) for name, table in TABLES.items() if table.loadable
    }
    found["events-request.schema.json"] = {"$schema": DRAFT, "title": "body of POST /v1/events", **request_schema()}
    found["acknowledgements.schema.json"] = acknowledgement_schema()
    found["orders.schema.json"] = orders_schema()
    found["change.schema.json"] = change_schema()
    found["calendar.schema.json"] = calendar_schema()
    return {f"schemas/{name}": json.dumps(one, indent=1, ensure_ascii=False) + "\n" for name, one in found.items()}


def _grid(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    def cell(value: object) -> str:
        return str(value).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")

    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    return "\n".join([*lines, *("| " + " | ".join(map(cell, row)) + " |" for row in rows)]) + "\n"


def _index() -> str:
    rows = [
        ("[till events](events.md)", "in", "HTTP, replay, Kinesis records", "`pos_events`, `sales`"),
        (
            "[files and databases](files-and-databases.md)",
            "in",
            "CSV, Parquet, Excel; PostgreSQL, MySQL, MariaDB, SQLite",
            "every loadable table",
        ),
        ("[change files](change-files.md)", "in", "AWS DMS", "every loadable table"),
        (
            "[outside sources](outside-sources.md)",
            "in",
            "weather, festivals, macro",
            "`weather`, `calendar_events`, `observations`",
        ),
        ("[orders and acknowledgements](erp.md)", "out and back", "API, SFTP, webhook", "order lines"),
    ]
    return (
        "# Borders\n\nWhat may cross Shelfcast's border, in which shape, "
        "and what becomes of what can't be used. Everywhere holds: "
        "**rows in = rows kept + rows quarantined + rows dead-lettered**, the same input twice changes nothing, and "
        "`shelfcast doctor` says what is wrong at which border and what to do.\n\n"
        + _grid(("border", "way", "through", "into"), rows)
    )


def _events() -> str:
    columns = [
        (
            f"`{name}`",
            "yes" if one.is_required() else "",
            one.description or "",
            "" if one.default is None or one.is_required() else one.default,
        )
        for name, one in PosEvent.model_fields.items()
    ]
    return (
        "# Till events\n\n`POST /v1/events` with a token of role `erp`: a JSON "
        'array of events, `{"events": [...]}`, or a line of JSON each '
        f"([schema](schemas/events-request.schema.json)). At most {MAX_EVENTS:,} "
        f"events and {MAX_BODY_BYTES // 2**20} MB a request.\n\n"
        + _grid(("field", "needed", "meaning", "when left out"), columns)
        + "\nFields it doesn't know are kept in the raw zone and not used.\n\n"
        "## What is promised\n\n"
        "- **202** means the events are in the raw zone (create-only "
        "objects, written through to the disk). What was not answered may be sent again.\n"
        "- An event counts **once** by its `event_id`, however often and "
        "in whatever order it comes; sent again with other values "
        "it is a correction, known from then on.\n"
        f"- **429** with `Retry-After` when more than {MAX_WAITING_EVENTS:,} "
        "events wait to be written: send the same request again then.\n"
        "- A bad event never costs its neighbours: the answer names "
        "it, and it lies in the dead-letter folder with its reason "
        "(`shelfcast events dead-letters`); mended causes are retried with `shelfcast events retry`.\n\n"
        "## How events become sales\n\n"
        "The business date is the local day of the location (`time_zone`, "
        "`day_start`): a sale at 01:30 in a shop whose day starts at "
        f"04:00 belongs to the day before. An event more than {AHEAD.seconds // 60} "
        "minutes ahead of our clock (or known only then), or before 1990, is dead-lettered.\n\n"
        + _grid(
            ("kind", "counts"),
            (
                ("`sale`", "its units"),
                ("`return`", "minus its units, whatever their sign"),
                ("`void`", "the line `refers_to` names counts nothing; without it, minus its units"),
                (
                    "`correction`",
                    "the line `refers_to` names counts with these units (and price); without it, its units, signed",
                ),
            ),
        )
        + "\nA void or correction counts on the business date of the line it is about, however late; one whose line has not come yet waits. "
        "Only days that events touch are added up anew. **A row of `sales` "
        "that a file or database brought stands** (`origin`); "
        "events fill the rest, and rows that differ are counted.\n"
    )


def _files() -> str:
    rows = [
        (
            f"`{name}`",
            ", ".join(f"`{one}`" for one in row_schema(table)["required"]),
            f"[schema](schemas/{name}.schema.json)",
            f"`{csv_template(name).splitlines()[0]}`",
        )
        for name, table in TABLES.items()
        if table.loadable
    ]
    return (
        "# Files and databases\n\nFiles (CSV, TSV, Parquet, Excel, also .gz) "
        "and queries of PostgreSQL, MySQL, MariaDB and SQLite are read "
        "by a mapping that is inferred once, can be edited, and is kept for "
        "the next of the same shape ([how to](../../how-to/own-data.md)). "
        "`shelfcast template TABLE` prints the CSV template.\n\n"
        + _grid(("table", "needed", "schema of a row", "template"), rows)
        + "\n## What is promised\n\n"
        "- A row that can't be used is in the table `quarantine` with its line, what "
        "came, what is allowed and what to do; a load with too many of them "
        "is refused whole.\n"
        "- With `--watermark COLUMN` only rows past the last load come, and those "
        "that share the last one's value and came since. Loads go in parts; one "
        "that was killed goes on after its last part. Rows without a value in that column have no place in the order: they come "
        "at every load, which is told. A database shows a row when its transaction ends, which may be after later ones: "
        "`--overlap SECONDS` reads so far before the watermark again (rows known already change nothing). Rows deleted at the "
        "source are not seen this way; [change files](change-files.md) tell of them.\n"
        "- **Changed columns:** a new one is told and kept in the raw file. "
        "One that is gone, or holds something else, stops the load of that "
        "table; nothing of it is loaded, other tables go on.\n"
    )


def _changes() -> str:
    return (
        "# Change files\n\n`shelfcast cdc FOLDER` takes in what AWS DMS writes to "
        "S3 or a folder: `<schema>/<table>/LOAD*.csv` (full load) and change "
        "files, CSV with a header (`AddColumnName=true`) or Parquet, also .gz.\n\n"
        f"- Operation: a column named {', '.join(f'`{one}`' for one in OP_NAMES)} with I, U or D.\n"
        f"- Order: a column named {', '.join(f'`{one}`' for one in SEQ_NAMES)}; "
        "without one, the file's name (its time) and the row.\n"
        "- Everything else: the table's own columns, named as the source names them and mapped as a file's are "
        "([schema](schemas/change.schema.json); those of the tables: [files and databases](files-and-databases.md)). "
        "A change file of items, for example, begins:\n\n"
        f"```csv\nOp,AR_H_CHANGE_SEQ,{csv_template('items').splitlines()[0]}\n```\n\n"
        "Of every key the newest change counts, by that order. What was applied "
        "is remembered, so files that come again, under another name or out of "
        "order change nothing. A delete takes a description away and supersedes "
        "a fact (what was known before stays known); plans (prices, "
        "promotions) stay what was planned, which is told. A full load "
        "that comes again replaces what the stream brought.\n\n"
        "rows in = upserted + deleted + overtaken + repeated + quarantined. A "
        "table whose column is gone or holds something else stops by itself; "
        "`--accept-columns TABLE` takes the new form. Two runs at once take a table in one after the other: the second is told "
        "that it is `busy`; a run that was killed holds nobody up.\n"
    )


def _outside() -> str:
    weather = [(f"`{theirs}`", unit, f"`{ours}`") for theirs, (ours, unit, _) in DAILY.items()]
    stations = [(f"`{theirs}`", "", f"`{ours}`") for theirs, ours in OURS.items()]
    return (
        "# Outside sources\n\n`shelfcast connect` fetches what is new since the "
        "last good fetch. Every answer is kept in the raw zone; its rows are "
        "vintages: a forecast is kept as issued, and a backtest sees what was forecast then.\n\n"
        "| command | source | into |\n| --- | --- | --- |\n"
        "| `connect weather forecast` | Open-Meteo, the forecast as it stands | `weather`, known when fetched |\n"
        "| `connect weather archive` | Open-Meteo, measured days | `weather`, known at the end of the day |\n"
        "| `connect weather previous` | Open-Meteo, what was forecast 1 "
        "to 7 days before | `weather`, known that many days before |\n"
        "| `connect weather stations` | Meteostat's station files | `weather` "
        "of locations with attribute `weather_station` |\n"
        "| `connect holidays` | package `holidays`, offline | `calendar_events`, known a year ahead |\n"
        f"| `connect calendar FILE` | your own CSV: {', '.join(OWN_COLUMNS)} "
        "| `calendar_events`, spread into lead, own and lag days |\n"
        "| `connect fred SERIES=M` | FRED, every release of a value | `observations`, known on its day of release |\n"
        "| `connect world-bank INDICATOR` | World Bank, yearly | "
        "`observations`, known half a year after the year |\n\n"
        "## Weather, column by column\n\n"
        + _grid(("theirs", "unit", "ours"), [*weather, *stations])
        + "\n## Own calendars and school holidays\n\n"
        "`connect calendar FILE` reads CSV (comma, semicolon or tab), Excel or Parquet ([schema of a line](schemas/calendar.schema.json)):\n\n"
        f"```csv\n{','.join(OWN_COLUMNS)}\nSummer sale,2026-07-01,2026-07-03,2,1,festival,all,*,\n"
        "Autumn break,2026-10-26,2026-10-30,,,school_holiday,region,BY,\n```\n\n"
        "Columns may be called otherwise: "
        + "; ".join(f"`{name}` also {', '.join(f'`{one}`' for one in others)}" for name, others in OTHER_NAMES.items())
        + ". `--type school_holiday` says what lines are that don't say it.\n\n"
        "## What goes on where\n\nEach location, series and indicator goes on where it ended itself: one that is new gets "
        "its whole past (weather: from the first day of sales on), one that was left out for a time what it missed.\n"
        + "\n## When a source fails\n\n"
        "429, 5xx, no answer, half an answer: tried again up to five times, with pauses "
        "drawn at random and no shorter than `Retry-After`. Then the source is "
        "`down`: its last good values stay, `shelfcast connect status` says how old "
        "they are, and the next fetch goes on where the last good one ended. A "
        "4xx is told in the source's own words and not repeated. An answer in another "
        "form (a column gone, another unit) is not used; the source is `changed` "
        "until somebody looks, and the answer lies in the dead letters. One absurd "
        "value costs its row, which is quarantined. Our own clock counts; "
        "a server's that is off is told.\n"
    )


def _erp() -> str:
    lines = [(f"`{one.name}`", *ORDER_LINE[one.name]) for one in fields(OrderLine)]
    units = [(f"`{name}`", x12, edifact) for name, (x12, edifact) in UNITS.items()]
    return (
        "# Orders and acknowledgements\n\nApproved lines go out once, by whichever "
        "door comes first: the ERP pulls them (`POST /v1/erp/pulls`), or "
        "`shelfcast erp push` takes them to an SFTP folder, a webhook or a folder of this machine. From `approved` "
        "on a line counts as on order, until the ERP's own row with the same "
        "`order_ref` in `open_orders` takes its place.\n\n    proposed -> approved -> sent "
        "-> acknowledged -> in_transit -> received   (or rejected, cancelled)\n\n"
        f"Formats: {', '.join(f'`{name}`' for name in FORMATS)} (X12 850 "
        f"of 005010; EDIFACT ORDERS D.96A, EAN008); at most {MOST_LINES:,} lines a file, more go out in several. JSON has a "
        "[schema](schemas/orders.schema.json), the header of a CSV file is\n\n"
        f"```csv\norder_number,{','.join(ORDER_LINE)},currency\n```\n\nA line holds:\n\n"
        + _grid(("field", "type", "meaning"), lines)
        + "\n"
        + _grid(("stock unit", "X12", "EDIFACT"), units)
        + "\n## SFTP\n\nThe server's host key must be given and is compared before anything is sent. "
        "A file is written as `.NAME.part` (gone on with after a break), "
        "renamed, and followed by `NAME.sha256`: whoever sees that knows the file is whole. "
        "A file that is there already with the same content is not sent again; "
        "with other content it is an error. The ERP puts acknowledgements into "
        "`acks/` under the folder (written under another name and renamed); "
        "`shelfcast erp collect` reads them and moves them to `acks/done/`.\n\n"
        "## Folder\n\n`--folder PATH`, such as a mounted share: the same names, checksums and `acks/` as over SFTP. The demo's "
        "made-up ERP reads one.\n\n"
        "## Webhook\n\n`POST` with `Shelfcast-Signature: t=<unix seconds>,v1=<hex HMAC-SHA256 "
        'of "t.body">` and `Idempotency-Key`. Verify both the signature and '
        "that `t` is no older than five minutes. 2xx takes the delivery (and may answer "
        "with acknowledgements); 408, 425, 429 and 5xx are tried again with the same "
        "bytes and key; anything else is told.\n\n"
        "## Acknowledgements\n\n"
        "CSV with a header, or JSON ([schema](schemas/acknowledgements.schema.json)): `order_ref`, "
        f"`state` ({', '.join(ACK_STATES)}); `qty` and `delivery_date` where they "
        "differ; `erp_order_id`, `message`. As CSV:\n\n"
        "```csv\norder_ref,state,erp_order_id,qty,delivery_date,message\n```\n\nA file that can't be read changes nothing and "
        "lies in the dead letters (`dead_letters/erp/`), and so does a webhook's answer that means to hold lines and can't be read; a "
        "line that says what can't be is told by itself. Lines in = noted + refused + broken. "
        "The same file twice changes nothing.\n"
    )


def pages() -> dict[str, str]:
    """File name under `borders/` -> Markdown."""
    return {
        "README.md": _index(), "events.md": _events(), "files-and-databases.md": _files(), "change-files.md": _changes(),
        "outside-sources.md": _outside(), "erp.md": _erp(),
    }  # fmt: skip
