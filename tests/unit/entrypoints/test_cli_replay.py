"""`shelfcast replay` on a small lake: what it prints, what it writes, how it refuses."""

from __future__ import annotations

import json
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shelfcast.bootstrap import init_lake, open_lake
from shelfcast.domain.tables import TABLES
from shelfcast.entrypoints.cli import app
from shelfcast.lake.as_of import end_of
from shelfcast.lake.replace import replace
from shelfcast.pipeline.steps import Parameters, run_step

BEGIN = date(2026, 1, 5)
FAST = ("--forecasts", "baselines")


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("lake")
    init_lake(folder, currency="EUR")
    _, platform = open_lake(folder)

    def put(name: str, rows: list[dict[str, Any]]) -> None:
        frame = TABLES[name].conform(pl.DataFrame(rows, infer_schema_length=None))
        replace(platform.tables, TABLES[name], frame, None)

    days = [BEGIN + timedelta(days=d) for d in range(60)]
    put(
        "sales",
        [
            {"item_id": "a", "location_id": "S1", "date": when, "units": float(3 + at % 4), "known_at": end_of(when)}
            for at, when in enumerate(days)
        ],
    )
    put(
        "sourcing",
        [{"item_id": "a", "destination_id": "S1", "source_id": "SUP", "lead_time_days": 1.0, "unit_cost": 2.0}],
    )
    put("item_locations", [{"item_id": "a", "location_id": "S1", "unit_price": 3.0}])
    run_step(platform, "features", Parameters(days[-1]))
    return folder


def call(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, lake: Path, *more: str
) -> tuple[int, str]:
    """(exit code, what was said) of `shelfcast replay ...`."""
    command = ["shelfcast", "replay", "--lake", str(lake), "--warm-up", "2", "--no-frontier", *FAST, *more]
    monkeypatch.setattr(sys, "argv", command)
    try:
        app.run()
        code = 0
    except SystemExit as end:
        code = int(end.code or 0)
    said = capsys.readouterr()
    return code, said.out + said.err


def test_figures_are_printed_and_written(
    lake: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    code, said = call(capsys, monkeypatch, lake, "--from", "2026-02-20", "--to", "2026-02-25", "--out", str(out))
    assert code == 0, said
    for words in ("fill rate", "nightly against min_max", "What the data can't tell", "by the baselines"):
        assert words in said
    figures = json.loads((out / "replay.json").read_text("utf-8"))
    assert figures["task"]["days"] == 6 and figures["task"]["currency"] == "EUR"
    assert (out / "replay.md").read_text("utf-8").startswith("# Replay of 2026-02-20 to 2026-02-25")


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (("--from", "2026-02-20", "--to", "2026-09-01"), "the demand history ends on"),
        (("--from", "2026-02-20", "--to", "2026-02-25", "--policy", "magic"), "known: R_s_S"),
        (("--from", "soon", "--to", "2026-02-25"), "Invalid value"),
    ],
)
def test_what_cant_be_played_ends_with_a_sentence(
    lake: Path,
    more: tuple[str, ...],
    words: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    code, said = call(capsys, monkeypatch, lake, *more)
    assert code != 0 and words in said
