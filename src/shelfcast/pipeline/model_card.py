"""What is kept with a model: its card, its scores, a picture of its calibration, the snapshots it learnt from."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from shelfcast.domain.quantiles import GRID
from shelfcast.domain.tables import Table
from shelfcast.forecast.calibration_plot import calibration_svg
from shelfcast.forecast.models.boosted import VERSION, Model
from shelfcast.forecast.models.training import HeldOut
from shelfcast.pipeline import run_record
from shelfcast.pipeline.score_models import CHAMPION, Scores
from shelfcast.ports.table_store import TableStore

CALIBRATION_FILE = "calibration.svg"
SCORES = ("wape", "bias", "wql", "mase", "sql", "coverage_80", "coverage_95")
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9_./: -]+")


def snapshots_of(tables: TableStore, read: Iterable[Table]) -> dict[str, int]:
    """The snapshot each table is at; a table never written is left out. Taken before the data are read."""
    states = {table.name: tables.state(table).current for table in read}
    return {name: state.snapshot_id for name, state in states.items() if state is not None}


def calibration_of(held: HeldOut | None) -> dict[str, dict[float, float]]:
    """Share of held-out actuals at or below each quantile, by part: all of them, and the ends of the horizon."""
    if held is None or not len(held.actual):
        return {}
    third = np.ceil(3.0 * held.step / max(int(held.step.max()), 1))
    parts = {"all held-out periods": np.ones(len(third), dtype=np.bool_)}
    parts |= {"first third of the horizon": third == 1, "last third of the horizon": third == 3}
    below = held.actual[:, None] <= held.quantiles
    return {
        name: {level: round(float(share), 5) for level, share in zip(GRID, below[inside].mean(axis=0))}
        for name, inside in parts.items()
        if inside.any()
    }


def card_of(
    model: Model, held: HeldOut | None, scores: Scores | None, snapshots: Mapping[str, int], comparison: Mapping[str, Any] | None,
    seconds: float,
) -> dict[str, Any]:  # fmt: skip
    """The model card: data span, features, scores by segment, calibration, time, versions, snapshots, comparison."""
    return {
        **model.card,
        "format_version": VERSION,
        "backtest": dict(scores.summary) if scores else {},
        "backtest_segments": by_segment(scores),
        "calibration": {
            name: [{"level": level, "share": share} for level, share in shares.items()]
            for name, shares in calibration_of(held).items()
        },
        "training_snapshots": dict(snapshots),
        "comparison": dict(comparison or {}),
        "train_seconds": round(seconds, 2),
        "versions": {**run_record.package_versions(), "python": sys.version.split()[0], "shelfcast": run_record.code_version()},
    }  # fmt: skip


def by_segment(scores: Scores | None) -> dict[str, dict[str, float]]:
    """Scores of this kind of model on the past folds, mean over folds, by segment."""
    found: dict[str, dict[str, float]] = {}
    if scores is not None:
        mine = scores.rows.filter((scores.rows["model"] == CHAMPION) & (scores.rows["fold"] == 0))
        for segment, metric, value in mine.select("segment", "metric", "value").iter_rows():
            found.setdefault(segment, {})[metric] = round(float(value), 6)
    return found


def metrics_of(card: Mapping[str, Any], seconds: float) -> dict[str, float]:
    """Flat scores for the registry: `wape`, `wape demand/smooth`, `held_out/wape`, `gain_over_champion`..."""
    found: dict[str, float] = {}
    for segment, scores in card["backtest_segments"].items():
        for name in SCORES:
            if name in scores:
                found[name if segment == "all" else f"{name} {metric_name(segment)}"] = scores[name]
    for name, value in (card.get("held_out") or {}).get("all", {}).items():
        found[f"held_out/{metric_name(name)}"] = float(value)
    comparison = card.get("comparison") or {}
    if comparison.get("gain"):
        found |= {f"gain_over_champion/{name}": value for name, value in comparison["gain"].items()}
    found |= {
        "rows": float(card.get("rows") or 0),
        "series": float(card.get("series") or 0),
        "train_seconds": round(seconds, 2),
    }
    return {name: value for name, value in found.items() if np.isfinite(value)}


def metric_name(text: str) -> str:
    """A segment in letters every registry takes.

    >>> metric_name("demand=smooth"), metric_name("category=Käse & Eier")
    ('demand/smooth', 'category/K_se _ Eier')
    """
    return _NOT_ALLOWED.sub("_", text.replace("=", "/"))


def plots_of(held: HeldOut | None, cutoff: str) -> dict[str, bytes]:
    """Pictures by file name."""
    lines = calibration_of(held)
    title = f"Calibration on held-out periods, model of {cutoff}"
    return {CALIBRATION_FILE: calibration_svg(lines, title)} if lines else {}
