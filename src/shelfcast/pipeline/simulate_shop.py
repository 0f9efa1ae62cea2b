"""Make a shop with known truth: the files a retailer would have, and the truth beside them."""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any

from shelfcast.domain.errors import BadParameter
from shelfcast.ports.progress import Progress, Silent
from shelfcast.sources.folders import data_files

TASK = "simulate"
SHOP = Path("truth") / "shop.json"
SUMMARY = Path("truth") / "summary.json"


@dataclass(frozen=True)
class SimulatedShop:
    """Where the shop is and what it is like."""

    directory: Path
    made: bool
    """False: the very same shop was there already."""
    rows: dict[str, int]
    """Rows written, by table."""
    planted: int
    """Errors planted."""
    item_days: int
    mean_units: float
    zero_share: float
    out_of_stock_share: float
    """Item-days on which stock ran out."""
    censored_share: float
    """Item-days on which customers found nothing."""
    promotion_share: float
    waste_share: float
    """Of units of goods that spoil received."""

    @property
    def files(self) -> list[Path]:
        """The retailer's files, sorted; the truth is not among them."""
        return data_files([self.directory])[0]


def simulate_shop(
    directory: Path,
    progress: Progress | None = None,
    *,
    stores: int = 10,
    items: int = 200,
    days: int = 1096,
    seed: int = 7,
    last_day: date | None = None,
    event_days: int = 7,
    dirty_share: float = 0.002,
    replace: bool = False,
) -> SimulatedShop:
    """Make a shop in a folder. The same numbers make the same files, byte for byte.

    The shop appears whole or not at all: it is written beside the folder and moved in when it is done. Where the very
    same shop stands already, nothing is done.

    Raises:
        BadParameter: a number out of its range, or the folder holds something else.
    """
    from shelfcast.sources.simulator.shop import shop_notes, write_shop
    from shelfcast.sources.simulator.spec import LAST_DAY, ShopSpec

    progress = progress or Silent()
    spec = ShopSpec(
        stores=stores,
        items=items,
        days=days,
        seed=seed,
        last_day=last_day or LAST_DAY,
        event_days=event_days,
        dirty_share=dirty_share,
    )
    directory = Path(directory)
    if _same_shop(directory, shop_notes(spec)):
        return SimulatedShop(directory, False, **json.loads((directory / SUMMARY).read_text("utf-8")))
    _refuse_to_overwrite(directory, replace)
    part = directory.with_name(f".{directory.resolve().name}.partial")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    progress.start(TASK, spec.stores)
    try:
        summary = asdict(write_shop(spec, part, lambda amount: progress.advance(TASK, amount)))
        (part / SUMMARY).write_text(json.dumps(summary, indent=2, sort_keys=True) + "\n", "utf-8")
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    if directory.exists():
        shutil.rmtree(directory)
    part.rename(directory)
    progress.done(TASK, f"{summary['item_days']:,} item-days, {sum(summary['rows'].values()):,} rows")
    return SimulatedShop(directory, True, **summary)


def _same_shop(directory: Path, notes: dict[str, Any]) -> bool:
    try:
        found = json.loads((directory / SHOP).read_text("utf-8"))
    except (OSError, ValueError):
        return False
    return bool((directory / SUMMARY).exists() and {name: found.get(name) for name in notes} == notes)


def _refuse_to_overwrite(directory: Path, replace: bool) -> None:
    if not directory.exists() or (directory.is_dir() and not any(directory.iterdir())):
        return
    if not directory.is_dir() or not (directory / SHOP).exists():
        raise BadParameter(f"{directory} holds something that is no simulated shop. Choose a new or an empty folder.")
    if not replace:
        raise BadParameter(
            f"{directory} holds another simulated shop. Choose a new folder, or pass --replace to make this one anew."
        )
