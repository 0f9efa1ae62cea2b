"""The container run as SageMaker runs it: a process with its files under one root, asked over HTTP."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from shelfcast.entrypoints.sagemaker.train import train
from tests.functional.shops import ENVIRONMENT, shelfcast

COMMAND = [sys.executable, "-m", "shelfcast.entrypoints.sagemaker"]


def prepare(root: Path, parameters: dict[str, str]) -> Path:
    """Hyperparameters as SageMaker writes them; the folder of the channel."""
    channel = root / "input" / "data" / "shop"
    channel.mkdir(parents=True)
    said = root / "input" / "config" / "hyperparameters.json"
    said.parent.mkdir(parents=True)
    said.write_text(json.dumps(parameters))
    return channel


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shop")
    shelfcast("simulate", folder, "--stores=1", "--items=6", "--days=400", "--seed=7")
    return folder


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory, shop: Path) -> Path:
    """/opt/ml after a training job."""
    root = tmp_path_factory.mktemp("opt-ml")
    channel = prepare(root, {"horizon": "7", "seed": "3"})
    (channel / "sales.csv").symlink_to(sales_file(shop))
    done = subprocess.run([*COMMAND, "train", root], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return root


def sales_file(shop: Path) -> Path:
    return max(shop.rglob("sales*.csv"), key=lambda path: path.stat().st_size)


@contextmanager
def serving(root: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {**ENVIRONMENT, "SAGEMAKER_BIND_TO_PORT": str(port)}
    process = subprocess.Popen([*COMMAND, "serve", root], env=environment, stderr=subprocess.PIPE)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(1200):
            if process.poll() is not None:
                raise AssertionError(process.communicate()[1].decode())
            try:
                urllib.request.urlopen(f"{url}/ping")
                break
            except OSError:
                time.sleep(0.05)
        yield url
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        assert process.stderr is not None
        process.stderr.close()


def ask(url: str, body: bytes) -> tuple[int, dict[str, Any]]:
    try:
        with urllib.request.urlopen(urllib.request.Request(f"{url}/invocations", body), timeout=300) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_a_training_job_leaves_a_whole_model_and_an_endpoint_forecasts_with_it(root: Path, shop: Path) -> None:
    assert {path.name for path in (root / "model").iterdir()} == {"model.zip", "card.json", "version.json"}
    assert not (root / "output" / "failure").exists()
    sales = pl.read_csv(sales_file(shop), infer_schema=False)
    with serving(root) as url:
        status, answer = ask(url, json.dumps({"tables": {"sales": sales.tail(4000).to_dicts()}}).encode())
        assert status == 200, answer
        rows = pl.DataFrame(answer["rows"])
        assert set(rows.group_by("item_id", "location_id").len()["len"]) == {7}
        assert (rows["q900"] >= rows["q100"]).all() and rows["mean"].sum() > 0
        for body, said in (
            (b"{", "JSON"),
            (b'{"tables": {}}', "no sales"),
            (b'{"tables": {"salse": []}}', "salse"),
            (b'{"tables": {"sales": [{"a": 1}]}}', "sales"),
        ):
            status, answer = ask(url, body)
            assert status == 400 and said in answer["error"], answer
        status, answer = ask(url, b" " * (6 * 2**20 + 1))
        assert status == 413


@pytest.mark.parametrize(
    ("parameters", "files", "reason"),
    [
        ({}, {}, "channel shop is empty"),
        ({"horizont": "3"}, {"sales.csv": "date,item_id,location_id,units\n"}, "horizont"),
        ({}, {"notes.csv": "hello\nworld\n"}, "notes.csv"),
    ],
)
def test_what_is_wrong_stands_in_the_failure_file(
    tmp_path: Path, parameters: dict[str, str], files: dict[str, str], reason: str
) -> None:
    channel = prepare(tmp_path, parameters)
    for name, text in files.items():
        (channel / name).write_text(text)
    assert train(tmp_path) == 1
    failure = (tmp_path / "output" / "failure").read_text()
    assert reason in failure and "Traceback" not in failure and len(failure) <= 1024
    assert not (tmp_path / "model").exists()


def test_an_endpoint_without_a_model_ends_with_a_sentence(tmp_path: Path) -> None:
    done = subprocess.run([*COMMAND, "serve", tmp_path], env=ENVIRONMENT, capture_output=True, text=True)
    assert done.returncode == 1
    assert "holds no whole model" in done.stderr and "Traceback" not in done.stderr
    assert subprocess.run([*COMMAND, "dance"], env=ENVIRONMENT, capture_output=True).returncode == 2
