"""Load complete uploads, descriptions before facts."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from shelfcast.pipeline.ingest_files import in_order, load_files
from shelfcast.pipeline.load_batches import MAX_BAD_SHARE
from shelfcast.pipeline.load_report import LoadReport
from shelfcast.pipeline.preview_upload import planned
from shelfcast.pipeline.upload_files import get
from shelfcast.ports.platform import Platform


def load_uploads(
    platform: Platform, upload_ids: Sequence[str], *, max_bad_share: float = MAX_BAD_SHARE, again: bool = False,
    currency: str = "", frequency: str = "D",
) -> list[LoadReport]:  # fmt: skip
    """A report for each upload. One that is refused has its `error` in its report and holds up no other.

    Raises:
        NotFound, Conflict: an upload that isn't there or isn't complete.
        BadFile, BadMapping: one that can't be read or mapped; then nothing is loaded.
    """
    with ExitStack() as files:
        plans = [files.enter_context(planned(platform, get(platform, one))) for one in dict.fromkeys(upload_ids)]
        return load_files(
            platform, in_order(plans), max_bad_share=max_bad_share, again=again, currency=currency, frequency=frequency
        )
