from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from shelfcast.entrypoints.cli import app


def run(*arguments: str | Path) -> int:
    """Exit code of `shelfcast backtest ...`."""
    before = sys.argv
    sys.argv = ["shelfcast", "backtest", *map(str, arguments)]
    try:
        app.run()
    except SystemExit as end:
        return int(end.code or 0)
    finally:
        sys.argv = before
    return 0


@pytest.fixture
def history(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    months = pl.date_range(pl.date(2020, 1, 1), pl.date(2022, 12, 1), "1mo", eager=True)
    rows = [
        pl.DataFrame({"item_id": [f"i{i}"] * 36, "month": months, "units": rng.poisson(5 + i, 36).astype(float)})
        for i in range(4)
    ]
    path = tmp_path / "history.parquet"
    pl.concat(rows).write_parquet(path)
    return path


def test_scores_of_all_models_are_written(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "scores.json"
    options = ["--frequency", "M", "--horizon", "3", "--windows", "2", "--seasonality", "12", "--threads", "1"]
    assert run("--history", history, *options, "--json", out) == 0
    document = json.loads(out.read_text())
    assert document["champion"] in document["models"]
    assert {"seasonal_naive", "baselines", "boosted"} <= set(document["models"])
    champion = document["models"][document["champion"]]
    assert {"sql", "mase", "wape", "wql", "bias", "coverage", "seconds", "peak_mb", "windows"} <= set(champion)
    assert document["task"]["columns"]["series"] == ["item_id"]
    assert document["task"]["columns"]["target"] == "units"
    assert "target: units" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (["--target", "sold"], "no column 'sold'"),
        (["--frequency", "H"], "'H' is unknown"),
        (["--horizon", "0"], "horizon 0 isn't allowed"),
        (["--windows", "40"], "fewer windows"),
        (["--quantiles", "a,b"], "aren't numbers"),
        (["--quantiles", "0.5,0.1"], "must rise"),
        (["--fill", "mean"], "'mean' is unknown"),
        (["--static", "nowhere.parquet"], "there is no file nowhere.parquet"),
        (["--target", "item_id"], "not numbers"),
    ],
)
def test_bad_options_end_with_a_message(
    history: Path, capsys: pytest.CaptureFixture[str], change: list[str], message: str
) -> None:
    options = {"--frequency": "M", "--horizon": "3", "--windows": "1", "--seasonality": "12", **dict([change])}
    arguments = [part for option in options.items() for part in option]
    assert run("--history", history, *arguments) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\x00\x01binary", "can't be read"),
        (b"", "can't be read"),
        (b"item_id,month,units\n", "no rows"),
        (b"item_id,month,units\na,2020-01-01,1\na,2020-01-01,2\n", "more than one row"),
        (b"item_id,month,units\na,yesterday,1\n", "no readable date"),
        (b"item_id,month,units\na,2020-01-01,\na,2020-02-01,\na,2020-03-01,\n", "no value at all"),
    ],
)
def test_bad_files_end_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: bytes, message: str
) -> None:
    path = tmp_path / "history.csv"
    path.write_bytes(content)
    assert run("--history", path, "--frequency", "M", "--horizon", "1", "--target", "units") == 2
    assert message in capsys.readouterr().err


def test_a_share_in_stock_among_what_was_observed_marks_stock_outs(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stock = pl.read_parquet(history).with_columns(
        in_stock_share=pl.when(pl.col("month").dt.month() == 12).then(0.5).otherwise(1.0)
    )
    path, out = tmp_path / "stock.parquet", tmp_path / "scores.json"
    stock.drop("units").write_parquet(path)
    options = ["--frequency", "M", "--horizon", "3", "--windows", "1", "--seasonality", "12", "--threads", "1"]
    assert run("--history", history, *options, "--observed", path, "--json", out) == 0
    task = json.loads(out.read_text())["task"]
    assert task["scored"] == "periods in stock"
    assert task["cutoffs"][0]["cells"] == 8  # December isn't scored
    stock.drop("units").with_columns(in_stock_share=pl.lit(7.0)).write_parquet(path)
    assert run("--history", history, *options, "--observed", path) != 0
    assert "0 to 1" in capsys.readouterr().err


def test_what_is_not_used_is_said(history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    items, out = tmp_path / "items.csv", tmp_path / "scores.json"
    items.write_text("item_id,colour,since\ni0,red,2019-01-01\ni1,blue,2019-02-01\n")
    options = ["--frequency", "M", "--horizon", "3", "--windows", "1", "--seasonality", "12", "--threads", "1"]
    assert run("--history", history, *options, "--static", items, "--json", out) == 0
    shown = capsys.readouterr().out
    assert "static: column since holds Date" in shown
    assert "static: 2 of 4 item_id have no row, the first: i2." in shown
    assert len(json.loads(out.read_text())["task"]["notes"]) == 2


@pytest.mark.parametrize(
    ("option", "rows", "message"),
    [
        ("--static", "item_id,colour\nx9,red\n", "no row for any series"),
        ("--static", "item_id,colour\n", "no row for any series"),
        ("--known-future", "item_id,month,promo\nx9,2021-01-01,1\n", "no row for any series"),
        ("--known-future", "month,promo\n1999-01-01,1\n1999-02-01,0\n", "covers 1999-01-01 to 1999-02-01"),
        ("--observed", "day,visitors\n2021-01-01,1\n", "no column 'month'"),
    ],
)
def test_tables_that_have_nothing_in_common_with_the_history_are_refused(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], option: str, rows: str, message: str
) -> None:
    table = tmp_path / "table.csv"
    table.write_text(rows)
    assert run("--history", history, "--frequency", "M", "--horizon", "3", option, table) == 2
    assert message in capsys.readouterr().err


def test_scores_that_cannot_be_written_are_refused_before_the_work(
    history: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("--history", history, "--frequency", "M", "--horizon", "3", "--json", tmp_path) == 2
    shown = capsys.readouterr()
    assert "can't be written" in shown.err
    assert "Columns:" not in shown.out
