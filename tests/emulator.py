"""AWS on this machine: ministack as a real server on loopback, in a process of its own.

It lives in an environment of its own (`.venv/emulator`, see tools/emulator): its pins fight ours. Its Lambda functions are
processes of that environment's Python; `PYTHONPATH` of the function gives them our code and packages.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

REGION = "us-east-1"
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": REGION,
    "AWS_DEFAULT_REGION": REGION,
    "AWS_EC2_METADATA_DISABLED": "true",
}
START_SECONDS = 180


def emulator_python() -> Path:
    return Path(os.environ.get("SHELFCAST_EMULATOR_PYTHON") or Path(sys.prefix) / "emulator" / "bin" / "python")


def needs_emulator() -> None:
    """Skip, saying how to get it, where it isn't installed."""
    pytest.importorskip("boto3", reason="the AWS adapters need the aws extra")
    if not emulator_python().exists():
        pytest.skip("the AWS emulator isn't installed: make emulator")


@dataclass
class Emulator:
    """A running server."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path
    environment: dict[str, str] = field(default_factory=dict)
    """What a process that speaks to it needs in its environment."""

    def client(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        config = Config(inject_host_prefix=False, retries={"mode": "standard", "max_attempts": 3})
        return boto3.client(
            service, region_name=REGION, endpoint_url=self.url, aws_access_key_id="test", aws_secret_access_key="test",
            config=config,
        )  # fmt: skip

    def reset(self) -> None:
        urllib.request.urlopen(urllib.request.Request(f"{self.url}/_ministack/reset", method="POST")).read()

    def tail(self, lines: int = 60) -> str:
        return "\n".join(self.log.read_text("utf-8", "replace").splitlines()[-lines:])


@contextmanager
def running(*, rights: bool = False, **more: str) -> Iterator[Emulator]:
    """A server of our own on a free port, ended at the end with everything it started.

    Args:
        rights: IAM counts: a function may do what its role may, buckets and topics refuse whom their policies refuse. Our
            own calls are the account root's.
        more: variables of its environment.
    """
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    url = f"http://127.0.0.1:{port}"
    with tempfile.TemporaryDirectory(prefix="shelfcast-emulator-") as folder:
        log = Path(folder) / "log"
        environment = {**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": url, "TMPDIR": folder, **more}
        environment |= {"GATEWAY_PORT": str(port), "BIND_HOST": "127.0.0.1", "IOT_MTLS_ENABLED": "0"}
        environment |= {"AUTH": "true"} if rights else {}
        start = [str(Path(__file__).with_name("emulator_with_rights.py"))] if rights else ["-m", "ministack"]
        with log.open("wb") as output:
            process = subprocess.Popen(
                [emulator_python(), *start], env=environment, stdout=output, stderr=subprocess.STDOUT, cwd=folder
            )  # fmt: skip
        made = Emulator(url, process, log, {**CREDENTIALS, "AWS_ENDPOINT_URL": url})
        try:
            _wait(made)
            yield made
        finally:
            process.terminate()
            try:
                process.wait(timeout=15)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


@contextmanager
def sagemaker_state() -> Iterator[Emulator]:
    """moto's server, which keeps what SageMaker's model registry is told (ministack has no SageMaker)."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="shelfcast-moto-") as folder:
        log = Path(folder) / "log"
        with log.open("wb") as output:
            command = [emulator_python().with_name("moto_server"), "-H", "127.0.0.1", "-p", str(port)]
            process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT, cwd=folder)
        url = f"http://127.0.0.1:{port}"
        made = Emulator(url, process, log, {**CREDENTIALS, "AWS_ENDPOINT_URL_SAGEMAKER": url})
        try:
            _wait(made, "moto-api/")
            yield made
        finally:
            process.kill()  # it keeps nothing, and in debug mode doesn't always hear a polite word
            process.wait()


def _wait(made: Emulator, path: str = "_ministack/health") -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if made.process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"{made.url}/{path}", timeout=2):
                return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError(f"the emulator didn't start:\n{made.tail()}")
