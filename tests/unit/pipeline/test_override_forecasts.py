from __future__ import annotations

from datetime import date, timedelta

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadParameter
from shelfcast.domain.quantiles import COLUMNS, level
from shelfcast.domain.tables import curated, results
from shelfcast.pipeline import override_forecasts
from shelfcast.pipeline.override_forecasts import apply, create, end, overridden

DAY = date(2026, 1, 5)
CATEGORIES = pl.DataFrame({"item_id": ["A", "B"], "category": ["fresh", "dry"]})


def model_rows(mean: float = 4.0) -> pl.DataFrame:
    rows = [
        {"cutoff": DAY, "scenario": "base", "stage": stage, "item_id": item, "location_id": place, "date": DAY + timedelta(days=d),
         "step": d, "mean": mean, "run_id": "r"} | {name: mean * (0.5 + level(name)) for name in COLUMNS}
        for stage in ("model", "final") for item in ("A", "B") for place in ("S1", "S2") for d in (1, 2, 3)
    ]  # fmt: skip
    return results.FORECASTS.conform(pl.DataFrame(rows))


@pytest.fixture
def platform():
    platform = in_memory()
    platform.tables.replace(results.FORECASTS, model_rows(), None)
    platform.tables.replace(curated.ITEMS, curated.ITEMS.conform(CATEGORIES), None)
    return platform


def make(platform, **more):
    body = {
        "items": ["A"], "locations": ["S1"], "category": "", "first": DAY + timedelta(days=1), "last": DAY + timedelta(days=2),
        "method": "multiply", "value": 1.5, "reason": "other", "note": "",
    }  # fmt: skip
    return create(platform, "dana", body | more)


def stage(platform, name):
    return (
        platform.tables.scan(results.FORECASTS)
        .filter(pl.col("stage") == name)
        .sort("item_id", "location_id", "date")
        .collect()
    )


@pytest.mark.parametrize(
    ("method", "value", "expected"), [("multiply", 1.5, 6.0), ("add", 3, 7.0), ("add", -9, 0.0), ("set", 10, 10.0)]
)
def test_each_method_moves_the_mean_and_keeps_quantiles_in_order(platform, method, value, expected):
    rows = overridden(
        model_rows().filter(pl.col("stage") == "model"), [make(platform, method=method, value=value)], CATEGORIES
    )
    assert rows.height == 2 and rows["mean"].to_list() == [expected] * 2
    grid = rows.select(COLUMNS).to_numpy()
    assert (grid[:, 1:] >= grid[:, :-1]).all() and (grid >= 0).all()


def test_overrides_act_in_the_order_they_were_made_and_by_category_too(platform):
    first = make(platform, items=[], locations=[], category="fresh", method="add", value=2)
    second = make(platform, items=["A"], locations=[], method="multiply", value=2)
    rows = overridden(model_rows().filter(pl.col("stage") == "model"), [first, second], CATEGORIES)
    assert set(rows["item_id"]) == {"A"} and set(rows["mean"]) == {12.0}
    assert set(rows["override_id"]) == {second.override_id}


def test_applying_is_repeatable_and_touches_only_what_is_overridden(platform):
    before = stage(platform, "final")
    make(platform)
    done = apply(platform, DAY)
    assert (done.series, done.rows) == (1, 2)
    once = stage(platform, "final")
    apply(platform, DAY)
    assert stage(platform, "final").equals(once)
    changed = once.join(before, on=["item_id", "location_id", "date"]).filter(pl.col("mean") != pl.col("mean_right"))
    assert changed.height == 2 and set(changed["mean"]) == {6.0}
    assert stage(platform, "planner").height == 2
    assert stage(platform, "model").equals(stage(platform, "model"))
    assert once.height == before.height


def test_an_ended_override_is_taken_back_and_stays_in_the_history(platform):
    before = stage(platform, "final")
    made = make(platform)
    apply(platform, DAY)
    end(platform, "dana", made.override_id, "off")
    apply(platform, DAY)
    assert stage(platform, "final").equals(before) and not stage(platform, "planner").height
    kept = override_forecasts.every(platform)
    assert [(one.active, one.ended_by) for one in kept] == [(False, "dana")]


def test_an_expired_override_no_longer_counts(platform):
    made = make(platform, expires_on=DAY - timedelta(days=1))
    assert not made.stands(DAY) and made.stands(DAY - timedelta(days=1))
    assert apply(platform, DAY).rows == 0


@pytest.mark.parametrize(
    "wrong", [{"method": "guess"}, {"value": -1}, {"value": float("nan")}, {"last": DAY - timedelta(days=9)}]
)
def test_what_cannot_be_is_refused(platform, wrong):
    with pytest.raises(BadParameter):
        make(platform, **wrong)
