"""A new model, asked for by schedule, by drift, by falling accuracy or by hand."""

from __future__ import annotations

from typing import Any

from shelfcast.pipeline import job_kinds, queue_jobs
from shelfcast.pipeline.job_kinds import RetrainCause
from shelfcast.pipeline.queue_jobs import Job
from shelfcast.ports.platform import Platform


def ask(platform: Platform, reason: str, by: str, *, cause: RetrainCause = "drift") -> Job:
    """Queue a retraining. One that waits already does for both: its job comes back and its reason stays."""
    for job in queue_jobs.open_jobs(platform):
        if job.kind == "retrain" and job.state == queue_jobs.QUEUED and not job.cancel_asked:
            return job
    parameters: dict[str, Any] = {"reason": reason[:500], "cause": cause}
    return job_kinds.start(platform, "retrain", parameters, by)
