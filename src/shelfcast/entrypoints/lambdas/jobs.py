"""Works the queue of jobs for as long as a function may run; the state machine calls again while jobs wait.

Beside the jobs it does what every worker does: starts what is scheduled, looks for trouble, tells people. The machine is
started by whoever queues a job, by the drift alarm, and by the clock (`WatchSchedule`).
"""

from __future__ import annotations

import os
from typing import Any

from shelfcast.bootstrap import aws_settings, watch
from shelfcast.entrypoints import aws_lake
from shelfcast.pipeline.queue_jobs import open_jobs
from shelfcast.pipeline.run_jobs import run_next

RESERVE_MS = 120_000
"""A job is begun only while at least this much of the function's time is left."""


def handler(event: Any, context: Any) -> dict[str, int]:
    del event
    done = 0
    platform = aws_lake.platform()
    keeper = watch(platform, lambda: aws_settings(os.environ, platform))
    keeper.tick()
    while done == 0 or context.get_remaining_time_in_millis() > RESERVE_MS:
        if run_next(platform, aws_lake.settings) is None:
            break
        done += 1
    if done:
        keeper.after_job()
        keeper.tick()
    return {"done": done, "waiting": len(open_jobs(platform))}
