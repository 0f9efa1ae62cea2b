"""Model versions as records, their files in the blob store: a registry that needs no other program.

blobs    models/<model id>/model.zip, card.json, plots
records  models/<model id>               the version; written last, so that nothing half-kept is listed
         model_aliases/<alias>           where it points, with the change that did it
         model_promotions/<moment>       every change of the champion, only added to
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from shelfcast.adapters.model_bodies import (
    body_of,
    change_body,
    change_of,
    check_alias,
    files_of,
    unknown_file,
    unknown_model,
    version_of,
)
from shelfcast.domain.errors import Conflict, NotFound
from shelfcast.ports.blob_store import BlobStore
from shelfcast.ports.model_registry import CARD_FILE, CHAMPION, MODEL_FILE, AliasChange, Candidate, ModelVersion
from shelfcast.ports.record_store import RecordStore

VERSIONS, POINTERS = "models", "model_aliases"
HISTORIES = {CHAMPION: "model_promotions"}
"""Kind of the history's records; `model_changes_<alias>` of any other alias."""


class RecordModels:
    """`ModelRegistry` on a record store and a blob store. Reads versions of lakes from before there was a registry."""

    def __init__(self, records: RecordStore, blobs: BlobStore) -> None:
        self._records, self._blobs = records, blobs

    def register(self, candidate: Candidate) -> ModelVersion:
        files = files_of(candidate)
        model_id = candidate.model_id
        with suppress(NotFound):
            return self.get(model_id)
        for name, data in files.items():
            self._blobs.put(f"models/{model_id}/{name}", data)
        with suppress(Conflict):
            body = body_of(candidate, self._next_number(), files)
            self._records.put(VERSIONS, model_id, body, expected=0)
        return self.get(model_id)

    def _next_number(self) -> int:
        """A number nobody else gets; one is left out where a writer was killed before it used its own."""
        while True:
            last, version = 0, 0
            with suppress(NotFound):
                record = self._records.get("model_numbers", "last")
                last, version = int(record.body["number"]), record.version
            with suppress(Conflict):
                self._records.put("model_numbers", "last", {"number": last + 1}, expected=version)
                return last + 1

    def get(self, model_id: str) -> ModelVersion:
        try:
            body = self._records.get(VERSIONS, model_id).body
        except NotFound as error:
            raise unknown_model(model_id) from error
        return version_of(body) if "facts" in body else next(one for one in self.list() if one.model_id == model_id)

    def load(self, model_id: str, name: str = MODEL_FILE) -> bytes:
        version = self.get(model_id)
        if name not in version.files:
            raise unknown_file(version, name)
        body = self._records.get(VERSIONS, model_id).body
        if name == CARD_FILE and "facts" not in body:
            return json.dumps(body.get("card") or {}).encode()
        return self._blobs.get(f"models/{model_id}/{name}")

    def set_alias(self, alias: str, model_id: str, *, by: str, reason: str, at: datetime) -> AliasChange:
        check_alias(alias)
        self.get(model_id)
        while True:
            now = self._pointer(alias)
            before = now[1] if now else None
            if before is not None and before.model_id == model_id:
                return before
            change = AliasChange(alias, model_id, at, by, reason, before.model_id if before else "")
            with suppress(Conflict):
                if now is not None:
                    self._remember(*now)
                self._remember(
                    self._records.put(POINTERS, alias, change_body(change), expected=now[0] if now else 0).version,
                    change,
                )
                return change

    def _pointer(self, alias: str) -> tuple[int, AliasChange] | None:
        try:
            record = self._records.get(POINTERS, alias)
        except NotFound:
            return None
        body = dict(record.body)
        if "at" not in body:  # a lake from before there was a registry
            body = {"model_id": body["model_id"], "at": body["since"], "who": "", "reason": "trained", "before": None}
        return record.version, change_of(alias, body)

    def _remember(self, number: int, change: AliasChange) -> None:
        record_id = f"{change.at:%Y%m%dT%H%M%S%f}-{number:06d}-{change.model_id}"
        self._records.put(_history(change.alias), record_id, change_body(change))

    def aliased(self, alias: str) -> ModelVersion | None:
        now = self._pointer(check_alias(alias))
        return self.get(now[1].model_id) if now else None

    def alias_history(self, alias: str) -> list[AliasChange]:
        changes = [change_of(alias, one.body) for one in self._records.query(_history(check_alias(alias)))]
        if now := self._pointer(alias):
            changes.append(now[1])  # it may not be in the history yet: killed before, or a lake that had none
        kept = [one for number, one in enumerate(changes) if not number or changes[number - 1].model_id != one.model_id]
        return kept[::-1]

    def list(self) -> list[ModelVersion]:
        bodies = [dict(one.body) for one in self._records.query(VERSIONS)]
        old = sorted((one for one in bodies if "facts" not in one), key=lambda one: one.get("trained_at") or "")
        found = [version_of(one) for one in bodies if "facts" in one]
        found += [version_of(as_version(one, number)) for number, one in enumerate(old, 1 - len(old))]
        return sorted(found, key=lambda one: one.number, reverse=True)


def as_version(body: Mapping[str, Any], number: int) -> dict[str, Any]:
    """A record from before there was a registry as one of now. Such versions have numbers up to 0."""
    card = body.get("card") or {}
    named = {name: value for name, value in body.items() if name not in ("card", "model_id", "bytes")}
    overall = (card.get("held_out") or {}).get("all") or {}
    return {
        "model_id": body["model_id"], "number": number,
        "registered_at": body.get("trained_at") or f"{body['cutoff']}T00:00:00+00:00", "facts": named,
        "metrics": {name: float(value) for name, value in overall.items() if isinstance(value, int | float)},
        "features": list(card.get("features") or ()), "snapshots": {},
        "files": {MODEL_FILE: int(body.get("bytes", 0)), CARD_FILE: 0},
    }  # fmt: skip


def _history(alias: str) -> str:
    return HISTORIES.get(alias, f"model_changes_{alias}")
