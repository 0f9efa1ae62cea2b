"""The cutoff a cycle takes by itself."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from shelfcast.bootstrap import in_memory
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.run_cycle import last_sales_date


@pytest.mark.parametrize(("frequency", "cutoff"), [("D", date(2025, 1, 13)), ("W", date(2025, 1, 19))])
def test_the_newest_period_is_used_to_its_last_day(tmp_path: Path, frequency: str, cutoff: date) -> None:
    platform = in_memory()
    path = tmp_path / "sales.csv"
    path.write_text("item_id,location_id,date,units\nA,S,2025-01-06,1\nA,S,2025-01-13,2\n")
    ingest_files(platform, [path], frequency=frequency)
    assert last_sales_date(platform, frequency) == cutoff
