"""What is kept of every step that ran, so that `status` explains any number.

The run id is a hash of what decides the result: step, parameters, contents of the inputs, code version. Clocks,
attempts, machine and memory live beside it in the record and decide nothing.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import platform as machine
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import shelfcast

KIND = "runs"
PACKAGES = ("polars", "pyarrow", "pyiceberg", "numpy", "numba", "lightgbm", "statsforecast")


@cache
def code_version() -> str:
    """Version of Shelfcast and a hash of its source files and of the packages that decide results."""
    root = Path(shelfcast.__file__).parent
    digest = hashlib.sha256()
    for path in sorted(root.rglob("*.py")):
        digest.update(path.relative_to(root).as_posix().encode())
        digest.update(path.read_bytes())
    for name, number in package_versions().items():
        digest.update(f"{name}={number}".encode())
    return f"{shelfcast.__version__}+{digest.hexdigest()[:12]}"


@cache
def package_versions() -> dict[str, str]:
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def run_id_of(step: str, parameters: Mapping[str, Any], inputs: Mapping[str, str], code: str) -> str:
    """Same step, parameters, contents and code: same id."""
    text = json.dumps([step, dict(parameters), dict(inputs), code], sort_keys=True, default=str)
    return f"{step}-{hashlib.sha256(text.encode()).hexdigest()[:16]}"


@dataclass
class Measured:
    """Seconds and peak memory of a block of work.

    Peak memory is the process's own high-water mark, set back at the start where the system lets us (Linux), else the
    highest since the process began. Worker processes are not in it.
    """

    seconds: float = 0.0
    peak_mb: float = 0.0
    _start: float = field(default=0.0, repr=False)

    def __enter__(self) -> Measured:
        with contextlib.suppress(OSError):
            Path("/proc/self/clear_refs").write_text("5")
        self._start = time.perf_counter()
        return self

    def __exit__(self, *_: object) -> None:
        self.seconds = time.perf_counter() - self._start
        self.peak_mb = high_water_mb()


def high_water_mb() -> float:
    """The process's resident high-water mark in MB."""
    try:
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    except OSError:
        pass
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1024 * 1024 if sys.platform == "darwin" else 1024)


def host() -> dict[str, Any]:
    """The machine a run was made on."""
    return {
        "machine": machine.machine(),
        "system": machine.system(),
        "python": machine.python_version(),
        "cores": os.cpu_count(),
    }
