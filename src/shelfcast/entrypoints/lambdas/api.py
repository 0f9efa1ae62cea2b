"""The whole API as one function behind an HTTP API (payload 2.0)."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import lru_cache
from typing import Any


@lru_cache(maxsize=1)
def _adapter() -> Any:
    from mangum import Mangum  # type: ignore[import-untyped,import-not-found,unused-ignore]

    from shelfcast.bootstrap import aws_settings, change_aws_settings, job_runner, open_aws
    from shelfcast.entrypoints.http.app import build
    from shelfcast.pipeline import log_events

    log_events.start(os.environ)
    settings, platform = open_aws(os.environ)
    app = build(
        platform,
        settings,
        runner=job_runner(os.environ),
        read_settings=lambda: aws_settings(os.environ, platform),
        write_settings=lambda values: change_aws_settings(os.environ, platform, values),
    )
    return Mangum(app, lifespan="off")


def handler(event: Mapping[str, Any], context: Any) -> dict[str, Any]:
    return dict(_adapter()(event, context))
