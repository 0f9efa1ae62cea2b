"""Spark on this machine, with the lake's Iceberg tables as `lake.<zone>.<table>` in its SQL."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from shelfcast.adapters.spark.engine import threads_of_a_task

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

EXTENSIONS = "org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions"
SQLITE_JARS = (Path("/usr/share/java/sqlite-jdbc.jar"), Path("/usr/share/java/xerial-sqlite-jdbc.jar"))
SQLITE_LIBRARY = "libsqlitejdbc.so"


def local_session(
    cores: int, *, memory: str = "2g", settings: Mapping[str, str] | None = None, jars: Sequence[Path] = ()
) -> SparkSession:
    """A session on this machine that listens on loopback only.

    Args:
        cores: tasks at a time, each with one core.
        memory: of the JVM; kernels run in Python processes beside it.
        settings: of `catalog_settings`, to read the lake in SQL.
        jars: for the class path.
    """
    from pyspark.sql import SparkSession

    # Python workers are started by this name; the default is whatever `python3` is on the PATH.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    builder = (
        SparkSession.builder.master(f"local[{cores}]")
        .appName("shelfcast")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.driver.bindAddress", "127.0.0.1")
        .config("spark.driver.host", "127.0.0.1")
        .config("spark.driver.memory", memory)
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.log.level", "ERROR")
    )
    for name, value in threads_of_a_task(1).items():
        builder = builder.config(f"spark.executorEnv.{name}", value)
    if jars:
        paths = [str(one) for one in jars]
        builder = builder.config("spark.jars", ",".join(paths)).config("spark.driver.extraClassPath", ":".join(paths))
    for name, value in (settings or {}).items():
        builder = builder.config(name, value)
    return builder.getOrCreate()


def active_session() -> SparkSession | None:
    """The session of the cluster this runs on, where Glue, EMR or `spark-submit` started us."""
    from pyspark.sql import SparkSession

    active = SparkSession.getActiveSession()
    if active is None and ("PYSPARK_GATEWAY_PORT" in os.environ):
        return SparkSession.builder.getOrCreate()
    return active


def catalog_settings(properties: Mapping[str, str], warehouse: str, name: str) -> dict[str, str]:
    """Spark's settings for the catalog PyIceberg writes: the SQLite file of a laptop, or Glue on AWS.

    Args:
        properties: PyIceberg's properties of the catalog.
        name: PyIceberg's name of it; a key of the SQL catalog's rows, so Spark must use the same.
    """
    mine = f"spark.sql.catalog.{name}"
    common = {
        "spark.sql.extensions": EXTENSIONS,
        mine: "org.apache.iceberg.spark.SparkCatalog",
        f"{mine}.warehouse": warehouse,
    }
    if properties.get("type") == "glue":
        return common | {
            f"{mine}.catalog-impl": "org.apache.iceberg.aws.glue.GlueCatalog",
            f"{mine}.io-impl": "org.apache.iceberg.aws.s3.S3FileIO",
        }
    file = properties["uri"].removeprefix("sqlite:///").partition("?")[0]
    native = (
        f"-Djava.library.path=/usr/lib/jni -Dorg.sqlite.lib.path={_native()} -Dorg.sqlite.lib.name={SQLITE_LIBRARY}"
    )
    return common | {
        f"{mine}.type": "jdbc",
        f"{mine}.uri": f"jdbc:sqlite:{file}",
        f"{mine}.jdbc.schema-version": "V1",
        "spark.driver.extraJavaOptions": native,
    }


def iceberg_jars() -> list[Path]:
    """Iceberg's runtime for Spark 3.5 and the SQLite driver, where they are installed; empty if one is missing."""
    found: list[Path] = []
    for folder in map(Path, sys.path):
        found += sorted(folder.glob("snowpark_connect_deps_iceberg/jars/iceberg-spark-runtime-3.5_2.12-*.jar"))[:1]
    driver = next((one for one in SQLITE_JARS if one.exists()), None)
    return [found[0], driver] if found and driver else []


def _native() -> str:
    """The folder of the driver's native library; Debian keeps it apart from the jar."""
    folders = (Path("/usr/lib/jni"), *sorted(Path("/usr/lib").glob("*/jni")))
    return str(next((one for one in folders if (one / SQLITE_LIBRARY).exists()), folders[0]))
