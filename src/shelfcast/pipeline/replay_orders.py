"""Replay of a past stretch in money: what the nightly code would have ordered, night by night, beside other policies."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from shelfcast.domain.errors import BadParameter, MissingExtra
from shelfcast.pipeline.read_panel import scratch
from shelfcast.pipeline.replay_stage import Prepared, Request, check_request, prepare
from shelfcast.ports.platform import Platform
from shelfcast.replenish import replay_page
from shelfcast.replenish.night_policies import BASELINES, NightPolicy, at_service, parse_policy
from shelfcast.replenish.nights import Played, Stage, play
from shelfcast.replenish.replay_kpis import KPIS, compare, item_kpis, roll_up
from shelfcast.replenish.simulation import ItemTerms

__all__ = ["Request", "replay_orders", "terminal_tables", "write_replay"]

PLAYING = "Playing policies"
FRONTIER: Mapping[str, tuple[float, ...]] = {
    "nightly": (0.7, 0.85, 0.93, 0.97, 0.99),
    "normal": (0.7, 0.85, 0.93, 0.97, 0.99),
    "cover": (0.0, 1.0, 3.0, 6.0),
    "min_max": (0.0, 1.0, 4.0),
}
"""Settings of each policy on the frontier: cycle service, or days."""


@dataclass(frozen=True)
class _Names:
    """What the key figures need of the item-locations."""

    terms: ItemTerms
    item_names: list[str]


def replay_orders(platform: Platform, request: Request) -> dict[str, Any]:
    """Play the policies and put figures, differences and frontier into one document (plain values).

    Raises:
        BadParameter: days outside the history, an unknown policy.
        NotReady: no demand history, or no terms to order by.
    """
    policies = chosen_policies(request.policies)
    check_request(request)
    with scratch() as folder:
        prepared = prepare(platform, request, folder)
        frontier = _frontier_policies() if request.frontier else {}
        lines = [policy for group in frontier.values() for _, policy in group]
        asked = [NightJob(policy, stability=number == 0) for number, policy in enumerate(policies)]
        jobs = [*asked, *(NightJob(policy) for policy in lines)]
        platform.progress.start(PLAYING, len(jobs))
        played: list[Played] = []
        for one in platform.engine.map(partial(play_job, prepared.stage), jobs):
            played.append(one)
            platform.progress.advance(PLAYING)
    main, rest = played[: len(policies)], played[len(policies) :]
    return document(request, prepared, main, _grouped(frontier, rest))


@dataclass(frozen=True)
class NightJob:
    policy: NightPolicy
    stability: bool = False


def play_job(stage: Stage, job: NightJob) -> Played:
    return play(stage, job.policy, stability=job.stability)


def chosen_policies(names: Sequence[str]) -> list[NightPolicy]:
    """The policies asked for, then those every policy is measured against."""
    return [parse_policy(name) for name in dict.fromkeys([*(names or ("nightly",)), *BASELINES])]


def _frontier_policies() -> dict[str, list[tuple[float, NightPolicy]]]:
    return {
        kind: [
            (value, at_service(value) if kind == "nightly" else NightPolicy(f"{kind}:{value:g}", kind, value))
            for value in values
        ]
        for kind, values in FRONTIER.items()
    }


def _grouped(
    frontier: Mapping[str, Sequence[tuple[float, NightPolicy]]], played: Sequence[Played]
) -> dict[str, list[tuple[float, Played]]]:
    found, at = {}, 0
    for kind, group in frontier.items():
        found[kind] = [(value, played[at + number]) for number, (value, _) in enumerate(group)]
        at += len(group)
    return found


def document(
    request: Request,
    prepared: Prepared,
    main: Sequence[Played],
    frontier: Mapping[str, Sequence[tuple[float, Played]]],
) -> dict[str, Any]:
    """Figures of every policy, differences to those it is measured against, and the frontier."""
    terms = prepared.terms
    money = terms.money()
    names = [f"{item} at {place}" for item, place in terms.keys.iter_rows()]
    setting = _Names(ItemTerms(pack_size=terms.pack_size, backorders=terms.shelf.waits), names)

    def items(one: Played) -> pl.DataFrame:
        return item_kpis(one.result, money, setting)

    tables = {one.policy.name: items(one) for one in main}
    kpis = {one.policy.name: {**roll_up(tables[one.policy.name]).to_dicts()[0], **_uses(one)} for one in main}
    against = [name for name in tables if name in BASELINES]
    compared = {
        name: {
            other: {
                row.kpi: _plain(row._asdict())
                for row in compare(tables[name], tables[other], resamples=request.resamples, seed=request.seed)
            }
            for other in against
        }
        for name in tables
        if name not in BASELINES
    }
    by_location = {
        name: roll_up(frame.with_columns(location_id=terms.keys["location_id"]), ["location_id"]).to_dicts()
        for name, frame in tables.items()
    }
    return {
        "task": prepared.facts,
        "notes": prepared.notes,
        "meaning": {name: kpi.meaning for name, kpi in KPIS.items()},
        "kpis": kpis,
        "compared": compared,
        "by_location": by_location,
        "frontier": {
            kind: [{"setting": value, **roll_up(items(one)).to_dicts()[0]} for value, one in group]
            for kind, group in frontier.items()
        },
    }


def _uses(one: Played) -> dict[str, Any]:
    """Figures beside the totals: orders, limits, promises, steadiness; None where there is nothing to measure."""
    uses = one.uses
    weeks = max(uses.nights, 1) / 7.0

    def mean(values: Sequence[float]) -> float | None:
        return float(np.mean(values)) if values else None

    promised = sum(count for _, count in uses.promised)
    nightly = one.policy.kind == "nightly"
    return {
        "order_headers_per_week": uses.headers / weeks,
        "order_lines_per_week": uses.lines / weeks,
        "held_lines_per_week": uses.held / weeks,
        "review_share": uses.review / uses.lines if uses.lines else None,
        "capacity_use": mean(uses.capacity.get("capacity", [])),
        "budget_use": mean(uses.capacity.get("budget", [])),
        "fair_share_gap_days": mean(uses.share_gap),
        "group_service": 1.0 - uses.group_unmet / uses.group_demand if uses.group_demand else None,
        "promised_service": sum(value for value, _ in uses.promised) / promised if nightly and promised else None,
        "changed_by_a_day": uses.changed / uses.compared if uses.compared else None,
    }


def _plain(row: Mapping[str, Any]) -> dict[str, Any]:
    """Numbers JSON can hold: what isn't a number becomes None."""
    return {name: None if isinstance(value, float) and not np.isfinite(value) else value for name, value in row.items()}


terminal_tables = replay_page.terminal_tables


def write_replay(document: Mapping[str, Any], folder: Path | None, file: Path | None) -> list[Path]:
    """Write page, picture and figures to a folder, and the figures to a file; what was written.

    Raises:
        BadParameter: a path that can't be written.
    """
    written: list[Path] = []
    text = json.dumps(document, indent=1, allow_nan=False) + "\n"
    try:
        if file is not None:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, "utf-8")
            written.append(file)
        if folder is not None:
            folder.mkdir(parents=True, exist_ok=True)
            picture = folder / "frontier.png"
            drawn = bool(document["frontier"]) and _draw(document, picture)
            page = folder / "replay.md"
            page.write_text(replay_page.page(document, picture.name if drawn else ""), "utf-8")
            (folder / "replay.json").write_text(text, "utf-8")
            written += [page, *([picture] if drawn else []), folder / "replay.json"]
    except OSError as error:
        raise BadParameter(f"{error.filename} can't be written ({error.strerror}); give another place.") from error
    return written


def _draw(document: Mapping[str, Any], path: Path) -> bool:
    """Whether the picture could be drawn; without a plotting library the table says the same."""
    try:
        replay_page.draw(document, path)
    except MissingExtra:
        return False
    return True
