"""The whole cycle through the real commands: files in, forecasts and orders out."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from tests.functional.shops import ENVIRONMENT, result_hashes, shelfcast


@pytest.fixture(scope="module")
def shop(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    shelfcast("simulate", folder, "--stores=2", "--items=24", "--days=430", "--seed=7")
    return folder


@pytest.fixture(scope="module")
def done(shop, tmp_path_factory) -> Path:
    """A lake on which the cycle has run."""
    lake = tmp_path_factory.mktemp("done")
    shelfcast("init", lake)
    shelfcast("ingest", "--lake", lake, "--yes", shop)
    shelfcast("run", "--lake", lake)
    return lake


def test_every_series_gets_a_forecast_for_every_day(done):
    from shelfcast.bootstrap import open_platform
    from shelfcast.domain.quantiles import COLUMNS
    from shelfcast.domain.tables import results

    tables = open_platform(done).tables
    rows = tables.scan(results.FORECASTS).filter(pl.col("stage") == "final").collect()
    series = rows.group_by("item_id", "location_id").len()
    assert series.height > 40
    assert set(series["len"]) == {28}
    values = rows.select(COLUMNS).to_numpy()
    assert (values[:, 1:] >= values[:, :-1]).all(), "quantiles cross"
    returned = tables.scan(results.DEMAND).filter(pl.col("demand") < 0).select("item_id", "location_id").collect()
    never_negative = rows.join(returned, on=["item_id", "location_id"], how="anti")
    assert never_negative.height > rows.height / 2
    assert (never_negative.select(COLUMNS).to_numpy() >= 0).all()


def test_need_and_steps_add_up_on_every_order_line(done):
    from shelfcast.bootstrap import open_platform
    from shelfcast.domain.tables import results

    lines = open_platform(done).tables.scan(results.ORDER_LINES).collect()
    steps = [name for name in lines.columns if name.startswith("step_")]
    assert lines.filter(pl.col("qty") > 0).height > 0
    gap = lines.select((pl.col("need") + pl.sum_horizontal(steps) - pl.col("qty")).abs().max()).item()
    assert gap < 1e-9


def test_an_explanation_adds_up_to_its_forecast_exactly(done):
    from shelfcast.bootstrap import open_platform
    from shelfcast.domain.tables import results

    tables = open_platform(done).tables
    key = ["item_id", "location_id", "date"]
    explained = tables.scan(results.EXPLANATIONS).group_by(key).agg(pl.col("micro_units").sum()).collect()
    final = tables.scan(results.FORECASTS).filter(pl.col("stage") == "model").select(*key, "mean").collect()
    both = explained.join(final, on=key)
    assert both.height == explained.height > 0
    assert ((both["mean"] * 1e6).round().cast(pl.Int64) == both["micro_units"]).all()


def test_running_again_changes_nothing_and_says_so(done):
    before = result_hashes(done)
    again = shelfcast("run", "--lake", done)
    assert "unchanged" in again.stderr
    assert result_hashes(done) == before


def test_the_same_files_in_another_lake_with_two_workers_give_the_same_results(shop, done, tmp_path):
    shelfcast("init", tmp_path / "lake")
    shelfcast("ingest", "--lake", tmp_path / "lake", "--yes", shop)
    shelfcast("run", "--lake", tmp_path / "lake", "--workers=2")
    assert result_hashes(tmp_path / "lake") == result_hashes(done)


def test_killed_at_random_points_and_run_again_gives_the_same_results(shop, done, tmp_path):
    lake = tmp_path / "lake"
    shelfcast("init", lake)
    seed = random.randrange(10_000)
    print("seed of the kills:", seed)
    rng = random.Random(seed)
    for command in (["ingest", "--lake", str(lake), "--yes", str(shop)], ["run", "--lake", str(lake)]):
        kills = 0
        while True:
            process = subprocess.Popen(
                [sys.executable, "-m", "shelfcast", *command],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                env=ENVIRONMENT,
            )
            try:
                process.wait(timeout=rng.uniform(1.5, 9) if kills < 4 else 300)
                assert process.returncode == 0
                break
            except subprocess.TimeoutExpired:
                process.send_signal(signal.SIGKILL)
                process.wait()
                kills += 1
    assert result_hashes(lake) == result_hashes(done)


def test_the_exported_file_has_the_lakes_numbers(done, tmp_path):
    from shelfcast.bootstrap import open_platform
    from shelfcast.domain.tables import results

    for format in ("csv", "parquet"):
        shelfcast("export", "forecasts", "--lake", done, "--format", format, "-o", tmp_path / f"f.{format}")
    final = open_platform(done).tables.scan(results.FORECASTS).filter(pl.col("stage") == "final").collect()
    parquet = pl.read_parquet(tmp_path / "f.parquet")
    csv = pl.read_csv(tmp_path / "f.csv", try_parse_dates=True)
    assert parquet.height == csv.height == final.height
    assert csv["mean"].sum() == pytest.approx(final["mean"].sum(), rel=1e-12)


def test_status_and_tables_explain_what_is_there(done):
    status = shelfcast("status", "--lake", done).stdout
    for step in ("quality", "features", "train", "forecast", "replenish"):
        assert step in status
    tables = shelfcast("tables", "--lake", done).stdout
    assert "sales" in tables and "order_lines" in tables


def test_a_folder_that_is_no_lake_is_named_with_the_cure(tmp_path):
    refused = shelfcast("run", "--lake", tmp_path, check=False)
    assert refused.returncode == 2
    assert "shelfcast init" in refused.stderr and "Traceback" not in refused.stderr


def test_a_cycle_without_data_says_what_to_load(tmp_path):
    shelfcast("init", tmp_path / "lake")
    refused = shelfcast("run", "--lake", tmp_path / "lake", check=False)
    assert refused.returncode == 2
    assert "shelfcast ingest" in refused.stderr and "Traceback" not in refused.stderr
