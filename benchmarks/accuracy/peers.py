"""Forecasts of other libraries, made in an environment of their own from the files the scoreboard writes.

    python -m venv peers && peers/bin/pip install statsforecast mlforecast lightgbm prophet polars pyarrow
    python -m venv autogluon && autogluon/bin/pip install autogluon.timeseries polars pyarrow      (another 5 GB)
    PYTHON peers.py FOLDER WINDOW MODEL

FOLDER holds task.json, train_WINDOW.parquet (unique_id, ds, y, known covariates), future_WINDOW.parquet and, where there
are any, static.parquet. Writes forecast_WINDOW_MODEL.parquet (unique_id, ds, q0.1 ...) and the seconds it took, without
reading files. No weights are downloaded. What a library needs whole and isn't (a missing period) is filled with the
value a season before, as the published tables do for naive forecasts.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

warnings.filterwarnings("ignore")
STEP = {"D": "D", "W": "W", "M": "MS"}


class Work:
    """One window: what a peer may know, and what is asked."""

    def __init__(self, folder: Path, window: int) -> None:
        self.task: dict[str, Any] = json.loads((folder / "task.json").read_text())
        self.train = pd.read_parquet(folder / f"train_{window}.parquet")
        self.future = pd.read_parquet(folder / f"future_{window}.parquet")
        path = folder / "static.parquet"
        self.static = pd.read_parquet(path) if path.exists() else None
        for frame in (self.train, self.future):
            frame["ds"] = pd.to_datetime(frame["ds"])
        self.levels = [float(level) for level in self.task["levels"]]
        self.horizon, self.season, self.frequency = self.task["horizon"], self.task["season"], self.task["frequency"]
        self.covariates = [name for name in self.future.columns if name not in ("unique_id", "ds")]
        if self.frequency == "W":
            self.step = "W-" + self.train["ds"].iloc[0].strftime("%a").upper()
        else:
            self.step = STEP[self.frequency]

    @property
    def widths(self) -> list[float]:
        return sorted({round(100 * abs(2 * level - 1), 4) for level in self.levels} - {0.0})

    def encoded(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Train and future with text covariates as numbers."""
        train, future = self.train.copy(), self.future.copy()
        for name in self.covariates:
            if not pd.api.types.is_numeric_dtype(train[name]):
                names = {value: code for code, value in enumerate(sorted(train[name].dropna().unique()))}
                train[name] = train[name].map(names).fillna(-1).astype(float)
                future[name] = future[name].map(names).fillna(-1).astype(float)
            train[name] = train[name].astype(float).fillna(0.0)
            future[name] = future[name].astype(float).fillna(0.0)
        return train, future


def table(made: pd.DataFrame, name: str, levels: list[float]) -> pd.DataFrame:
    """Columns lo-80, hi-80 of a model as quantiles."""
    result = made[["unique_id", "ds"]].copy()
    for level in levels:
        width = round(100 * abs(2 * level - 1), 4)
        side = "lo" if level < 0.5 else "hi"
        if width == 0.0:
            result[f"q{level:g}"] = made[name]
            continue
        column = next(c for c in (f"{name}-{side}-{width:g}", f"{name}-{side}-{width}") if c in made)
        result[f"q{level:g}"] = made[column]
    result["mean"] = made[name]
    return result


