"""A load is one behaviour whatever its size, order and interruptions."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.domain.tables import TABLES, curated
from shelfcast.pipeline import load_batches, spill
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.load_dimensions import business_dates
from shelfcast.pipeline.load_report import LoadReport, TableLoad
from shelfcast.pipeline.spill import Spill, by_month, groups
from shelfcast.ports.platform import Platform
from shelfcast.sources import files as source_files


def history(days: int = 120, items: int = 20, seed: int = 1) -> pl.DataFrame:
    """Sales by item, then day: every batch of it touches every month."""
    random = np.random.default_rng(seed)
    start = date(2025, 1, 1)
    return pl.DataFrame(
        {
            "item_id": np.repeat([f"I{n}" for n in range(items)], days),
            "location_id": "S",
            "date": [start + timedelta(n) for n in range(days)] * items,
            "units": random.poisson(3, days * items).astype(float),
        }
    )


def standing(platform: Platform) -> dict[str, pl.DataFrame]:
    found = {}
    for name in ("sales", "items", "locations", "quarantine", "prices"):
        frame = platform.tables.scan(TABLES[name]).collect()
        found[name] = frame.select(TABLES[name].stable).sort(TABLES[name].stable)
    return found


def same(one: dict[str, pl.DataFrame], other: dict[str, pl.DataFrame]) -> bool:
    return all(one[name].equals(other[name]) for name in one)


def load(path: Path, platform: Platform | None = None) -> Platform:
    platform = platform or in_memory()
    ingest_files(platform, [path])
    return platform


def test_a_load_in_small_batches_spilled_to_disk_ends_as_one_in_memory(tmp_path, monkeypatch):
    path = tmp_path / "sales.csv"
    history().with_columns(price=2.5).write_csv(path)
    whole = standing(load(path))
    monkeypatch.setattr(source_files, "BATCH_ROWS", 100)
    monkeypatch.setattr(source_files, "BLOCK_BYTES", 2048)
    monkeypatch.setattr(spill, "GROUP_ROWS", 500)
    monkeypatch.setattr(Spill.__init__, "__defaults__", (300,))
    assert whole["sales"].height == 2400
    assert whole["prices"].height == 20
    assert same(standing(load(path)), whole)


def test_a_month_too_large_for_memory_is_loaded_in_parts_and_ends_as_one(tmp_path, monkeypatch):
    path = tmp_path / "sales.csv"
    rows = history(days=28, items=60).with_columns(price=2.5)
    # Rows that repeat or contradict others, far apart in the file.
    doubled = [rows.slice(3, 1), rows.slice(900, 1).with_columns(units=99.0)]
    pl.concat([rows, *doubled]).write_csv(path)
    whole = standing(load(path))
    heights: list[int] = []
    check = load_batches.check_rows

    def watched(frame, *arguments, **more):
        heights.append(frame.height)
        return check(frame, *arguments, **more)

    monkeypatch.setattr(load_batches, "check_rows", watched)
    monkeypatch.setattr(source_files, "BATCH_ROWS", 100)
    monkeypatch.setattr(source_files, "BLOCK_BYTES", 2048)
    monkeypatch.setattr(spill, "LARGE_ROWS", 300)
    monkeypatch.setattr(spill, "GROUP_ROWS", 200)
    monkeypatch.setattr(Spill.__init__, "__defaults__", (300,))
    assert same(standing(load(path)), whole)
    assert whole["quarantine"].height == 3 and len(heights) > 8 and max(heights) < 600


def test_months_in_files_of_their_own_end_as_one_file_with_a_report_each(tmp_path):
    frame = history()
    whole = tmp_path / "all" / "sales.csv"
    whole.parent.mkdir()
    frame.write_csv(whole)
    months = []
    for (month,), part in frame.group_by(pl.col("date").dt.strftime("%Y-%m"), maintain_order=True):
        months.append(tmp_path / f"sales-{month}.csv")
        part.write_csv(months[-1])
    platform = in_memory()
    reports = ingest_files(platform, months)
    assert [report.source for report in reports] == [month.name for month in months]
    assert [report.inserted for report in reports] == [31 * 20, 28 * 20, 31 * 20, 30 * 20]
    assert len(platform.tables.state(curated.SALES).snapshots) == 1
    one, other = standing(platform)["sales"], standing(load(whole))["sales"]
    assert one.drop("load_id", strict=False).equals(other.drop("load_id", strict=False))


def test_files_that_share_days_are_merged_one_after_the_other(tmp_path):
    history(days=31).write_csv(tmp_path / "sales-a.csv")
    history(days=31, seed=2).write_csv(tmp_path / "sales-b.csv")
    first, second = ingest_files(in_memory(), [tmp_path / "sales-a.csv", tmp_path / "sales-b.csv"])
    assert first.inserted == 620
    assert second.corrected + second.unchanged == 620
    assert second.corrected > 400


class Killed(BaseException):
    """Stands for SIGKILL: nothing may catch it."""


@pytest.mark.parametrize("stop", range(8))
def test_a_load_killed_anywhere_and_run_again_ends_as_an_undisturbed_one(tmp_path, monkeypatch, stop):
    path = tmp_path / "sales.csv"
    broken = history().with_columns(pl.col("units").cast(str), price=pl.lit("2.5"))
    broken[::50].with_columns(units=pl.lit("x")).vstack(broken).write_csv(path)
    undisturbed = standing(load(path))
    monkeypatch.setattr(spill, "GROUP_ROWS", 800)
    platform = in_memory()
    steps = {"left": stop}

    def dying(real):
        def call(*arguments, **more):
            if steps["left"] == 0:
                raise Killed
            steps["left"] -= 1
            return real(*arguments, **more)

        return call

    for port in (platform.tables, platform.records, platform.blobs):
        for name in ("replace", "put"):
            if hasattr(port, name):
                monkeypatch.setattr(port, name, dying(getattr(port, name)))
    try:
        load(path, platform)
    except Killed:
        steps["left"] = -1
        platform.clock.advance(timedelta(hours=1))
        load(path, platform)
    assert same(standing(platform), undisturbed)


def test_rows_are_sorted_into_months_and_months_into_groups(tmp_path, monkeypatch):
    monkeypatch.setattr(spill, "GROUP_ROWS", 1200)
    kept = Spill(tmp_path, memory_rows=500)
    for month, part in by_month(history(), curated.SALES).items():
        kept.add(month, part)
    assert list(kept) == ["2025-01", "2025-02", "2025-03", "2025-04"]
    assert kept.on_disk
    assert groups(kept, curated.SALES) == [["2025-01", "2025-02"], ["2025-03"], ["2025-04"]]
    taken = kept.take(["2025-01", "2025-02"])
    assert (taken.height, list(kept)) == (59 * 20, ["2025-03", "2025-04"])


def test_a_row_without_a_day_is_not_lost_on_the_way():
    frame = history(days=2, items=1).with_columns(date=pl.Series([date(2025, 1, 1), None]))
    assert {key: part.height for key, part in by_month(frame, curated.SALES).items()} == {"2025-01": 1, "": 1}


def test_till_lines_belong_to_the_local_day_that_begins_at_day_start():
    places = pl.DataFrame({"location_id": ["NY", "BAR"], "time_zone": ["America/New_York", "Europe/Berlin"], "day_start": ["00:00", "05:00"]})  # fmt: skip
    events = pl.DataFrame(
        {
            "location_id": ["NY", "BAR", "BAR", "?"],
            "occurred_at": ["2025-07-02 02:00", "2025-07-02 01:30", "2025-07-02 03:30", "2025-07-02 23:59"],
        }
    ).with_columns(pl.col("occurred_at").str.to_datetime(time_zone="UTC"))
    days = business_dates(events, places)["business_date"].cast(str).to_list()
    assert days == ["2025-07-01", "2025-07-01", "2025-07-02", "2025-07-02"]


def test_counts_that_do_not_add_up_can_not_be_reported():
    with pytest.raises(AssertionError, match="10 rows in, but 8 kept and 1 quarantined"):
        TableLoad("sales", "x", 10, 8, 1)


def test_a_report_is_kept_as_a_record_and_read_back(tmp_path):
    path = tmp_path / "sales.csv"
    history(days=3, items=2).write_csv(path)
    platform = in_memory()
    (report,) = ingest_files(platform, [path])
    body = platform.records.get(load_batches.KIND, report.load_id).body
    assert LoadReport.from_record(body) == report
    run = platform.records.get("runs", f"ingest-{report.load_id}").body
    assert (run["step"], run["state"], run["rows"]["in"]) == ("ingest", "done", 6)


def test_a_mapping_is_kept_edited_and_used_for_the_next_file(tmp_path):
    platform = in_memory()
    first = tmp_path / "jan.csv"
    first.write_text("sku,shop,day,qty,extra\nA,S,2025-01-01,1,5\nA,S,2025-01-02,2,6\n")
    ingest_files(platform, [first])
    (key,) = platform.blobs.list("mappings/")
    text = platform.blobs.get(key).decode()
    platform.blobs.put(key, text.replace("units: qty", "units: extra").encode())
    second = tmp_path / "feb.csv"
    second.write_text("sku,shop,day,qty,extra\nA,S,2025-02-01,1,50\nA,S,2025-02-02,2,60\n")
    ingest_files(platform, [second])
    rows = platform.tables.scan(curated.SALES).sort("date").collect()
    assert rows["units"].to_list() == [1.0, 2.0, 50.0, 60.0]
