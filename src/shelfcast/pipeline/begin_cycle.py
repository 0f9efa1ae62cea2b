"""How a cycle begins, whoever starts it: by hand, as a job, by a schedule."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from shelfcast.pipeline.ingest_events import ingest_events
from shelfcast.pipeline.lake_settings import LakeSettings
from shelfcast.pipeline.run_cycle import last_sales_date
from shelfcast.pipeline.steps import Parameters
from shelfcast.ports.platform import Platform


def begin_cycle(
    platform: Platform,
    settings: LakeSettings,
    *,
    steps: Sequence[str] = (),
    cutoff: date | None = None,
    horizon: int | None = None,
    retrain: bool = False,
    terms: str = "",
) -> Parameters:
    """What the cycle is run with. A whole one first takes in the till's events that wait, so that the newest day counts.

    Args:
        steps: only these; empty = all.
        terms: canonical JSON of terms to assume; the lake's setting when empty.

    Raises:
        NotReady: no sales in the lake.
    """
    if not steps:
        ingest_events(platform, frequency=settings.frequency)
    return parameters_of(platform, settings, cutoff=cutoff, horizon=horizon, retrain=retrain, terms=terms)


def parameters_of(
    platform: Platform,
    settings: LakeSettings,
    *,
    cutoff: date | None = None,
    horizon: int | None = None,
    retrain: bool = False,
    terms: str = "",
) -> Parameters:
    """Parameters of steps by the lake's settings; of the newest sales date unless told otherwise.

    Raises:
        NotReady: no cutoff was named and there are no sales in the lake.
    """
    return Parameters(
        cutoff=cutoff or last_sales_date(platform, settings.frequency),
        frequency=settings.frequency,
        horizon=horizon or settings.horizon,
        seed=settings.seed,
        retrain=retrain,
        terms=terms or settings.terms,
        currency=settings.currency,
        partition_rows=settings.partition_rows,
    )
