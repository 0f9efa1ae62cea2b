"""A model as bytes: a zip with one JSON file and the trees as text. Nothing in it is executed when it's read.

to_bytes(model) -> bytes
from_bytes(data) -> Model       refuses what isn't a model, another version, or a changed feature list
"""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any

import lightgbm as lgb

from shelfcast.domain.errors import BadFile
from shelfcast.features.matrix import Names
from shelfcast.features.recipe import Recipe
from shelfcast.forecast.calibration import QuantileTable
from shelfcast.forecast.models.boosted import NAME, VERSION, Model
from shelfcast.forecast.models.linear_stage import LinearStage

HEADER, TREES, SPREAD = "model.json", "trees.txt", "spread.txt"
VOLATILE = ("seconds",)
"""What the card says that differs from run to run: kept in the run's record, not in the file."""
MADE = (2020, 1, 1, 0, 0, 0)
"""Time stamp of every member, so that the same model gives the same bytes."""


def to_bytes(model: Model) -> bytes:
    """The same model gives the same bytes, always."""
    header = {
        "kind": NAME,
        "version": model.version,
        "recipe": model.recipe.to_dict(),
        "features": list(model.names.features),
        "drivers": list(model.names.drivers),
        "categorical": list(model.names.categorical),
        "linear": None if model.linear is None else model.linear.to_dict(),
        "quantiles": model.quantiles.to_dict(),
        "new_level": model.new_level,
        "bias": model.bias,
        "card": {name: value for name, value in model.card.items() if name not in VOLATILE},
    }
    parts = {HEADER: json.dumps(header, sort_keys=True)}
    if model.booster is not None:
        parts[TREES] = _text(model.booster)
    if model.spread is not None:
        parts[SPREAD] = _text(model.spread)
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(zipfile.ZipInfo(name, MADE), text, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def _text(booster: lgb.Booster) -> str:
    """The trees without the training parameters, which name the number of threads."""
    text = booster.model_to_string(num_iteration=-1)
    ends = [text.index(mark) for mark in ("\nparameters:", "\npandas_categorical:") if mark in text]
    return str(text[: min(ends)]) + "\n" if ends else str(text)


def from_bytes(data: bytes) -> Model:
    """Read a model written by `to_bytes`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = set(archive.namelist())
            header = json.loads(archive.read(HEADER))
            texts = {name: archive.read(name).decode() for name in (TREES, SPREAD) if name in names}
    except (zipfile.BadZipFile, KeyError, ValueError) as error:
        raise BadFile(
            f"this isn't a model file ({error}); expected one written by Shelfcast. Train a new model: `shelfcast models retrain`."
        ) from error
    version = header.get("version")
    if header.get("kind") != NAME:
        raise BadFile(
            f"the model file holds a {header.get('kind')!r} model; this program reads {NAME!r} models only. "
            "Train a new one: `shelfcast models retrain`."
        )
    if version != VERSION:
        raise BadFile(
            f"the model file is of format version {version!r}; this program reads version {VERSION!r} only. "
            "Train a new model with this program: `shelfcast models retrain`."
        )
    try:
        return _build(header, texts)
    except (KeyError, TypeError, ValueError, lgb.basic.LightGBMError) as error:
        raise BadFile(f"the model file is damaged ({error}). Train a new model: `shelfcast models retrain`.") from error


def _build(header: dict[str, Any], texts: dict[str, str]) -> Model:
    names = Names(tuple(header["features"]), tuple(header["drivers"]), tuple(header["categorical"]))
    booster = lgb.Booster(model_str=texts[TREES]) if TREES in texts else None
    if booster is not None and booster.num_feature() != len(names.features):
        raise ValueError(f"{booster.num_feature()} features in the trees, {len(names.features)} in the list")
    return Model(
        recipe=Recipe.from_dict(header["recipe"]),
        names=names,
        linear=None if header["linear"] is None else LinearStage.from_dict(header["linear"]),
        booster=booster,
        spread=lgb.Booster(model_str=texts[SPREAD]) if SPREAD in texts else None,
        quantiles=QuantileTable.from_dict(header["quantiles"]),
        new_level=float(header["new_level"]),
        bias=float(header["bias"]),
        card=header["card"],
        version=header["version"],
    )
