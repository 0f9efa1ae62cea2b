"""Measures of the system itself: how long the night took, how much memory and money, who waits."""

from __future__ import annotations

from datetime import date
from typing import Any

import numpy as np

from shelfcast.domain.errors import BadParameter, NotFound
from shelfcast.domain.measures import Measure
from shelfcast.pipeline import queue_jobs, run_record
from shelfcast.ports.platform import Platform

NIGHTS = 20
LEAST_NIGHTS = 5
LEAST_SECONDS, LEAST_MB = 60.0, 500.0
WAIT_HOURS = 6.0
PRICES, MACHINE = "price_table", "machine_hour"


def set_price(platform: Platform, machine_hour: float) -> None:
    """What an hour of the machine costs, in the lake's currency: the night's cost is measured from then on.

    Raises:
        BadParameter: a negative price.
    """
    if machine_hour < 0:
        raise BadParameter(f"{machine_hour} for an hour of the machine came; a price is 0 or more.")
    platform.records.put(PRICES, MACHINE, {"price": machine_hour})


def system_measures_of(platform: Platform, cutoff: date) -> list[Measure]:
    """Of the newest run of each step for the cutoff, against the nights before."""
    nights: dict[str, dict[str, dict[str, Any]]] = {}
    for record in platform.records.query(run_record.KIND, where={"state": "done"}):
        body = record.body
        if "seconds" in body and "step" in body and str(body.get("cutoff", "9999")) <= cutoff.isoformat():
            mine = nights.setdefault(str(body["step"]), {})
            known = mine.get(str(body["cutoff"]))
            if known is None or known["started_at"] <= body["started_at"]:
                mine[str(body["cutoff"])] = dict(body)
    found: list[Measure] = []
    for step, by_cutoff in sorted(nights.items()):
        now = by_cutoff.get(cutoff.isoformat())
        before = [by_cutoff[day] for day in sorted(by_cutoff) if day < cutoff.isoformat()][-NIGHTS:]
        if now is not None and len(before) >= LEAST_NIGHTS:
            found += _step(step, now, before)
    cost = _cost(platform, nights, cutoff)
    return [*found, *([cost] if cost else []), _queue(platform)]


def _step(step: str, now: dict[str, Any], before: list[dict[str, Any]]) -> list[Measure]:
    found = []
    for name, field, least, unit in (
        ("duration", "seconds", LEAST_SECONDS, "s"),
        ("memory", "peak_mb", LEAST_MB, "MB"),
    ):
        usual = float(np.median([float(one[field]) for one in before]))
        value = float(now[field])
        threshold = max(2.0 * usual, usual + least)
        says = f"The step {step} took {value:,.0f} {unit}; {usual:,.0f} {unit} is usual."
        reason = f"Twice the median of {len(before)} nights, and at least {least:g} {unit} more: less is other work on the machine."
        found.append(Measure("system", name, step, value, usual, threshold, reason, says))
    return found


def _cost(platform: Platform, nights: dict[str, dict[str, dict[str, Any]]], cutoff: date) -> Measure | None:
    try:
        price = float(platform.records.get(PRICES, MACHINE).body["price"])
    except NotFound:
        return None
    seconds: dict[str, float] = {}
    for by_cutoff in nights.values():
        for day, body in by_cutoff.items():
            seconds[day] = seconds.get(day, 0.0) + float(body["seconds"])
    if cutoff.isoformat() not in seconds:
        return None
    before = [seconds[day] * price / 3600 for day in sorted(seconds) if day < cutoff.isoformat()][-NIGHTS:]
    value = seconds[cutoff.isoformat()] * price / 3600
    usual = float(np.median(before)) if len(before) >= LEAST_NIGHTS else value
    says = f"The night cost {value:,.4f}; {usual:,.4f} is usual ({price:g} an hour)."
    reason = "Twice the usual night: training nights cost more and come four weeks apart."
    return Measure("system", "cost", "night", value, usual, max(2.0 * usual, usual + price / 4), reason, says)


def _queue(platform: Platform) -> Measure:
    now = platform.clock.now()
    waiting = [one for one in queue_jobs.open_jobs(platform) if one.state == queue_jobs.QUEUED]
    oldest = max(((now - one.created_at).total_seconds() / 3600 for one in waiting), default=0.0)
    says = f"{len(waiting):,} jobs wait; the oldest for {oldest:.1f} hours."
    reason = f"{WAIT_HOURS:g} hours: a night's work is done by then, so nobody takes jobs."
    return Measure("system", "queue", "jobs", oldest, 0.0, WAIT_HOURS, reason, says)
