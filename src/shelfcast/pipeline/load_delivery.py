"""Files a retailer dropped into the lake's store -> lake.

A delivery is one file (`incoming/sales.csv`) or a folder of files that belong together (`incoming/2026-11-24/`), which is
complete when its mark is there (`incoming/2026-11-24/_SUCCESS`, an empty file written last).
"""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from shelfcast.domain.errors import NotFound
from shelfcast.pipeline.ingest_files import ingest_files
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.load_report import LoadReport
from shelfcast.ports.platform import Platform

INCOMING = "incoming/"
MARK = "_SUCCESS"


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
        paths = []
        for key in keys:
            path = Path(folder) / key.removeprefix(delivery if delivery.endswith("/") else key.rpartition("/")[0] + "/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(platform.blobs.get(key))
            paths.append(path)
        return ingest_files(
            platform, [Path(folder)] if len(paths) > 1 else paths, max_bad_share=settings.max_bad_share,
            currency=settings.currency, frequency=settings.frequency,
        )  # fmt: skip
