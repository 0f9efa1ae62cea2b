"""Models as the API, the app and the command line show them: versions, decisions, comparisons, accuracy."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

from pydantic import Field

from shelfcast.serve.view import View


class SegmentScore(View):
    """Scores of held-out forecasts of one segment."""

    segment: str = Field(examples=["all", "segment=smooth", "third of the horizon=1"])
    cells: int
    """Series x periods scored."""
    wape: float | None = None
    bias: float | None = None
    coverage_80: float | None = None
    """Share of actuals inside the 80 % interval: should be 0.8."""
    coverage_95: float | None = None


class ModelView(View):
    """One version of the model."""

    model_id: str
    number: int = 0
    """Versions count from 1; those from before there was a registry have 0 and less."""
    model: str
    champion: bool
    challenger: bool = False
    """The newest version tried against the champion, and not the champion itself."""
    cutoff: date
    """Last day it learnt from."""
    frequency: str
    horizon: int
    trained_at: datetime | None = None
    run_id: str = ""
    series: int | None = None
    rows: int | None = None
    trees: int | None = None
    first_period: str | None = None
    last_period: str | None = None
    bytes: int = 0
    cause: str = ""
    """What asked for it: schedule, drift, accuracy, hand."""
    reason: str = ""
    decision: str = ""
    """first, promoted, replaced, kept, not_judged, same; empty where nothing was decided."""
    sentence: str = ""
    """Why it was promoted, or why not."""
    metrics: dict[str, float] = Field(default={})
    held_out: list[SegmentScore]


class CalibrationPoint(View):
    """Of actuals, the share at or below a quantile: should be its level."""

    level: float
    share: float


class SideScores(View):
    """Of one side, on the days both were judged on."""

    wql: float
    """Quantile loss over sales."""
    bias: float
    coverage_80: float


class GainView(View):
    """How much less the challenger lost; 90 % of the draws lie between low and high."""

    gain: float
    low: float
    high: float
    sure: float
    """Share of the draws in which it lost less."""


class RailView(View):
    name: str
    value: float
    limit: float
    holds: bool
    says: str


class ComparisonView(View):
    """A challenger's twin against the champion, on days neither had seen."""

    against: str
    champion_learnt_until: date
    twin_learnt_until: date
    judged_until: date
    cutoffs: list[date]
    series: int
    weeks: int
    cells: int
    champion: SideScores
    challenger: SideScores
    gain: GainView | None = None
    rails: list[RailView]
    note: str


class ModelDetail(ModelView):
    features: list[str]
    snapshots: dict[str, str] = Field(default={})
    """Snapshot of each table it learnt from."""
    files: dict[str, int] = Field(default={})
    """Size in bytes of each file kept with it."""
    calibration: list[CalibrationPoint] = Field(default=[])
    """On held-out periods."""
    comparison: ComparisonView | None = None
    """Against the champion of its day; null where there was none, or nothing to judge on."""
    card: dict[str, Any] = Field(default={})
    """The whole model card."""
    record: dict[str, Any] = Field(default={})


class Promotion(View):
    model_id: str
    at: datetime
    who: str
    reason: str
    before: str | None = None


class PromotionDecision(View):
    """What was decided about a new model, on which numbers."""

    decision_id: str
    at: datetime
    model_id: str
    champion: str | None = None
    """The champion it was compared with."""
    cutoff: date
    cause: str
    reason: str
    by: str
    verdict: str
    promoted: bool
    sentence: str
    comparison: ComparisonView | None = None


class ScorePair(View):
    name: str
    a: float | None = None
    b: float | None = None


class SideBySide(View):
    """Two versions and their scores. Scores of different cutoffs were measured on different days."""

    a: ModelView
    b: ModelView
    scores: list[ScorePair]
    same_days: bool
    """Both were scored on the same days."""
    features_only_a: list[str]
    features_only_b: list[str]
    decision: PromotionDecision | None = None
    """The judgement of one against the other on days neither had seen, where there was one."""


class ScoreRow(View):
    """A score of a model in a backtest: fold 0 is the mean of all folds."""

    run_id: str
    model: str
    segment: str
    fold: int
    cutoff: date | None = None
    metric: str
    value: float | None = None
    series: int | None = None
    cells: int | None = None
    horizon: int | None = None


class AccuracyPoint(View):
    """How the forecasts made at one cutoff did, on the days that have come since."""

    cutoff: date
    cells: int
    wape: float | None = None
    bias: float | None = None
    coverage_80: float | None = None
    baseline_wape: float | None = None


class Accuracy(View):
    """Forecasts in production against what came."""

    over_time: list[AccuracyPoint]
    calibration: list[CalibrationPoint]
    by_category: list[SegmentScore]
