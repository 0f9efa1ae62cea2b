"""The other side of the simulated year: tills, nightly files, an ERP that receives orders into stock, and their faults.

The shop is the simulator's, run on day by day; what reaches it is what the ERP accepted of the files Shelfcast sent, and what
Shelfcast knows is what comes out of its feeds. An ERP's answer is the fake ERP's; goods come when the simulator's lorries do.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

import polars as pl
from year_faults import Planted

from shelfcast.adapters.local.folder_delivery import FolderDelivery
from shelfcast.domain.errors import ShelfcastError, SourceDown
from shelfcast.pipeline import fake_erp
from shelfcast.pipeline.deliver_orders import Acknowledgement
from shelfcast.pipeline.fake_erp import Temper
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.push_orders import sent_lines
from shelfcast.pipeline.receive_events import EventIntake, event_log
from shelfcast.ports.file_delivery import Receipt
from shelfcast.ports.platform import Platform
from shelfcast.sources.simulator.feed_faults import with_fault
from shelfcast.sources.simulator.live_shop import LiveShop, ShopDay

FEEDS = ("sales", "availability", "stock", "open_orders", "deliveries", "weather", "prices", "promotions")
TEMPER = Temper(delayed=0.0)
"""Goods are late by the lorries; the ERP itself promises no other day."""
TILL_BATCH = 400
ORDER_SCHEMA = {"item_id": pl.String, "destination_id": pl.String, "qty": pl.Float64}


class Door(FolderDelivery):
    """The ERP's folder, which can be shut."""

    shut = False

    def deliver(self, name: str, data: bytes) -> Receipt:
        if self.shut:
            raise SourceDown("the ERP's share doesn't answer.")
        return super().deliver(name, data)

    def collect(self) -> list[tuple[str, bytes]]:
        if self.shut:
            raise SourceDown("the ERP's share doesn't answer.")
        return super().collect()


@dataclass
class Retailer:
    """Everything outside of Shelfcast. Kept between two pieces of the run."""

    live: LiveShop
    accepted: list[tuple[str, str, str, float]] = field(default_factory=list)
    """(order_ref, item, destination, units) the ERP took since the last evening."""
    placed: dict[tuple[str, str, str], list[str]] = field(default_factory=dict)
    """Lines under way: (ordered on, destination, item) -> our references."""
    held_back: list[tuple[str, pl.DataFrame]] = field(default_factory=list)
    """Rows that come later: (feed, rows)."""
    counts: dict[str, int] = field(default_factory=dict)

    def count(self, what: str, number: int = 1) -> None:
        self.counts[what] = self.counts.get(what, 0) + number

    def answer_orders(self, platform: Platform, door: Path) -> None:
        """The ERP reads what was sent and leaves its answers in `acks/`."""
        waiting = sent_lines(platform).filter(pl.col("state") == "sent").to_dicts()
        said = fake_erp.answer(waiting, platform.clock.now().date(), TEMPER)
        places = {one.location_id: one for one in (*self.live.stores, *self.live.centres)}
        answers = []
        for line, one in zip(waiting, said, strict=True):
            place = places[line["location_id"]]
            row = place.row[line["item_id"]]
            if one.state != "rejected" and not place.supply.can_order[place.supply.route[row], place.state.day - 1]:
                one = Acknowledgement(
                    one.order_ref, "rejected", one.erp_order_id, message="the supplier takes none today"
                )
                self.count("lines on a day without ordering")
            elif one.state != "rejected":
                units = float(line["qty"]) if one.qty is None else one.qty
                self.accepted.append((one.order_ref, line["item_id"], line["location_id"], units))
            self.count(f"lines {one.state}")
            answers.append(one)
        _leave(door, answers)

    def evening(self, planted: Sequence[Planted], door: Path) -> tuple[ShopDay, ShopDay]:
        """Live a day with the orders taken: (as it was, as its feeds tell it). Goods received are told to the ERP's folder."""
        before = self.live.last_day.isoformat()
        orders = pl.DataFrame(
            [one[1:] for one in self.accepted], schema=ORDER_SCHEMA, orient="row"
        ).group_by("item_id", "destination_id").agg(pl.col("qty").sum()).sort("item_id", "destination_id")  # fmt: skip
        day = self.live.next_day(orders)
        for ref, item, place, _ in self.accepted:
            self.placed.setdefault((before, place, item), []).append(ref)
        self.accepted = []
        _leave(door, self._receipts(day, before))
        day = _with_references(day, self.placed)
        told = day
        for one in planted:
            if one.kind == "feed":
                told = with_fault(told, one.detail)
        return day, told

    def _receipts(self, day: ShopDay, before: str) -> list[Acknowledgement]:
        """What came today closes its lines; a line that neither came nor is under way was cancelled by the supplier."""
        said = []
        came = day.deliveries.select(pl.col("ordered_on").cast(pl.String), "destination_id", "item_id", "units")
        for ordered_on, place, item, units in came.iter_rows():
            for ref in self.placed.pop((ordered_on, place, item), []):
                said.append(Acknowledgement(ref, "received", qty=float(units), message="goods receipt posted"))
        under_way = set(
            day.open_orders.select(pl.col("ordered_on").cast(pl.String), "destination_id", "item_id").iter_rows()
        )
        for key in [one for one in self.placed if one[0] == before and one not in under_way]:
            said += [Acknowledgement(ref, "cancelled", message="not available") for ref in self.placed.pop(key)]
        for one in said:
            self.count(f"lines {one.state}")
        return said

    def send_till_lines(self, platform: Platform, day: ShopDay) -> None:
        """The day's till lines, through the door every sender uses."""
        intake = EventIntake(event_log(platform), platform.clock)
        lines = day.pos_events.sort("occurred_at").with_columns(
            pl.col("occurred_at").dt.strftime("%Y-%m-%dT%H:%M:%SZ")
        )  # fmt: skip
        for part in lines.iter_slices(TILL_BATCH):
            rows = [{k: v for k, v in one.items() if v is not None} for one in part.to_dicts()]
            receipt = intake.receive(json.dumps(rows).encode(), "tills")
            self.count("till lines", receipt.accepted)
            self.count("till lines refused", len(receipt.dead))

    def send_files(self, platform: Platform, told: ShopDay, planted: Sequence[Planted], folder: Path) -> None:
        """The night's files, loaded as `shelfcast ingest` does."""
        kinds = {one.kind for one in planted}
        folder = folder / told.day.isoformat()
        folder.mkdir(parents=True, exist_ok=True)
        files = []
        for name in FEEDS:
            rows: pl.DataFrame = getattr(told, name)
            if name in ("sales", "availability") and "late" in kinds:
                self.held_back.append((name, rows))
                continue
            waiting = [late for feed, late in self.held_back if feed == name]
            self.held_back = [one for one in self.held_back if one[0] != name]
            rows = pl.concat([*waiting, rows])
            if rows.is_empty():
                continue
            path = folder / f"{name}-{told.day}.parquet"
            if name == "sales" and "damaged" in kinds:
                path.write_bytes(b"PAR1 this is what is left after the line broke")
                self.held_back.append((name, rows))
            else:
                rows.write_parquet(path)
            files.append(path)
        self._load(platform, files)
        if "twice" in kinds:
            self._load(platform, files)

    def _load(self, platform: Platform, files: Sequence[Path]) -> None:
        try:
            reports = ingest_files(platform, files)
        except ShelfcastError:
            reports = []
            for path in files:
                try:
                    reports += ingest_files(platform, [path])
                except ShelfcastError:
                    self.count("files refused")
        self.count("files", len(reports))
        self.count("rows in files", sum(one.rows_in for one in reports))
        self.count("rows quarantined", sum(one.quarantined for one in reports))


