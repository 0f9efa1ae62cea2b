"""When a new model is trained, against what it is judged, and who becomes champion."""

from __future__ import annotations

from shelfcast.bootstrap import in_memory
from shelfcast.pipeline import queue_jobs, retrain


def test_asking_twice_queues_one_job_with_the_first_reason() -> None:
    platform = in_memory()
    first = retrain.ask(platform, "fresh food is forecast 12 % too low since 3 March", "monitor")
    again = retrain.ask(platform, "and dairy", "monitor", cause="accuracy")
    assert again.job_id == first.job_id
    (job,) = queue_jobs.open_jobs(platform)
    assert (job.kind, job.created_by) == ("retrain", "monitor")
    assert dict(job.parameters) == {"reason": "fresh food is forecast 12 % too low since 3 March", "cause": "drift"}


def test_one_that_runs_already_does_not_do_for_what_came_up_since() -> None:
    platform = in_memory()
    retrain.ask(platform, "drift", "monitor")
    assert queue_jobs.claim(platform) is not None
    retrain.ask(platform, "more drift", "monitor")
    assert sorted(one.state for one in queue_jobs.open_jobs(platform)) == ["queued", "running"]
