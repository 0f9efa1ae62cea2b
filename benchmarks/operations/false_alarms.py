"""How often the monitor tells of something though nothing changed: the nights of a simulated shop without faults.

    python benchmarks/operations/false_alarms.py --stores 2 --items 24 --nights 365                the stand-in's forecasts
    python benchmarks/operations/false_alarms.py --stores 10 --items 200 --nights 365 --model trained   the demo shop

Every alarm is false here, festivals, promotions, new items and holidays included. The bound is one a month in total.
Results go to benchmarks/operations/results/.
"""

from __future__ import annotations

import argparse
import json
import os
import platform as machine
import time
from datetime import date, timedelta
from pathlib import Path

import polars as pl
from rehearsal import Alarm, Played, counted, expected_units, loaded, play, put_away, spec_of, stand_in, taken_up

from shelfcast.domain.tables import results
from shelfcast.lake.replace import replace as replace_rows

RESULTS = Path(__file__).parent / "results"
MONTH = 365.25 / 12
WARM = (-28, -21, -14, -7)
"""Cutoffs before the first night: as if the lake had been forecast for four weeks."""


def run(options: argparse.Namespace) -> dict[str, object]:
    spec = spec_of(options.stores, options.items, options.history, options.nights, options.seed)
    lake = loaded(spec)
    first = spec.last_day - timedelta(days=options.nights)
    forecast = None
    if options.model == "stand-in":
        expected, _ = expected_units(spec)
        expected = expected.filter(pl.col("date") > first - timedelta(days=40))

        def forecast(cutoff: date) -> pl.DataFrame:
            return stand_in(expected, cutoff, options.seed)

        for days in WARM:
            replace_rows(lake.tables, results.FORECASTS, forecast(first + timedelta(days=days)), None)
    before = taken_up(lake, options.state) if options.state else None
    until = time.monotonic() + options.seconds
    played = play(lake, first, options.nights, forecast, played=before, until=until, seed=options.seed)
    if options.state:
        put_away(lake, played, options.state)
    return described(options, played, played.alarms)


def described(options: argparse.Namespace, played: Played, alarms: list[Alarm]) -> dict[str, object]:
    return {
        "shop": f"{options.stores} stores x {options.items} items, seed {options.seed}",
        "forecasts": options.model,
        "nights": played.nights,
        "alarms": len(alarms),
        "alarms_a_month": round(len(alarms) / played.nights * MONTH, 2),
        "by_cause": counted(alarms),
        "processor_seconds_a_night": round(played.processor_seconds / max(played.nights, 1), 3),
        "machine": f"{os.cpu_count()} cores, {machine.machine()}, Python {machine.python_version()}",
        "told": [{"night": one.day.isoformat(), "what": one.finding.key, "says": one.finding.says} for one in alarms],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, default in (("stores", 2), ("items", 24), ("history", 760), ("nights", 365), ("seed", 7)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--model", choices=["stand-in", "trained"], default="stand-in")
    parser.add_argument(
        "--state", type=Path, help="folder to go on from and to keep how far it is, for a run in pieces"
    )
    parser.add_argument("--seconds", type=float, default=float("inf"), help="stop after so long; run it again to go on")
    options = parser.parse_args()
    found = run(options)
    if int(str(found["nights"])) < options.nights:
        print(f"{found['nights']} of {options.nights} nights; run it again to go on")
        return
    RESULTS.mkdir(exist_ok=True)
    name = f"false_alarms_{options.stores}x{options.items}_{options.model.replace('-', '_')}.json"
    (RESULTS / name).write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()
