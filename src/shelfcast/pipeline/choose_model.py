"""Which model is the champion: promote one, roll back to the one before. One step each, refused if it can't forecast."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from shelfcast.domain.errors import BadFile, BadInput, Conflict, NotReady
from shelfcast.domain.tables import results
from shelfcast.features.frame import prepare
from shelfcast.features.matrix import names_of
from shelfcast.forecast.models.boosted import Model
from shelfcast.pipeline import audit_changes, model_records
from shelfcast.pipeline.read_panel import open_lake_at, read_sample
from shelfcast.ports.model_registry import CHAMPION, AliasChange
from shelfcast.ports.platform import Platform

CURE = "A model is used only with exactly the features it learnt from. Train a new one: `shelfcast models retrain`."
SHOWN = 5
"""Names of changed features a message lists."""


def promote(platform: Platform, who: str, model_id: str, reason: str) -> dict[str, Any]:
    """Make a model the champion.

    Raises:
        NotFound: no such model, or its file is gone.
        BadFile: its file is of another format, another class of model, or its feature list isn't this program's.
        Conflict: it is the champion already.
    """
    record = model_records.find(platform, model_id)
    before = platform.models.aliased(CHAMPION)
    if before is not None and before.model_id == model_id:
        raise Conflict(f"model {model_id} is the champion already.")
    check_usable(platform, record)
    platform.models.set_alias(CHAMPION, model_id, by=who, reason=reason, at=platform.clock.now())
    audit_changes.note(
        platform, who, "model.promote", model_id, before=before.model_id if before else None, reason=reason
    )
    return record


def roll_back(platform: Platform, who: str, reason: str) -> dict[str, Any]:
    """Make the champion before this one the champion again.

    Raises:
        NotReady: there was none.
        BadFile: it can't be used any more.
    """
    changes = history(platform)
    if not changes or not changes[0].before:
        raise NotReady("there is no earlier champion to go back to.")
    return promote(platform, who, changes[0].before, reason)


def history(platform: Platform) -> list[AliasChange]:
    """Who made which model the champion, the newest first."""
    return platform.models.alias_history(CHAMPION)


def check_usable(platform: Platform, record: Mapping[str, Any], cutoff: date | None = None) -> Model:
    """The version's model, if it can forecast with this program and the data of this lake up to a cutoff (the newest history).

    Raises:
        NotFound: its file is gone.
        BadFile: it can't; what came, what is allowed, what to do.
    """
    model = model_records.load(platform, str(record["model_id"]))
    if last := cutoff or _newest_demand(platform):
        check_features(platform, model, last)
    return model


def _newest_demand(platform: Platform) -> date | None:
    newest: date | None = platform.tables.scan(results.DEMAND).select(pl.col("date").max()).collect().item()
    return newest


def check_features(platform: Platform, model: Model, cutoff: date) -> None:
    """Build one series' features from the lake as this program does, and compare them with the model's.

    Raises:
        BadFile: they differ.
    """
    lake = open_lake_at(platform.tables, cutoff, model.recipe.horizon, model.recipe.frequency)
    try:
        now = names_of(prepare(read_sample(lake, 1), model.recipe)).features
    except BadInput as error:
        raise BadFile(f"{str(error).rstrip('.')}. {CURE}") from error
    if now == model.names.features:
        return
    new = [name for name in now if name not in model.names.features]
    gone = [name for name in model.names.features if name not in now]
    said = [
        f"{what}: {', '.join(names[:SHOWN])}{f' and {len(names) - SHOWN} more' if len(names) > SHOWN else ''}"
        for what, names in (("it lacks", new), ("only it has", gone))
        if names
    ]
    raise BadFile(
        f"the model looks at {len(model.names.features)} features, this program builds {len(now)} from this lake "
        f"({'; '.join(said) or 'the same in another order'}). {CURE}"
    )
