"""Use case: score our models on anybody's history, from files to a document."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadFile
from shelfcast.features.long_format import Columns, infer_columns, panel_from_long
from shelfcast.features.long_format_notes import notes_on
from shelfcast.features.panel import Panel
from shelfcast.forecast.backtest import Task, backtest
from shelfcast.forecast.forecasters import CHAMPION, champion, seasonal_naive, single_baselines
from shelfcast.ports.progress import Progress

__all__ = ["Panel", "Sources", "Task", "backtest_models", "load_panel", "read_table", "roles_of"]


@dataclass(frozen=True)
class Sources:
    """Files of a history and its covariates, and the column roles that are given."""

    history: Path
    known_future: Path | None = None
    static: Path | None = None
    observed: Path | None = None
    series: tuple[str, ...] = ()
    time: str | None = None
    target: str | None = None
    fill: str = "missing"


def read_table(path: Path) -> pl.DataFrame:
    """A Parquet or CSV file. Raises BadFile saying what came."""
    if not path.is_file():
        raise BadFile(f"there is no file {path}; give a Parquet or CSV file.")
    try:
        if path.suffix.lower() in (".csv", ".txt", ".tsv"):
            separator = "\t" if path.suffix.lower() == ".tsv" else ","
            if b"\x00" in path.read_bytes()[:65_536]:
                raise BadFile(f"{path} can't be read as CSV: it holds binary data; check the file.")
            return pl.read_csv(path, try_parse_dates=True, separator=separator, infer_schema_length=10_000)
        return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, OSError) as error:
        first = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise BadFile(f"{path} can't be read as Parquet or CSV ({first}); check the file.") from error


def load_panel(sources: Sources, frequency: str, notes: list[str] | None = None) -> tuple[Panel, Columns]:
    """Files to a panel, with the roles of the columns that were used. `notes` gets what isn't used, and why."""
    history = read_table(sources.history)
    columns = infer_columns(history, sources.series, sources.time, sources.target)
    optional = [
        None if path is None else read_table(path) for path in (sources.known_future, sources.static, sources.observed)
    ]
    known_future, static, observed = optional
    found = notes_on(history, columns, {"known_future": known_future, "static": static, "observed": observed})
    if notes is not None:
        notes += found
    panel = panel_from_long(
        history, columns, frequency, known_future=known_future, static=static, observed=observed, fill=sources.fill
    )
    return panel, columns


def roles_of(panel: Panel, columns: Columns) -> dict[str, Any]:
    """Column roles as they were used, to be printed and kept with the scores."""
    return {
        "series": list(columns.series),
        "time": columns.time,
        "target": columns.target,
        **{
            role: [f"{one.name} ({one.measure})" for one in panel.covariates if one.role == role]
            for role in ("known_future", "static", "observed")
        },
    }


def backtest_models(
    panel: Panel, task: Task, progress: Progress, *, threads: int = 0, budget: int | None = None
) -> dict[str, Any]:
    """Scores of seasonal naive, the baselines, the boosted model and the ensemble over all windows."""
    main = champion(threads) if budget is None else champion(threads, budget)
    return backtest(panel, task, [seasonal_naive(task.season), single_baselines, main], CHAMPION, progress)
