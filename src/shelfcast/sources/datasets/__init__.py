"""Public data sets, recognised by their publishers' file names and in tidy Parquet."""

from __future__ import annotations

from shelfcast.sources.datasets.freshretailnet import FRESHRETAILNET
from shelfcast.sources.datasets.m5 import M5
from shelfcast.sources.datasets.online_retail import ONLINE_RETAIL
from shelfcast.sources.datasets.reading import Dataset
from shelfcast.sources.datasets.rossmann import ROSSMANN

DATASETS: dict[str, Dataset] = {one.name: one for one in (FRESHRETAILNET, ROSSMANN, M5, ONLINE_RETAIL)}

__all__ = ["DATASETS", "Dataset"]