def statistical(kind: str) -> Callable[[Work], pd.DataFrame]:
    def forecast(work: Work) -> pd.DataFrame:
        from statsforecast import StatsForecast
        from statsforecast import models as m
        from statsforecast.utils import ConformalIntervals

        season = work.season if work.season > 1 else {"D": 7, "W": 1, "M": 12}[work.frequency]
        shortest = int(work.train.groupby("unique_id").size().min())
        windows = max(2, min(4, (shortest - 2) // work.horizon - 1))
        conformal = ConformalIntervals(h=work.horizon, n_windows=windows)
        choice = {
            "AutoETS": lambda: m.AutoETS(season_length=season),
            "DynamicOptimizedTheta": lambda: m.DynamicOptimizedTheta(season_length=season),
            "CrostonOptimized": lambda: m.CrostonOptimized(prediction_intervals=conformal),
            "CrostonSBA": lambda: m.CrostonSBA(prediction_intervals=conformal),
            "TSB": lambda: m.TSB(alpha_d=0.1, alpha_p=0.1, prediction_intervals=conformal),
            "ADIDA": lambda: m.ADIDA(prediction_intervals=conformal),
        }
        engine = StatsForecast(models=[choice[kind]()], freq=work.step, n_jobs=-1, fallback_model=m.HistoricAverage())
        made = engine.forecast(df=work.train[["unique_id", "ds", "y"]], h=work.horizon, level=work.widths)
        return table(made.reset_index(), kind, work.levels)

    return forecast


def boosted(work: Work) -> pd.DataFrame:
    """mlforecast with LightGBM: lags, rolling means, calendar, known covariates, attributes; conformal intervals."""
    import lightgbm as lgb
    from mlforecast import MLForecast
    from mlforecast.lag_transforms import RollingMean, SeasonalRollingMean
    from mlforecast.target_transforms import LocalStandardScaler
    from mlforecast.utils import PredictionIntervals

    train, future = work.encoded()
    length = train.groupby("unique_id").size()
    parts = {
        "D": ([1, 7, 14, 21, 28], {1: [RollingMean(7), RollingMean(28)], 7: [SeasonalRollingMean(7, 4)]}),
        "W": ([1, 2, 4, 13], {1: [RollingMean(4), RollingMean(13)]}),
        "M": ([1, 2, 3, 6, 12], {1: [RollingMean(3), RollingMean(12)]}),
    }
    year = {"D": 364, "W": 52, "M": 12}[work.frequency]
    lags, transforms = parts[work.frequency]
    if length.median() > 1.5 * year and year not in lags:
        lags = [*lags, year]
    if length.median() < 60:
        lags = [lag for lag in lags if lag <= length.median() / 4]
    dates = {"D": ["dayofweek", "day", "month", "dayofyear"], "W": ["month", "week"], "M": ["month"]}[work.frequency]
    statics = []
    if work.static is not None:
        wide = work.static.copy()
        for name in wide.columns:
            if name != "unique_id" and not pd.api.types.is_numeric_dtype(wide[name]):
                wide[name] = wide[name].astype("category").cat.codes
        train = train.merge(wide, on="unique_id", how="left")
        statics = [name for name in wide.columns if name != "unique_id"]
        train[statics] = train[statics].fillna(-1)
    model = lgb.LGBMRegressor(
        n_estimators=400, learning_rate=0.05, num_leaves=63, min_child_samples=50, subsample=0.8, subsample_freq=1,
        colsample_bytree=0.7, objective="l1" if work.task["zero_share"] < 0.3 else "regression", verbosity=-1, n_jobs=-1,
    )  # fmt: skip
    engine = MLForecast(
        models={"LightGBM": model}, freq=work.step, lags=lags, lag_transforms=transforms, date_features=dates,
        target_transforms=[LocalStandardScaler()],
    )  # fmt: skip
    windows = max(2, min(4, int(length.min()) // (2 * work.horizon) - 1))
    # a series too short for that many held-out windows gets the intervals of a fit without it: left out here
    enough = length[length > work.horizon * (windows + 1) + max(lags)].index
    fitted = train[train["unique_id"].isin(enough)]
    engine.fit(
        fitted, static_features=statics, prediction_intervals=PredictionIntervals(n_windows=windows, h=work.horizon)
    )
    ahead = future[future["unique_id"].isin(enough)] if work.covariates else None
    made = engine.predict(work.horizon, X_df=ahead, level=work.widths)
    return table(made, "LightGBM", work.levels)


def prophet(work: Work) -> pd.DataFrame:
    """Prophet with the number covariates as regressors, quantiles from its samples; on an even sample of series."""
    import logging

    from prophet import Prophet

    logging.getLogger("cmdstanpy").setLevel(logging.ERROR)
    train, future = work.encoded()
    parts = []
    names = np.sort(train["unique_id"].unique())
    chosen = names[np.unique(np.linspace(0, len(names) - 1, work.task.get("prophet_series", len(names))).astype(int))]
    for name, rows in train[train["unique_id"].isin(chosen)].groupby("unique_id"):
        model = Prophet(uncertainty_samples=200)
        used = [one for one in work.covariates if rows[one].nunique() > 1]
        for one in used:
            model.add_regressor(one)
        model.fit(rows[["ds", "y", *used]])
        ahead = future[future["unique_id"] == name]
        samples = model.predictive_samples(ahead[["ds", *used]])["yhat"]
        part = ahead[["unique_id", "ds"]].copy()
        for level in work.levels:
            part[f"q{level:g}"] = np.quantile(samples, level, axis=1)
        part["mean"] = samples.mean(axis=1)
        parts.append(part)
    return pd.concat(parts)


def autogluon(work: Work) -> pd.DataFrame:
    """AutoGluon-TimeSeries: its statistical and tabular models and their weighted ensemble; nothing pretrained."""
    import tempfile

    from autogluon.timeseries import TimeSeriesDataFrame, TimeSeriesPredictor

    train, future = work.encoded()
    names = {"unique_id": "item_id", "ds": "timestamp", "y": "target"}
    static = None if work.static is None else work.static.rename(columns=names)
    data = TimeSeriesDataFrame.from_data_frame(train.rename(columns=names), static_features_df=static)
    known = TimeSeriesDataFrame.from_data_frame(future.rename(columns=names))
    levels = work.levels
    predictor = TimeSeriesPredictor(
        prediction_length=work.horizon, freq=work.step, known_covariates_names=work.covariates or None, eval_metric="SQL",
        eval_metric_seasonal_period=work.season, quantile_levels=levels, path=tempfile.mkdtemp(), verbosity=1,
    )  # fmt: skip
    predictor.fit(
        data,
        hyperparameters={"SeasonalNaive": {}, "AutoETS": {}, "Theta": {}, "RecursiveTabular": {}, "DirectTabular": {}},
        time_limit=int(os.environ.get("AUTOGLUON_SECONDS", "240")),
    )
    made = predictor.predict(data, known_covariates=known if work.covariates else None).reset_index()
    made = made.rename(columns={"item_id": "unique_id", "timestamp": "ds"})
    return made.rename(columns={str(level): f"q{level:g}" for level in levels})


PEERS: dict[str, Callable[[Work], pd.DataFrame]] = {
    **{name: statistical(name) for name in ("AutoETS", "DynamicOptimizedTheta", "CrostonOptimized", "CrostonSBA", "TSB", "ADIDA")},
    "mlforecast_LightGBM": boosted,
    "Prophet": prophet,
    "AutoGluon": autogluon,
}  # fmt: skip
PACKAGES = ("statsforecast", "mlforecast", "lightgbm", "prophet", "autogluon.timeseries", "pandas", "numpy")


def versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def main() -> None:
    folder, window, name = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3]
    work = Work(folder, window)
    begun = time.perf_counter()
    made = PEERS[name](work)
    seconds = time.perf_counter() - begun
    columns = [f"q{level:g}" for level in work.levels]
    made = made[["unique_id", "ds", "mean", *columns]].reset_index(drop=True)
    made.to_parquet(folder / f"forecast_{window}_{name}.parquet")
    note = {"seconds": round(seconds, 2), "versions": versions()}
    (folder / f"forecast_{window}_{name}.json").write_text(json.dumps(note))


if __name__ == "__main__":
    main()
