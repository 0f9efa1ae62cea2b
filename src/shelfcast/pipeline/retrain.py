"""A new model, asked for by schedule, by drift, by falling accuracy or by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from shelfcast.pipeline import job_kinds, judge_model, model_decisions, model_records, queue_jobs, train_model
from shelfcast.pipeline.job_kinds import RetrainCause, RetrainParameters
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.queue_jobs import Job
from shelfcast.pipeline.run_cycle import last_sales_date
from shelfcast.pipeline.steps import Asked, Parameters, run_step
from shelfcast.ports.platform import Platform


def ask(platform: Platform, reason: str, by: str, *, cause: RetrainCause = "drift") -> Job:
    """Queue a retraining. One that waits already does for both: its job comes back and its reason stays."""
    for job in queue_jobs.open_jobs(platform):
        if job.kind == "retrain" and job.state == queue_jobs.QUEUED and not job.cancel_asked:
            return job
    parameters: dict[str, Any] = {"reason": reason[:500], "cause": cause}
    return job_kinds.start(platform, "retrain", parameters, by)


def retrain(platform: Platform, settings: LakeSettings, asked: Asked, cutoff: date | None = None) -> dict[str, Any]:
    """Train a challenger on the data up to the cutoff, judge it against the champion, and decide. The decision comes back.

    By schedule nothing is trained that couldn't be judged yet: its decision says so, has no `decision_id` and isn't kept.

    Raises:
        NotReady: no history to learn from.
    """
    parameters = Parameters(
        cutoff=cutoff or last_sales_date(platform, settings.frequency), frequency=settings.frequency,
        horizon=settings.horizon, seed=settings.seed, retrain=True, currency=settings.currency,
        partition_rows=settings.partition_rows, asked=asked,
    )  # fmt: skip
    if asked.cause == "schedule" and (too_early := _too_early(platform, parameters)):
        return {
            "cutoff": parameters.cutoff.isoformat(), "model_id": None, "promoted": False, "verdict": "not_trained",
            "sentence": f"Nothing was trained: {too_early}.",
        }  # fmt: skip
    run_step(platform, "features", replace(parameters, retrain=False))
    done = run_step(platform, "train", parameters)
    return model_decisions.find(platform, str(done.summary["decision_id"]))


def _too_early(platform: Platform, parameters: Parameters) -> str:
    """Why a new model couldn't be judged yet; empty when it could, or when the champion must go anyway."""
    record = model_records.champion(platform)
    if record is None or train_model.unusable(platform, record, parameters):
        return ""
    learnt = train_model.learnt_until(record)
    unseen = (parameters.cutoff - learnt).days // (7 if parameters.frequency == "W" else 1)
    if unseen >= judge_model.LEAST_UNSEEN[parameters.frequency]:
        return ""
    return judge_model.too_young(parameters.frequency, learnt, parameters.cutoff).replace(
        "it learnt", "the champion learnt"
    )


def run_job(platform: Platform, settings: LakeSettings, parameters: RetrainParameters, job: Job) -> Mapping[str, Any]:
    """The job kind `retrain`."""
    cause = parameters.cause or ("schedule" if job.schedule else "hand")
    reason = parameters.reason or (f"schedule {job.schedule}" if job.schedule else "")
    return retrain(platform, settings, Asked(cause, reason, job.created_by, parameters.promote), parameters.cutoff)
