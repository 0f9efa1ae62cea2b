"""A public data set, by its own file names -> lake."""

from __future__ import annotations

from pathlib import Path

from shelfcast.domain.errors import BadParameter
from shelfcast.lake.raw import LoadState, receive, settle
from shelfcast.pipeline.ingest_files import earlier_report, said
from shelfcast.pipeline.load_batches import MAX_BAD_SHARE, Incoming, load_together, raise_failures
from shelfcast.pipeline.load_report import LoadReport
from shelfcast.ports.platform import Platform
from shelfcast.sources.datasets import DATASETS


def ingest_dataset(
    platform: Platform,
    name: str,
    path: Path,
    *,
    max_bad_share: float = MAX_BAD_SHARE,
    again: bool = False,
    frequency: str = "D",
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
    source = dataset.name
    read_from = f"Read from {', '.join(one.name for one in paths)}."
    now = platform.clock.now()
    platform.progress.start(source)
    kept = [receive(platform.blobs, platform.records, one.name, one, received_at=now, table=name) for one in paths]
    # The set as a whole has a manifest too: the list of its files.
    contents = "".join(f"{one.checksum}  {one.source}\n" for one in kept).encode()
    manifest = receive(platform.blobs, platform.records, source, contents, received_at=now, table=name)
    if not again and (earlier := earlier_report(platform, manifest)):
        platform.progress.done(source, said(earlier))
        return earlier
    reports = load_together(
        platform,
        [Incoming(manifest, dataset.batches(paths), (read_from,))],
        max_bad_share=max_bad_share,
        frequency=frequency,
    )
    for one in kept:
        settle(platform.records, one, LoadState.FAILED if reports[0].error else LoadState.LOADED, {}, reports[0].error)
    platform.progress.done(source, said(reports[0]))
    raise_failures(reports)
    return reports[0]
