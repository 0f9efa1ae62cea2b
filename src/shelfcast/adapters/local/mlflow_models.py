"""The model registry in MLflow: SQLite beside the lake, files in the lake's blob store.

    <lake>/mlflow.db            MLflow's own file, the one truth: `mlflow ui --backend-store-uri sqlite:///.../mlflow.db`
    <lake>/mlflow-view.json     what was read from it, good for as long as mlflow.db hasn't changed since

Importing MLflow takes three to five seconds of CPU, which a night's cycle, a page or a command can't wait for. So reading
goes through the view; MLflow itself is asked when a version is registered, an alias is set, or mlflow.db was changed by
somebody else (an alias set in MLflow's own pages counts as much as one set here).

A lake from before keeps its versions in its records; they are read there until the first write, which brings all over.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from threading import RLock
from typing import Any

from shelfcast.adapters.local.mlflow_store import RUNS, MlflowStore, changes_of
from shelfcast.adapters.model_bodies import check_alias, files_of, unknown_file, unknown_model, version_of
from shelfcast.adapters.record_models import RecordModels
from shelfcast.domain.errors import NotFound
from shelfcast.ports.blob_store import BlobStore
from shelfcast.ports.model_registry import ALIASES, CARD_FILE, MODEL_FILE, AliasChange, Candidate, ModelVersion

DATABASE, VIEW, LOCK = "mlflow.db", "mlflow-view.json", "mlflow.lock"
FORM = 1
"""Of the view's file."""


