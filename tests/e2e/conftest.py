"""The real server on a small shop, and headless Chromium in front of it."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from shelfcast.entrypoints.http import web
from tests.e2e.shop import write_shop
from tests.functional.shops import ENVIRONMENT, shelfcast

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
SIZES = {"wide": (1440, 900), "narrow": (390, 844)}
PASSWORD = "correct horse battery"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if reason := _missing():
        for item in items:
            if Path(__file__).parent in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=reason))


def _missing() -> str:
    try:
        import playwright  # noqa: F401
    except ImportError:
        return "playwright isn't installed"
    if CHROMIUM is None:
        return "no Chromium on this machine"
    if not (web.FOLDER / "index.html").is_file():
        return "the web app isn't built: make web"
    return ""


@dataclass
class Server:
    address: str
    code: str
    """Makes the first admin."""
    problems: list[str] = field(default_factory=list)
    """What pages wrote to the console as errors."""


@pytest.fixture(scope="package")
def shots(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where screenshots go: $SHELFCAST_SHOTS, else a temporary folder."""
    folder = Path(os.environ.get("SHELFCAST_SHOTS") or tmp_path_factory.mktemp("shots"))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="package")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    lake = tmp_path_factory.mktemp("browser-lake")
    files = write_shop(tmp_path_factory.mktemp("browser-shop"))
    shelfcast("init", lake)
    shelfcast("ingest", "--lake", lake, "--yes", files)
    shelfcast("run", "--lake", lake)
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "shelfcast", "serve", "--lake", str(lake), "--port", "0"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=ENVIRONMENT,
    )  # fmt: skip
    said = ""
    assert process.stdout is not None
    try:
        for line in process.stdout:
            said += line
            if found := re.search(r"(http://\S+)/welcome\?code=(\S+)", said):
                break
        else:
            raise AssertionError(f"the server didn't start:\n{said}")
        rest = threading.Thread(target=process.stdout.read, daemon=True)
        rest.start()
        yield Server(found[1], found[2])
    finally:
        process.terminate()
        process.wait(30)
        rest.join(10)
        process.stdout.close()


@pytest.fixture(scope="package")
def browser() -> Iterator[object]:
    # Of this package only: while it lives, its thread runs an event loop and no other test could run its own.
    from playwright.sync_api import sync_playwright

    with sync_playwright() as made, made.chromium.launch(executable_path=CHROMIUM) as chromium:
        yield chromium


@pytest.fixture(scope="package")
def page(browser, server) -> Iterator[object]:
    """One person's browser through the whole journey."""
    context = browser.new_context(
        viewport=dict(zip(("width", "height"), SIZES["wide"], strict=True)), locale="en-GB", accept_downloads=True
    )
    made = context.new_page()
    made.set_default_timeout(60_000)
    made.on("pageerror", lambda error: server.problems.append(f"{made.url}: {error}"))
    made.on(
        "console",
        lambda said: server.problems.append(f"{made.url}: {said.text}") if said.type == "error" else None,
    )
    yield made
    context.close()
