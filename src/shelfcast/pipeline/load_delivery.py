"""Files a retailer dropped into the lake's store -> lake.

A delivery is one file (`incoming/sales.csv`) or a folder of files that belong together (`incoming/2026-11-24/`), which is
complete when its mark is there (`incoming/2026-11-24/_SUCCESS`, an empty file written last). The folder a database's changes
are written to (`incoming/dms/`) never is: whoever asks for it gets what is new in it.
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from shelfcast.domain.errors import BadInput, NotFound
from shelfcast.pipeline.ingest_cdc import ChangeReport, ingest_cdc
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.load_report import LoadReport
from shelfcast.ports.platform import Platform

INCOMING = "incoming/"
MARK = "_SUCCESS"
CHANGES = "incoming/dms/"
"""Where AWS DMS writes: <schema>/<table>/LOAD*.parquet and change files."""


@dataclass(frozen=True)
class Arrival:
    """What an object that came means."""

    delivery: str
    """The delivery that may be loaded now; empty while it isn't complete."""
    why: str


def arrival_of(key: str) -> Arrival:
    """What is to be done now that an object is there.

    >>> arrival_of("incoming/sales.csv").delivery
    'incoming/sales.csv'
    >>> arrival_of("incoming/monday/sales.csv").delivery
    ''
    >>> arrival_of("incoming/monday/_SUCCESS").delivery
    'incoming/monday/'
    """
    if not key.startswith(INCOMING):
        return Arrival("", f"it isn't under {INCOMING}")
    folder, _, name = key.rpartition("/")
    if not name:
        return Arrival("", "it is a folder's own mark, not a file")
    if name == MARK:
        if folder + "/" == INCOMING:
            return Arrival("", f"{MARK} ends the delivery of a folder; files right under {INCOMING} need none")
        return Arrival(folder + "/", "the folder is complete")
    if folder + "/" == INCOMING:
        return Arrival(key, "a file by itself")
    return Arrival("", f"its folder is complete when {folder}/{MARK} comes")


def load_delivery(platform: Platform, delivery: str, settings: LakeSettings) -> list[LoadReport]:
    """Load a delivery, descriptions before facts. The same again changes nothing.

    Raises:
        NotFound: there are no files in it.
        BadInput: see `ingest_files`.
    """
    if delivery.endswith("/"):
        keys = [key for key in platform.blobs.list(delivery) if not key.endswith("/" + MARK)]
    else:
        keys = [delivery]
    if not keys:
        raise NotFound(f"delivery {delivery} holds no files. Upload them, then its {MARK} again.")
    with tempfile.TemporaryDirectory(prefix="shelfcast-delivery-") as folder:
        paths = _fetch(platform, keys, delivery[: delivery.rfind("/") + 1], Path(folder))
        return ingest_files(
            platform, [Path(folder)] if len(paths) > 1 else paths, max_bad_share=settings.max_bad_share,
            currency=settings.currency, frequency=settings.frequency,
        )  # fmt: skip


def load_changes(platform: Platform, settings: LakeSettings) -> list[ChangeReport]:
    """Take in what is new among a database's change files; nothing where there are none.

    A table that can't be taken in is in the list of troubles and stops no other.

    Raises:
        BadInput: not one table could be taken in.
    """
    keys = list(platform.blobs.list(CHANGES))
    if not keys:
        return []
    with tempfile.TemporaryDirectory(prefix="shelfcast-changes-") as folder:
        _fetch(platform, keys, CHANGES, Path(folder))
        reports = ingest_cdc(
            platform, Path(folder), currency=settings.currency, frequency=settings.frequency,
            max_bad_share=settings.max_bad_share,
        )  # fmt: skip
    failed = [one.error for one in reports if one.error and one.state != "busy"]
    if failed and len(failed) == len(reports):
        raise BadInput(failed[0])
    return reports


def _fetch(platform: Platform, keys: list[str], prefix: str, folder: Path) -> list[Path]:
    paths = []
    for key in keys:
        path = folder / key.removeprefix(prefix)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(platform.blobs.get(key))
        paths.append(path)
    return paths
