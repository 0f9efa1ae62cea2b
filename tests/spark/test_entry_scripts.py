"""The script Glue 5 and EMR Serverless run, as they run it: by spark-submit, arguments as theirs, the lake on AWS."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import pytest

import shelfcast
from shelfcast.domain.tables import results
from shelfcast.entrypoints import aws_lake
from shelfcast.entrypoints.lambdas import step
from shelfcast.lake.canonical import content_hash
from shelfcast.pipeline import run_record
from tests.aws.conftest import lake, server  # noqa: F401 - fixtures
from tests.aws.places import Places
from tests.aws.test_shells import Clock, drop
from tests.emulator import Emulator

pyspark = pytest.importorskip("pyspark", reason="Spark isn't installed: make spark-test")
pytestmark = [
    pytest.mark.skipif(shutil.which("java") is None, reason="no Java on this machine"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.timeout(600),
]
FIRST, DAYS = date(2026, 1, 1), 70
SCRIPT = Path(shelfcast.__file__).parent / "entrypoints" / "glue" / "step.py"


def sales() -> str:
    lines = ["date,item_id,location_id,units"]
    for number in range(DAYS):
        for item in range(6):
            for place in ("north", "south"):
                units = (number * 7 + item * 3 + len(place)) % 11
                lines.append(f"{FIRST + timedelta(days=number)},i{item},{place},{units}")
    return "\n".join(lines) + "\n"


def submitted(environment: dict[str, str], *arguments: str) -> dict[str, object]:
    """The step's answer, run as a Spark application of two cores."""
    script = Path(pyspark.__file__).parent / "bin" / "spark-submit"
    command = [str(script), "--master", "local[2]", "--conf", "spark.ui.enabled=false", str(SCRIPT), *arguments]
    done = subprocess.run(
        command, capture_output=True, text=True, timeout=500, check=False,
        env={**os.environ, "PYSPARK_PYTHON": sys.executable, "PYSPARK_DRIVER_PYTHON": sys.executable, **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(next(line for line in reversed(done.stdout.splitlines()) if line.startswith('{"')))


def test_a_step_by_spark_submit_writes_the_rows_of_one_machine(server: Emulator, lake: Places) -> None:  # noqa: F811
    drop(server, lake, "incoming/sales.csv", sales())
    loaded = step.handler({"step": "ingest", "delivery": "incoming/sales.csv"}, Clock())
    step.handler({"step": "features", "parameters": loaded["parameters"]}, Clock())
    platform = aws_lake.platform()
    here = content_hash(results.DEMAND, platform.tables.scan(results.DEMAND))
    for one in platform.records.query(run_record.KIND):
        if one.body["step"] == "features":
            platform.records.delete(run_record.KIND, one.record_id)
    platform.tables.replace(results.DEMAND, results.DEMAND.empty(), None)

    theirs = ["--JOB_NAME", "features", "--TempDir=s3://x/y", "--enable-metrics", "--SHELFCAST_ENGINE=spark"]
    asked = ["--step", "features", "--parameters", json.dumps(loaded["parameters"])]
    answer = submitted({**server.environment, **lake.environment}, *theirs, *asked)
    assert answer["state"] == "done" and answer["step"] == "features"
    aws_lake.platform.cache_clear()
    again = aws_lake.platform().tables.scan(results.DEMAND)
    assert content_hash(results.DEMAND, again) == here
