"""A replay on the lake: what it reads of the past, what it refuses, what it says it can't know, what it writes."""

from __future__ import annotations

import json
from dataclasses import replace as changed
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from shelfcast.adapters.local.engine import LocalEngine
from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadParameter, NotReady
from shelfcast.domain.tables import TABLES
from shelfcast.lake.as_of import end_of
from shelfcast.lake.replace import replace
from shelfcast.pipeline.past_forecasts import Forecaster
from shelfcast.pipeline.past_nights import PastTables
from shelfcast.pipeline.replay_orders import Request, replay_orders, write_replay
from shelfcast.pipeline.steps import Parameters, run_step
from shelfcast.ports.platform import Platform

BEGIN, DAYS = date(2026, 1, 5), 75
FIRST = BEGIN + timedelta(days=56)
LAST = FIRST + timedelta(days=6)
REQUEST = Request(
    FIRST, LAST, frontier=False, forecasts="baselines", warm_up_days=2, horizon=14, resamples=50, currency="EUR"
)


def put(platform: Platform, name: str, rows: list[dict[str, Any]]) -> None:
    replace(platform.tables, TABLES[name], TABLES[name].conform(pl.DataFrame(rows, infer_schema_length=None)), None)


def sales(days: int = DAYS, factor_from: int | None = None) -> list[dict[str, Any]]:
    """Two items at a store; from a day on all is ten times as much, where asked for."""
    draws = np.random.default_rng(3).poisson(5.0, (2, days))
    found = []
    for at, item in enumerate("ab"):
        for day in range(days):
            when = BEGIN + timedelta(days=day)
            units = float(draws[at, day]) * (10.0 if factor_from is not None and day >= factor_from else 1.0)
            found.append({"item_id": item, "location_id": "S1", "date": when, "units": units, "known_at": end_of(when)})
    return found


@pytest.fixture(scope="module")
def platform() -> Platform:
    found = in_memory()
    put(found, "sales", sales())
    terms = {"destination_id": "S1", "source_id": "SUP", "lead_time_days": 2.0, "unit_cost": 2.0, "pack_size": 6.0}
    put(found, "sourcing", [{"item_id": item, **terms} for item in "ab"])
    listing = {"location_id": "S1", "unit_price": 3.0}
    put(found, "item_locations", [{**listing, "item_id": "a"}, {**listing, "item_id": "b", "status": "discontinued"}])
    plan = {"item_id": "a", "location_id": "S1", "first_date": FIRST, "last_date": LAST}
    put(
        found, "promotions",
        [{**plan, "promotion_id": "known", "known_at": end_of(FIRST)}, {**plan, "promotion_id": "later", "known_at": end_of(LAST)}],
    )  # fmt: skip
    run_step(found, "features", Parameters(BEGIN + timedelta(days=DAYS - 1)))
    return found


@pytest.fixture(scope="module")
def played(platform: Platform) -> dict[str, Any]:
    return replay_orders(platform, changed(REQUEST, policies=("nightly", "target_cycle_service=0.7")))


def test_every_policy_gets_its_figures_and_is_measured_against_the_four(played: dict[str, Any]) -> None:
    assert list(played["kpis"]) == ["nightly", "target_cycle_service=0.7", "min_max", "cover", "normal", "perfect"]
    assert played["kpis"]["nightly"]["fill_rate"] > 0.8
    assert (
        played["kpis"]["nightly"]["promised_service"] > played["kpis"]["target_cycle_service=0.7"]["promised_service"]
    )
    for name in ("nightly", "target_cycle_service=0.7"):
        assert list(played["compared"][name]) == ["min_max", "cover", "normal", "perfect"]
        row = played["compared"][name]["perfect"]["total_cost"]
        assert row["low"] <= row["difference"] <= row["high"]
    assert played["task"]["item_locations"] == 2 and played["task"]["days"] == 7


def test_two_processes_give_the_same_figures_as_one(platform: Platform, played: dict[str, Any]) -> None:
    engine = LocalEngine(2)
    try:
        again = replay_orders(
            changed(platform, engine=engine), changed(REQUEST, policies=("nightly", "target_cycle_service=0.7"))
        )
    finally:
        engine.close()
    assert json.dumps(again) == json.dumps(played)


def test_what_the_data_cant_tell_is_said(played: dict[str, Any]) -> None:
    said = " ".join(played["notes"])
    assert "2 of 2 item-locations no stock is recorded" in said
    assert "sales are taken for demand" in said
    assert "Terms, listing, limits and calendars are those of today" in said


def test_page_and_figures_are_written(played: dict[str, Any], tmp_path: Path) -> None:
    written = write_replay(played, tmp_path / "out", tmp_path / "figures.json")
    assert [path.name for path in written] == ["figures.json", "replay.md", "replay.json"]
    page = written[1].read_text("utf-8")
    assert "| total cost | min_max |" in page and "What the data can't tell" in page
    assert json.loads(written[0].read_text("utf-8"))["task"]["first"] == FIRST.isoformat()


