"""The daily cycle with its kernels on Spark: the same results to the byte, and tables Spark's own SQL can read."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from shelfcast.bootstrap import open_platform
from shelfcast.domain.tables import results
from tests.functional.shops import ENVIRONMENT, result_hashes, shelfcast

pytest.importorskip("pyspark", reason="Spark isn't installed: make spark-test")
pytestmark = [
    pytest.mark.skipif(shutil.which("java") is None, reason="no Java on this machine"),
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
]
SUMS = """
import json, sys
from shelfcast.adapters.spark.session import catalog_settings, iceberg_jars, local_session
lake = sys.argv[1]
known = catalog_settings({"type": "sql", "uri": f"sqlite:///{lake}/lake/catalog.db"}, f"file://{lake}/lake/tables", "shelfcast")
session = local_session(1, memory="1g", settings=known, jars=iceberg_jars())
one = session.sql("select count(*) as rows, sum(mean) as mean from shelfcast.results.forecasts where stage = 'final'").collect()[0]
print(json.dumps([one["rows"], one["mean"]]))
session.stop()
"""


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    shelfcast("simulate", folder, "--stores=3", "--items=20", "--days=430", "--seed=5")
    return folder


def made(shop: Path, lake: Path, **settings: str) -> Path:
    shelfcast("init", lake)
    shelfcast("ingest", "--lake", lake, "--yes", shop)
    done = subprocess.run(
        [sys.executable, "-m", "shelfcast", "run", "--lake", str(lake)],
        env={**ENVIRONMENT, "SHELFCAST_PARTITION_ROWS": "10000", **settings},
        capture_output=True, text=True, timeout=500, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return lake


@pytest.fixture(scope="module")
def on_spark(shop: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made(shop, tmp_path_factory.mktemp("spark"), SHELFCAST_ENGINE="spark", SHELFCAST_WORKERS="2")


@pytest.mark.timeout(900)
def test_spark_gives_the_results_of_one_machine_to_the_byte(shop, on_spark, tmp_path):
    here = made(shop, tmp_path / "local")
    assert result_hashes(on_spark) == result_hashes(here)


@pytest.mark.timeout(900)
def test_sparks_own_sql_reads_the_tables(on_spark):
    from shelfcast.adapters.spark.session import iceberg_jars

    if not iceberg_jars():
        pytest.skip("Iceberg's runtime for Spark or the SQLite driver isn't installed: make spark-test")
    done = subprocess.run(
        [sys.executable, "-c", SUMS, str(on_spark)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        env=os.environ,
    )
    assert done.returncode == 0, done.stderr
    rows, mean = json.loads(done.stdout.strip().splitlines()[-1])
    final = open_platform(on_spark).tables.scan(results.FORECASTS).filter(pl.col("stage") == "final").collect()
    assert rows == final.height > 0
    assert mean == pytest.approx(final["mean"].sum(), rel=1e-12)
