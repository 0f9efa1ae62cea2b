"""Spark sessions for tests; a test that needs one is skipped where Spark or Java is not installed."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest


def spark_session(cores: int, settings: Mapping[str, str] | None = None, jars: Sequence[Path] = ()) -> Any:
    pytest.importorskip("pyspark", reason="Spark isn't installed: make spark-test")
    if shutil.which("java") is None:
        pytest.skip("no Java on this machine (apt-get install openjdk-17-jre-headless)")
    from shelfcast.adapters.spark.session import local_session

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return local_session(cores, memory="1g", settings=settings, jars=jars)
