"""How long the app takes to show itself to somebody who comes for the first time, on a slow line and a slow machine.

    .venv/bin/python benchmarks/load/first_load.py --lake LAKE --out benchmarks/load/results

A real server on loopback, headless Chromium with an empty cache, the line held to 10 Mbit/s with 40 ms of delay and the CPU
slowed four times (Chrome's own emulation). Shown = the page's heading stands; quiet = nothing was asked of the server for
half a second. Bytes are those on the wire, compressed; charts come in files of their own when a page first draws one.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, BrowserContext, sync_playwright

PASSWORD = "a long enough password"
LINE = {"offline": False, "latency": 40, "downloadThroughput": 10e6 / 8, "uploadThroughput": 10e6 / 8}
SLOWER = 4
CHARTS = re.compile("chart", re.IGNORECASE)
PAGES = {"sign-in": "/today", "today": "/today", "forecasts": "/forecasts", "orders": "/orders"}


def start(lake: Path) -> tuple[subprocess.Popen[str], str, str]:
    command = [sys.executable, "-u", "-m", "shelfcast", "serve", "--lake", str(lake), "--port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = ""
    for line in process.stdout:
        said += line
        if found := re.search(r"(http://\S+)/welcome\?code=(\S+)", said):
            threading.Thread(target=process.stdout.read, daemon=True).start()
            return process, found[1], found[2]
    raise SystemExit(f"the server didn't start, or has people already (take a lake nobody has signed in to):\n{said}")


def visit(context: BrowserContext, address: str) -> dict[str, Any]:
    """One cold visit: seconds until shown and quiet, kB by kind."""
    page = context.new_page()
    session = context.new_cdp_session(page)
    size: dict[str, int] = {}
    name: dict[str, str] = {}
    session.on("Network.responseReceived", lambda said: name.update({said["requestId"]: said["response"]["url"]}))
    session.on("Network.loadingFinished", lambda said: size.update({said["requestId"]: said["encodedDataLength"]}))
    session.send("Network.enable")
    session.send("Network.setCacheDisabled", {"cacheDisabled": True})
    session.send("Network.emulateNetworkConditions", LINE)
    session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})
    began = time.perf_counter()
    page.goto(address, wait_until="commit")
    page.get_by_role("heading").first.wait_for()
    shown = time.perf_counter() - began
    page.wait_for_load_state("networkidle")
    quiet = time.perf_counter() - began - 0.5
    page.close()
    files = {key: url for key, url in name.items() if "/v1/" not in url}
    charts = sum(size.get(key, 0) for key, url in files.items() if CHARTS.search(url))
    whole = sum(size.get(key, 0) for key in files)
    return {"shown_s": shown, "quiet_s": quiet, "app_kb": (whole - charts) / 1000, "charts_kb": charts / 1000}


def measure(browser: Browser, address: str, code: str, times: int) -> dict[str, Any]:
    first = browser.new_context(locale="en-GB")
    page = first.new_page()
    page.goto(f"{address}/welcome?code={code}")
    page.get_by_label("Name").fill("dana")
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Password again").fill(PASSWORD)
    page.get_by_role("button", name="Make account").click()
    page.get_by_role("heading", name="Today", level=1).wait_for()
    page.close()
    found: dict[str, Any] = {}
    for name, path in PAGES.items():
        seen = []
        for _ in range(times):
            if name == "sign-in":
                with browser.new_context(locale="en-GB") as context:
                    seen.append(visit(context, address + path))
            else:
                seen.append(visit(first, address + path))
        found[name] = {key: round(statistics.median(one[key] for one in seen), 2) for key in seen[0]}
        found[name]["slowest_shown_s"] = round(max(one["shown_s"] for one in seen), 2)
        print(name, json.dumps(found[name]))
    first.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lake", type=Path, required=True, help="after `shelfcast run`, before anybody has signed in")
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    process, address, code = start(asked.lake)
    try:
        with sync_playwright() as made, made.chromium.launch(executable_path=asked.chromium) as browser:
            results = {
                "date": f"{datetime.now(UTC):%Y-%m-%d}",
                "machine": f"{os.cpu_count()} cores, {platform.machine()}, load average {os.getloadavg()[0]:.1f}",
                "browser": browser.version,
                "line": "10 Mbit/s, 40 ms",
                "cpu": f"slowed {SLOWER} times",
                "pages": measure(browser, address, code, asked.times),
            }
    finally:
        process.terminate()
        process.wait()
    if asked.out:
        asked.out.mkdir(parents=True, exist_ok=True)
        (asked.out / "first_load.json").write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()
