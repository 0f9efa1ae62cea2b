"""Small shops and lakes for tests, through the real commands."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

from shelfcast.domain.tables import results
from shelfcast.lake.canonical import content_hash

ENVIRONMENT = {
    **os.environ, "POLARS_MAX_THREADS": "1", "OMP_NUM_THREADS": "1", "SHELFCAST_MODEL_REGISTRY": "records",
}  # fmt: skip
"""Models in records: MLflow, which takes seconds to import, has tests of its own and serves the shop behind the API."""
RESULTS = (
    results.DEMAND,
    results.FORECASTS,
    results.WINDOW_DEMAND,
    results.EXPLANATIONS,
    results.ORDER_LINES,
    results.EXCEPTIONS,
)


def shelfcast(*arguments: str | Path, check: bool = True, timeout: float = 300) -> subprocess.CompletedProcess[str]:
    """Run a command as a stranger would."""
    done = subprocess.run(
        [sys.executable, "-m", "shelfcast", *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        env=ENVIRONMENT,
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(
            f"shelfcast {' '.join(map(str, arguments))} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}"
        )
    return done


def result_hashes(lake: Path) -> dict[str, str]:
    """Canonical content hash of every result table."""
    from shelfcast.bootstrap import open_platform

    platform = open_platform(lake)
    return {table.name: content_hash(table, platform.tables.scan(table)) for table in RESULTS}


def file_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
