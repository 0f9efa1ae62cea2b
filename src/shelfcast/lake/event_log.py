"""The event log as create-only objects of the raw zone.

    raw/events/2026-11-23T22/1503123456-<content>.ndjson   a batch: the hour it came in, minute to microsecond, content
    dead_letters/events/2026-11-23/<content>.ndjson        events that can't be used, each with its reason

Which batches were taken is kept in records beside them, a record a run, so that two consumers never wait for each
other; merging a batch twice changes nothing, so a mark that was lost in a crash costs work, not truth. Hours that are
over and taken whole are sealed, and not looked through again, unless a batch comes into one all the same (a stream whose
reader was down for hours): that hour is noted, and looked through until it is taken whole once more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from shelfcast.domain.errors import Conflict, NotFound
from shelfcast.ports.blob_store import BlobStore
from shelfcast.ports.record_store import RecordStore

BATCHES = "raw/events/"
LETTERS = "dead_letters/events/"
TAKEN = "events_taken"
SEALED = "events_sealed"
LATE = "events_late"
"""Sealed hours that a batch came into."""
GRACE = timedelta(hours=2)
"""How long an hour stays open for batches whose writer was slow or whose clock is behind."""
NAMES_A_RECORD = 1000


class BlobEventLog:
    """`EventLog` on a blob store and a record store."""

    def __init__(self, blobs: BlobStore, records: RecordStore) -> None:
        self._blobs = blobs
        self._records = records

    def append(self, data: bytes, *, at: datetime, name: str = "") -> str:
        at = at.astimezone(UTC)
        stem = name or f"{at:%M%S%f}-{_digest(data)}"
        key = f"{BATCHES}{_hour(at)}/{stem}.ndjson"
        with suppress(Conflict):
            self._blobs.put(key, data, create=True, durable=True)
        # After the batch is there: whoever seals the hour meanwhile finds it when it looks again (`_seal`).
        if _hour(at) <= self._sealed():
            self._records.put(LATE, _hour(at), {})
        return key

    def pending(self, now: datetime, *, everything: bool = False) -> list[str]:
        sealed = "" if everything else self._sealed()
        late = [] if everything else [one.record_id for one in self._records.query(LATE) if one.record_id <= sealed]
        found = [key for hour in late for key in self._waiting(hour)]
        for hour, keys in self._by_hour(sealed, now).items():
            taken = self._taken(hour)
            found += [key for key in keys if key not in taken]
        return found

    def _waiting(self, hour: str) -> list[str]:
        taken = self._taken(hour)
        return [key for key in self._blobs.list(f"{BATCHES}{hour}/") if key not in taken]

    def read(self, name: str) -> bytes:
        return self._blobs.get(name)

    def mark_taken(self, names: Iterable[str], now: datetime) -> None:
        by_hour: dict[str, list[str]] = {}
        for name in names:
            by_hour.setdefault(name.split("/")[-2], []).append(name)
        for hour, keys in by_hour.items():
            for start in range(0, len(keys), NAMES_A_RECORD):
                part = sorted(keys[start : start + NAMES_A_RECORD])
                self._records.put(TAKEN, f"{hour}/{_digest(chr(10).join(part).encode())}", {"names": part})
        self._seal(now)

    def bury(self, letters: bytes, *, at: datetime) -> str:
        key = f"{LETTERS}{at.astimezone(UTC):%Y-%m-%d}/{_digest(letters)}.ndjson"
        with suppress(Conflict):
            self._blobs.put(key, letters, create=True, durable=True)
        return key

    def dead_letters(self) -> Iterator[tuple[str, bytes]]:
        for key in self._blobs.list(LETTERS):
            with suppress(NotFound):
                yield key, self._blobs.get(key)

    def settle(self, name: str) -> None:
        self._blobs.delete(name)

    def _by_hour(self, sealed: str, now: datetime) -> dict[str, list[str]]:
        """Batches of the hours after `sealed`; hour by hour where those are few, so that old hours are not listed."""
        hours = _hours_after(sealed, now)
        keys = (
            self._blobs.list(BATCHES)
            if hours is None
            else [k for h in hours for k in self._blobs.list(f"{BATCHES}{h}/")]
        )
        found: dict[str, list[str]] = {}
        for key in keys:
            hour = key.split("/")[-2]
            if hour > sealed:
                found.setdefault(hour, []).append(key)
        return found

    def _taken(self, hour: str) -> set[str]:
        return {name for one in self._records.query(TAKEN, prefix=f"{hour}/") for name in one.body["names"]}

    def _sealed(self) -> str:
        """The last hour that needs no look; empty before the first."""
        with suppress(NotFound):
            return str(self._records.get(SEALED, "through").body["hour"])
        return ""

    def _seal(self, now: datetime) -> None:
        """Seal up to the hour before the first that is still open or has batches nobody took."""
        sealed, last = self._sealed(), _hour(now.astimezone(UTC) - GRACE)
        waiting = [hour for name in self.pending(now) if (hour := name.split("/")[-2]) > sealed]
        first = min([*waiting, last])
        with suppress(ValueError):
            before = _hour(datetime.fromisoformat(first + ":00+00:00") - timedelta(hours=1))
            if before > sealed:
                self._records.put(SEALED, "through", {"hour": before})
                # A batch that came while this was decided saw the hour open.
                for hour in self._by_hour(sealed, now):
                    if hour <= before and self._waiting(hour):
                        self._records.put(LATE, hour, {})
        for one in self._records.query(LATE):
            if not self._waiting(one.record_id):
                self._records.delete(LATE, one.record_id)
                if self._waiting(one.record_id):
                    self._records.put(LATE, one.record_id, {})


def _hours_after(sealed: str, now: datetime) -> list[str] | None:
    """Hours after `sealed` up to the next one; None where they are so many that one listing of all is cheaper."""
    if not sealed:
        return None
    at = datetime.fromisoformat(sealed + ":00+00:00") + timedelta(hours=1)
    last = now.astimezone(UTC) + timedelta(hours=1)
    count = int((last - at) / timedelta(hours=1)) + 1
    if count > 48:
        return None
    return [_hour(at + timedelta(hours=number)) for number in range(max(count, 0))]


def _hour(at: datetime) -> str:
    return f"{at:%Y-%m-%dT%H}"


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]