def _with_references(day: ShopDay, placed: dict[tuple[str, str, str], list[str]]) -> ShopDay:
    """The ERP's open orders with our reference on each line."""
    from dataclasses import replace

    known = pl.DataFrame(
        [(*key, refs[-1]) for key, refs in placed.items()],
        schema={"day": pl.String, "destination_id": pl.String, "item_id": pl.String, "order_ref": pl.String}, orient="row",
    )  # fmt: skip
    rows = day.open_orders.with_columns(day=pl.col("ordered_on").cast(pl.String))
    rows = rows.join(known, on=["day", "destination_id", "item_id"], how="left", maintain_order="left").drop("day")
    return replace(day, open_orders=rows)


def _leave(door: Path, said: Sequence[Acknowledgement]) -> None:
    if not said:
        return
    data, acks = fake_erp.as_file(said), door / "acks"
    acks.mkdir(parents=True, exist_ok=True)
    name = f"acks-{hashlib.sha256(data).hexdigest()[:12]}.json"
    (acks / f".{name}.part").write_bytes(data)
    (acks / f".{name}.part").replace(acks / name)


def service_of(day: ShopDay, costs: pl.DataFrame) -> dict[str, Any]:
    """What the truth says of a day in the stores: units wanted, sold, wasted, and stock, in units and money."""
    rows = day.truth.filter(pl.col("location_id").str.starts_with("S")).join(costs, on="item_id", how="left")
    lost = (pl.col("demand") - pl.col("sold")).clip(lower_bound=0)
    listed = rows.filter(pl.col("demand").is_not_null())
    return {
        "day": day.day.isoformat(),
        **rows.select(
            demand=pl.col("demand").sum(), sold=pl.min_horizontal("sold", "demand").sum(), lost_margin=(lost * pl.col("margin")).sum(),
            wasted_value=(pl.col("wasted") * pl.col("unit_cost")).sum(), received_value=(pl.col("received") * pl.col("unit_cost")).sum(),
            stock_value=(pl.col("on_hand") * pl.col("unit_cost")).sum(), sold_value=(pl.col("sold") * pl.col("unit_cost")).sum(),
        ).row(0, named=True),
        "cells": listed.height, "cells_out": listed.filter(pl.col("in_stock_share") < 1).height,
    }  # fmt: skip


def costs_of(live: LiveShop) -> pl.DataFrame:
    items = live.world.items
    cost = pl.Series(items.unit_cost, dtype=pl.Float64)
    return pl.DataFrame(
        {"item_id": items.item_id, "unit_cost": cost, "margin": pl.Series(items.price, dtype=pl.Float64) - cost}
    )


def moment_of(day: date, clock: str) -> datetime:
    from datetime import UTC

    return datetime.fromisoformat(f"{day.isoformat()}T{clock}:00").replace(tzinfo=UTC)
