"""The doctor names what is wrong at each border and what to do, and changes nothing."""

from __future__ import annotations

import json
import random
from datetime import timedelta

import polars as pl
import pytest

from shelfcast.domain.errors import SourceDown
from shelfcast.domain.tables.curated import LOCATIONS
from shelfcast.lake.merge import merge
from shelfcast.pipeline.check_borders import Finding, Health, examine
from shelfcast.pipeline.fetch_outside import Outside, fetch
from shelfcast.pipeline.ingest_cdc import ingest_cdc
from shelfcast.pipeline.ingest_database import ingest_database
from shelfcast.pipeline.push_orders import Channel, push
from shelfcast.pipeline.receive_events import EventIntake, event_log
from shelfcast.ports.platform import Platform
from shelfcast.ports.source_reader import Query
from shelfcast.serve import attention
from shelfcast.sources.connectors import Place, Wanted
from shelfcast.sources.connectors.open_meteo import ForecastWeather
from tests.functional.erp_lake import NOW, approve, lake


def by_health(found: list[Finding], health: Health) -> dict[str, str]:
    return {one.border: one.seen for one in found if one.health is health}


class Down:
    def request(self, *_: object, **__: object) -> None:
        raise SourceDown("no route to host")

    def deliver(self, name: str, data: bytes) -> None:
        raise SourceDown("no route to host")


def event(number: int, **more: object) -> dict[str, object]:
    return {
        "event_id": str(number),
        "occurred_at": NOW.isoformat(),
        "item_id": "A",
        "location_id": "S",
        "units": 1,
    } | more


def fill(platform: Platform, **shop: object) -> None:
    known = {
        "location_id": "S",
        "time_zone": "Europe/Berlin",
        "latitude": 52.5,
        "longitude": 13.4,
        "country": "DE",
    } | shop
    merge(platform.tables, LOCATIONS, pl.DataFrame([known]), received_at=NOW)


def test_a_healthy_lake_has_nothing_to_do():
    platform = lake()
    fill(platform)
    found = examine(platform)
    assert {one.health for one in found} == {Health.OK} and not any(one.cure for one in found)
    assert [one.border for one in found] == [
        "lake", "locations", "till events", "outside sources", "databases", "quarantine", "ERP", "installation",
    ]  # fmt: skip
    assert platform.blobs.list("") == [] and platform.records.query("doctor") == []


def test_everything_that_is_wrong_is_named_with_its_cure():
    platform = lake()
    fill(platform, time_zone="Mars/Olympus", latitude=None, country=None)
    intake = EventIntake(event_log(platform), platform.clock)
    intake.receive(json.dumps([event(1), event(2, units="x")]).encode(), "till")
    fetch(
        platform,
        Outside(platform, Down(), wait=lambda _: None, luck=random.Random(0)),
        ForecastWeather(),
        Wanted([Place("S", 1, 1)]),
    )
    approve(platform, "r1")
    push(platform, Channel("erp", Down()), currency="EUR", wait=lambda _: None)
    platform.clock.advance(timedelta(days=4))
    found = examine(platform)
    (alert,) = [one for one in attention.find(platform) if one.cause == "erp.delivery"]
    assert (alert.severity, alert.says) == ("critical", "1 approved order lines do not reach the ERP")
    failed, warned = by_health(found, Health.FAILED), by_health(found, Health.WARNING)
    assert "Mars/Olympus" not in failed["locations"] and "(S)" in failed["locations"]
    assert failed["source weather-forecast"].startswith("down since 2026-03-10T06:00, last good never: ")
    assert "delivery erp-00000001 does not go out: no route to host" in failed["ERP"]
    assert warned["ERP"].startswith("1 order lines were sent over 3 days ago")
    assert set(warned) >= {"locations", "till events", "ERP"}
    assert "1 have no latitude and longitude (S)" in [one.seen for one in found]
    events = [one for one in found if one.border == "till events"]
    assert any("1 batches wait" in one.seen and one.cure == "shelfcast events ingest" for one in events)
    assert any("1 dead letters (invalid)" in one.seen for one in events)
    assert all(one.cure for one in found if one.health is not Health.OK)


def test_a_table_that_stopped_is_named_until_it_comes_in_again(tmp_path):
    platform = lake()
    fill(platform)
    folder = tmp_path / "shop" / "items"
    folder.mkdir(parents=True)
    (folder / "20260302-080000000.csv").write_text("item_id,name\nA,Apple\n")
    ingest_cdc(platform, tmp_path)
    query = Query(table="sales")
    with pytest.raises(SourceDown):
        ingest_database(platform, "sqlite:///none.db", query)
    found = [one for one in examine(platform) if one.health is Health.FAILED]
    alerts = [one for one in attention.find(platform) if one.cause == "source.down"]
    assert {one.subject for one in alerts} == {"shop.items", "sqlite:///none.db sales"}
    assert [one.border for one in found] == ["change files", "database"] and all(one.cure for one in found)
    assert (
        "shop.items does not come in since 2026-03-10 06:00 UTC: 20260302-080000000.csv has no column Op"
        in found[0].seen
    )
    (folder / "20260302-080000000.csv").write_text("Op,item_id,name\nI,A,Apple\n")
    ingest_cdc(platform, tmp_path)
    assert [one.border for one in examine(platform) if one.health is Health.FAILED] == ["database"]


def test_answers_of_the_erp_that_can_not_be_read_are_named():
    platform = lake()
    fill(platform)
    platform.blobs.put("dead_letters/erp/erp/x", b"{")
    assert "1 answers of the ERP" in by_health(examine(platform), Health.WARNING)["ERP"]


def test_a_check_that_breaks_is_a_finding_and_the_others_go_on():
    platform = lake()
    fill(platform)

    class NoDisk:
        def __getattr__(self, name: str) -> object:
            raise SourceDown("the disk is gone")

    from dataclasses import replace

    found = examine(replace(platform, blobs=NoDisk()))  # type: ignore[arg-type]
    assert by_health(found, Health.FAILED)["lake"] == "the disk is gone"
    assert "locations" in by_health(found, Health.OK)