def test_the_frontier_is_a_table_and_a_picture(played: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    figures = played["kpis"]["nightly"]
    document = {**played, "frontier": {"nightly": [{"setting": 0.9, **figures}, {"setting": 0.95, **figures}]}}
    names = [path.name for path in write_replay(document, tmp_path, None)]
    assert names == ["replay.md", "frontier.png", "replay.json"]
    assert "![Stock against fill rate](frontier.png)" in (tmp_path / "replay.md").read_text("utf-8")


@pytest.mark.parametrize("forecasts", ["auto", "baselines"])
def test_a_forecast_of_a_past_night_knows_nothing_of_later_sales(
    platform: Platform, tmp_path: Path, forecasts: str
) -> None:
    other = in_memory()
    put(other, "sales", sales(factor_from=56))
    of_both = [Forecaster(one, FIRST, 14, tmp_path, 1_000_000, forecasts=forecasts) for one in (platform, other)]
    made = [one.made_at(FIRST - timedelta(days=1)) for one in of_both]
    assert [one.by for one in of_both] == ["trained" if forecasts == "auto" else "baselines"] * 2
    assert np.array_equal(made[0].mean, made[1].mean)
    assert np.array_equal(made[0].quantiles, made[1].quantiles)
    later = of_both[1].made_at(FIRST + timedelta(days=7))
    assert later.mean.mean() > 2.0 * made[0].mean.mean()


def test_the_champion_is_trained_on_days_before_the_replay_and_anew_when_the_nightly_run_would(
    platform: Platform, tmp_path: Path
) -> None:
    short = FIRST - timedelta(days=21)
    forecaster = Forecaster(platform, short, 14, tmp_path, 1_000_000)
    for days in (0, 20, 27, 34):
        forecaster.made_at(short + timedelta(days=days))
    # The first promotion becomes known on FIRST: a model that has never seen one can't go on.
    assert forecaster.trained_at == [short, FIRST + timedelta(days=6)]
    assert f"{short}, {FIRST + timedelta(days=6)}" in forecaster.why


def test_forecasts_nobody_makes_are_refused(platform: Platform, tmp_path: Path) -> None:
    with pytest.raises(BadParameter, match="forecasts 'crystal' is unknown"):
        Forecaster(platform, FIRST, 14, tmp_path, 1_000_000, forecasts="crystal")


def test_plans_count_from_the_night_they_were_known_and_todays_status_not_at_all(platform: Platform) -> None:
    tables = PastTables(platform, "", FIRST)
    assert tables.at(FIRST).promotions["promotion_id"].to_list() == ["known"]
    assert sorted(tables.at(LAST).promotions["promotion_id"].to_list()) == ["known", "later"]
    assert tables.at(FIRST).item_locations["status"].unique().to_list() == ["active"]


@pytest.mark.parametrize(
    ("request_", "words"),
    [
        (changed(REQUEST, first=LAST, last=FIRST), "lies after"),
        (changed(REQUEST, last=BEGIN + timedelta(days=DAYS)), "the demand history ends on"),
        (changed(REQUEST, first=BEGIN + timedelta(days=5)), "history begins on"),
        (changed(REQUEST, first=date(2020, 1, 1), last=date(2020, 2, 1)), "history begins on"),
        (changed(REQUEST, warm_up_days=None), "only warm up"),
        (changed(REQUEST, frequency="W"), "frequency is D"),
        (changed(REQUEST, policies=("clairvoyant",)), "is unknown"),
        (changed(REQUEST, truth=Path("nowhere.parquet")), "can't be read"),
        (changed(REQUEST, refresh_days=99), "1 to the horizon"),
    ],
)
def test_what_cant_be_played_is_refused_with_what_can(platform: Platform, request_: Request, words: str) -> None:
    with pytest.raises(BadParameter, match=words):
        replay_orders(platform, request_)


def test_without_terms_nothing_is_ordered_and_assumed_ones_are_named(platform: Platform) -> None:
    bare = in_memory()
    put(bare, "sales", sales())
    run_step(bare, "features", Parameters(BEGIN + timedelta(days=DAYS - 1)))
    with pytest.raises(NotReady, match="no terms of supply"):
        replay_orders(bare, REQUEST)
    terms = json.dumps({"sourcing": [{"lead_time_days": 1, "unit_cost": 1.0}], "stock_cover_days": 2})
    done = replay_orders(bare, changed(REQUEST, terms=terms))
    assert done["task"]["assumed_terms"] == 2
    assert any("assumed, not the retailer's" in note for note in done["notes"])
    assert any("isn't known" in note for note in done["notes"])


def test_true_demand_of_a_made_up_shop_is_played_where_it_is_given(
    platform: Platform, played: dict[str, Any], tmp_path: Path
) -> None:
    known = pl.DataFrame([row for row in sales() if row["date"] >= FIRST]).select(
        "item_id", "location_id", "date", demand=pl.col("units") * 2
    )
    known.write_parquet(tmp_path / "days.parquet")
    done = replay_orders(platform, changed(REQUEST, truth=tmp_path))
    assert done["task"]["true_demand"] == "given"
    assert done["kpis"]["nightly"]["fill_rate"] < played["kpis"]["nightly"]["fill_rate"]
