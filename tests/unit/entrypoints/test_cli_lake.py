"""`status`, `tables`, `export`, `maintain`, `init`: what they say where a person may misread them."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from shelfcast.bootstrap import in_memory, init_lake
from shelfcast.domain.errors import BadParameter, NotFound, NotReady
from shelfcast.domain.slices import Slice
from shelfcast.domain.tables import results
from shelfcast.entrypoints.cli import render
from shelfcast.lake.replace import replace
from shelfcast.pipeline import run_record
from shelfcast.pipeline.export_results import export_file
from shelfcast.ports.platform import Platform
from shelfcast.ports.table_store import Maintenance
from shelfcast.serve.catalog import details
from shelfcast.serve.runs import one_run


def ran(platform: Platform, run_id: str, step: str, started_at: str, **more: object) -> None:
    platform.records.put(run_record.KIND, run_id, {"run_id": run_id, "step": step, "started_at": started_at, **more})


def anomaly(platform: Platform, run_id: str, item: str) -> None:
    rows = pl.DataFrame(
        {"run_id": [run_id], "kind": ["spike"], "item_id": [item], "location_id": ["s"], "date": [date(2025, 1, 1)]}
    )
    replace(platform.tables, results.ANOMALIES, results.ANOMALIES.conform(rows), Slice.of(run_id=run_id))


@pytest.fixture
def platform() -> Platform:
    return in_memory()


def test_a_steps_name_means_its_newest_run(platform):
    ran(platform, "forecast-b", "forecast", "2025-01-01T03:00:00+00:00")
    ran(platform, "forecast-a", "forecast", "2025-01-02T03:00:00+00:00")
    assert one_run(platform, "forecast")["run_id"] == "forecast-a"
    assert one_run(platform, "forecast-b")["run_id"] == "forecast-b"
    with pytest.raises(NotFound, match="names 2 runs"):
        one_run(platform, "forecast-")


def test_a_table_of_several_runs_shows_the_newest_ones_rows(platform, capsys):
    ran(platform, "quality-z", "quality", "2025-01-01T03:00:00+00:00")
    ran(platform, "quality-a", "quality", "2025-01-02T03:00:00+00:00")
    anomaly(platform, "quality-z", "old")
    anomaly(platform, "quality-a", "new")
    found = details(platform, "anomalies")
    assert (found.rows["item_id"].to_list(), found.rows_then) == (["new"], 1)
    render.table(found, history=False)
    assert "1 of 1 rows of quality-a, the newest of 2 runs" in " ".join(capsys.readouterr().out.split())


def test_an_export_of_a_cutoff_nobody_ran_says_which_there_are(platform, tmp_path):
    rows = pl.DataFrame(
        {"cutoff": [date(2025, 1, 5)], "scenario": ["base"], "item_id": ["i"], "location_id": ["s"], "qty": [0.0],
         "run_id": ["replenish-a"]}
    )  # fmt: skip
    conformed = results.ORDER_LINES.conform(rows)
    replace(platform.tables, results.ORDER_LINES, conformed, Slice.of(run_id="replenish-a"))
    with pytest.raises(NotReady, match=r"no orders of cutoff 2025-01-06.*newest first: 2025-01-05"):
        export_file(platform, "orders", cutoff=date(2025, 1, 6), output=tmp_path / "x.csv")
    assert not list(tmp_path.iterdir())
    ran(platform, "replenish-b", "replenish", "", state="done", cutoff="2025-01-06", written={"order_lines": 0})
    assert export_file(platform, "orders", cutoff=date(2025, 1, 6), output=tmp_path / "x.csv").rows == 0


def test_maintenance_says_why_files_may_have_become_more(capsys):
    render.maintenance({"sales": Maintenance(10, 12, 5_000_000, 4_000_000, 3)}, 1.0)
    said = " ".join(capsys.readouterr().out.split())
    assert "files on disk" in said and "10 -> 12" in said
    assert "1.0 MB freed" in said and "what they replace goes once it is 1 h old" in said


@pytest.mark.parametrize("written", ["M", "monthly", "Q", "year"])
def test_a_lake_of_months_is_refused_with_what_to_do(tmp_path, written):
    with pytest.raises(BadParameter, match=r"plans by day \(D\) or week \(W\), not by .* set D or W"):
        init_lake(tmp_path, frequency=written)
    assert not list(tmp_path.iterdir())
