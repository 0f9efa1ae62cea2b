"""A public data set, by its own file names -> lake."""

from __future__ import annotations

import hashlib
from pathlib import Path

from shelfcast.domain.errors import BadParameter
from shelfcast.lake.raw import receive
from shelfcast.pipeline.ingest_files import earlier_report
from shelfcast.pipeline.load_batches import MAX_BAD_SHARE, load_batches
from shelfcast.pipeline.load_report import LoadReport
from shelfcast.ports.platform import Platform
from shelfcast.sources.datasets import DATASETS


def ingest_dataset(
    platform: Platform, name: str, path: Path, *, max_bad_share: float = MAX_BAD_SHARE, again: bool = False
) -> LoadReport:
    """Load a public set: the publisher's own files, or the tidy Parquet of the same set, in one load.

    Raises:
        BadParameter: no loader for a set of that name.
        BadFile: the set's files aren't at the path.
    """
    if name not in DATASETS:
        raise BadParameter.unknown("data set", name, DATASETS, "Load other data with `shelfcast ingest FILE...`.")
    dataset = DATASETS[name]
    paths = dataset.find(path)
    source = f"{dataset.name} ({', '.join(one.name for one in paths)})"
    now = platform.clock.now()
    platform.progress.start(source)
    manifests = [receive(platform.blobs, one, source=f"{name}/{one.name}", received_at=now) for one in paths]
    contents = "|".join([name, *(manifest.checksum for manifest in manifests)])
    load_id = hashlib.sha256(contents.encode()).hexdigest()[:16]
    if not again and (earlier := earlier_report(platform, load_id)):
        platform.progress.done(source, "unchanged: the lake has it already")
        return earlier
    report = load_batches(
        platform, dataset.batches(paths), source=source, load_id=load_id, received_at=now, max_bad_share=max_bad_share,
        raw_key=", ".join(manifest.key for manifest in manifests),
    )  # fmt: skip
    platform.progress.done(
        source, f"{report.rows_in:,} rows in = {report.kept:,} kept + {report.quarantined:,} quarantined"
    )
    return report