class MlflowModels:
    """`ModelRegistry` on MLflow. `before`: where a lake from before MLflow kept its versions."""

    def __init__(self, root: Path, blobs: BlobStore, before: RecordModels) -> None:
        self._root, self._blobs, self._before = root, blobs, before
        self._database = root / DATABASE
        self._open: MlflowStore | None = None
        self._view: tuple[list[Any], dict[str, Any]] | None = None
        self._lock = RLock()
        self._mine = False
        """This object has its turn already (under `_lock`, so by this thread)."""

    def __getstate__(self) -> dict[str, Any]:
        return {"root": self._root, "blobs": self._blobs, "before": self._before}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__init__(state["root"], state["blobs"], state["before"])  # type: ignore[misc]

    def register(self, candidate: Candidate) -> ModelVersion:
        files = files_of(candidate)
        with contextlib.suppress(NotFound):
            return self.get(candidate.model_id)
        with self._writing() as store:
            if not any(one["model_id"] == candidate.model_id for one in self._read()["versions"]):
                store.add(candidate, files)
        return self.get(candidate.model_id)

    def get(self, model_id: str) -> ModelVersion:
        return version_of(self._body(model_id)) if self._there() else self._before.get(model_id)

    def load(self, model_id: str, name: str = MODEL_FILE) -> bytes:
        if not self._there():
            return self._before.load(model_id, name)
        body = self._body(model_id)
        if name not in body["files"]:
            raise unknown_file(version_of(body), name)
        return self._blobs.get(f"{RUNS}/{body['run']}/artifacts/{name}")

    def set_alias(self, alias: str, model_id: str, *, by: str, reason: str, at: datetime) -> AliasChange:
        check_alias(alias)
        self.get(model_id)
        changes = self.alias_history(alias)
        if changes and changes[0].model_id == model_id:
            return changes[0]
        with self._writing() as store:
            body, view = self._body(model_id), self._read()
            changes = changes_of(view, alias)
            if changes and changes[-1].model_id == model_id:
                return changes[-1]
            change = AliasChange(alias, model_id, at, by, reason, changes[-1].model_id if changes else "")
            store.point(change, int(body["number"]), len(changes))
            return change

    def aliased(self, alias: str) -> ModelVersion | None:
        check_alias(alias)
        if not self._there():
            return self._before.aliased(alias)
        view = self._read()
        if alias not in view["pointers"]:
            return None
        if not view["pointers"][alias]:
            raise NotFound(
                f"the alias {alias} points to version {view['numbers'][alias]} in MLflow, which Shelfcast didn't register, so "
                "it can't be used. Point it to another: `shelfcast models promote MODEL`."
            )
        return self.get(view["pointers"][alias])

    def alias_history(self, alias: str) -> list[AliasChange]:
        check_alias(alias)
        return changes_of(self._read(), alias)[::-1] if self._there() else self._before.alias_history(alias)

    def _body(self, model_id: str) -> dict[str, Any]:
        found = next((one for one in self._read()["versions"] if one["model_id"] == model_id), None)
        if found is None:
            raise unknown_model(model_id)
        return dict(found)

    def _there(self) -> bool:
        return self._database.exists()

    def _read(self) -> dict[str, Any]:
        """The view, made anew where mlflow.db has changed."""
        with self._lock:
            found = self._known()
            if found is None:
                with self._turn():  # whoever writes just now leaves a view behind
                    found = self._known()
                    if found is None:
                        found = self._refresh(self._store())
            return found

    def _known(self) -> dict[str, Any] | None:
        """The view in memory or in its file, if it is of mlflow.db as it is now."""
        now = self._stamp()
        if self._view is not None and self._view[0] == now:
            return self._view[1]
        with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
            kept = json.loads((self._root / VIEW).read_text("utf-8"))
            if kept["form"] == FORM and kept["stamp"] == now:
                self._view = now, kept["view"]
                return self._view[1]
        return None

    @contextlib.contextmanager
    def _writing(self) -> Iterator[MlflowStore]:
        """One writer at a time, over processes too. The view is right before and after."""
        with self._lock, self._turn():
            store = self._store()
            if self._known() is None:
                self._refresh(store)
            try:
                yield store
            finally:
                if self._known() is None:
                    self._refresh(store)

    def _store(self) -> MlflowStore:
        if self._open is None:
            self._open = MlflowStore(self._database, self._blobs)
        return self._open

    @contextlib.contextmanager
    def _turn(self) -> Iterator[None]:
        """The lock file, held; within it, held on. Call it under `_lock`."""
        if self._mine:
            yield
            return
        with (self._root / LOCK).open("a") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX)
            self._mine = True
            try:
                yield
            finally:
                self._mine = False
                fcntl.flock(handle, fcntl.LOCK_UN)

    def _refresh(self, store: MlflowStore) -> dict[str, Any]:
        """Ask MLflow, and keep what it said: as of before the asking, so that a change meanwhile is asked for again."""
        stamp = self._stamp()
        view = store.read()
        if not view["imported"]:
            self._bring_over(store, view)
            stamp, view = self._stamp(), store.read()
        self._view = stamp, view
        partial = self._root / f".{VIEW}.{os.getpid()}.partial"
        partial.write_text(json.dumps({"form": FORM, "stamp": stamp, "view": view}, ensure_ascii=False), "utf-8")
        partial.replace(self._root / VIEW)
        return view

    def _bring_over(self, store: MlflowStore, view: dict[str, Any]) -> None:
        """Versions and aliases of the records, in their order; what a killed process brought over already stays."""
        there = {one["model_id"] for one in view["versions"]}
        for version in reversed(self._before.list()):
            if version.model_id not in there:
                files = {name: self._before.load(version.model_id, name) for name in version.files}
                card = json.loads(files.get(CARD_FILE, b"{}"))
                plots = {name: data for name, data in files.items() if name not in (MODEL_FILE, CARD_FILE)}
                candidate = Candidate(
                    files[MODEL_FILE], version.registered_at, version.facts, version.metrics, version.features,
                    version.snapshots, card, plots,
                )  # fmt: skip
                if candidate.model_id == version.model_id:
                    store.add(candidate, files_of(candidate))
        numbers = {one["model_id"]: int(one["number"]) for one in store.read()["versions"]}
        for alias in ALIASES:
            changes = [one for one in reversed(self._before.alias_history(alias)) if one.model_id in numbers]
            for position, change in enumerate(changes):
                if position == len(changes) - 1:
                    store.point(change, numbers[change.model_id], position)
                else:
                    store.remember(change, position)
        store.mark_imported()

    def _stamp(self) -> list[Any]:
        """Differs after every commit to mlflow.db: size, time, SQLite's change counter, and the same of its write-ahead log."""
        stamp: list[Any] = [os.path.realpath(self._root)]
        for path in (self._database, self._database.with_name(f"{DATABASE}-wal")):
            try:
                with path.open("rb") as handle:
                    handle.seek(24)
                    stamp += [path.stat().st_size, path.stat().st_mtime_ns, handle.read(4).hex()]
            except FileNotFoundError:
                stamp.append(None)
        return stamp

    def list(self) -> list[ModelVersion]:
        if not self._there():
            return self._before.list()
        return sorted(map(version_of, self._read()["versions"]), key=lambda one: one.number, reverse=True)
