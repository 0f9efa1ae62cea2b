"""The use case: whole or not at all, the same every time."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shelfcast.domain.errors import BadParameter
from shelfcast.pipeline.simulate_shop import simulate_shop

SMALL = {"stores": 2, "items": 12, "days": 45, "event_days": 2, "dirty_share": 0.01}


def fingerprint(directory: Path) -> dict[str, str]:
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(directory.rglob("*"))
        if path.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_seed_another_shop(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        simulate_shop(tmp_path / name, seed=seed, **SMALL)
    a, b, c = (fingerprint(tmp_path / name) for name in "abc")
    assert a == b
    assert a["sales/sales-2026-10.csv"] != c["sales/sales-2026-10.csv"]


def test_the_number_of_cores_changes_nothing(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from shelfcast.pipeline.simulate_shop import simulate_shop; "
        "simulate_shop(Path(sys.argv[1]), stores=2, items=12, days=45, event_days=2, dirty_share=0.01, seed=1)"
    )
    for cores in ("1", "4"):
        limits = dict.fromkeys(
            ("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "ARROW_NUM_THREADS"), cores
        )
        subprocess.run([sys.executable, "-c", code, str(tmp_path / cores)], env={**os.environ, **limits}, check=True)
    assert fingerprint(tmp_path / "1") == fingerprint(tmp_path / "4")


def test_a_shop_that_is_there_is_left_alone_and_another_is_not_overwritten(tmp_path: Path) -> None:
    shop = simulate_shop(tmp_path / "shop", **SMALL)
    again = simulate_shop(tmp_path / "shop", **SMALL)
    assert shop.made and not again.made
    assert again.rows == shop.rows and again.censored_share == shop.censored_share
    with pytest.raises(BadParameter, match="holds another simulated shop"):
        simulate_shop(tmp_path / "shop", **{**SMALL, "seed": 9})
    assert simulate_shop(tmp_path / "shop", replace=True, **{**SMALL, "seed": 9}).made


def test_a_folder_of_something_else_is_never_touched(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    (tmp_path / "letters" / "dear.txt").write_text("Dear aunt")
    with pytest.raises(BadParameter, match="no simulated shop"):
        simulate_shop(tmp_path / "letters", replace=True, **SMALL)
    assert (tmp_path / "letters" / "dear.txt").read_text() == "Dear aunt"


def test_a_failure_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from shelfcast.sources.simulator import shop

    def fail(*_: object) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(shop, "run_store", fail)
    with pytest.raises(OSError, match="disk full"):
        simulate_shop(tmp_path / "shop", **SMALL)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("wrong", "match"),
    [
        ({"stores": 0}, "stores is 0"),
        ({"items": -1}, "items is -1"),
        ({"days": 3}, "days is 3"),
        ({"dirty_share": 0.9}, "dirty rows is 0.9"),
    ],
)
def test_numbers_out_of_range_are_refused_before_anything_is_written(tmp_path: Path, wrong: dict, match: str) -> None:
    with pytest.raises(BadParameter, match=match):
        simulate_shop(tmp_path / "shop", **{**SMALL, **wrong})
    assert not (tmp_path / "shop").exists()


@settings(
    max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(
    stores=st.integers(1, 4),
    items=st.integers(1, 30),
    days=st.integers(7, 60),
    seed=st.integers(0, 2**31 - 1),
    events=st.integers(0, 9),
)
def test_any_small_shop_can_be_made(tmp_path: Path, stores: int, items: int, days: int, seed: int, events: int) -> None:
    shop = simulate_shop(
        tmp_path / f"{stores}-{items}-{days}-{seed}-{events}", stores=stores, items=items, days=days, seed=seed,
        event_days=events, dirty_share=0.02,
    )  # fmt: skip
    assert 0 <= shop.zero_share <= 1 and 0 <= shop.censored_share <= shop.out_of_stock_share <= 1
    assert all(path.stat().st_size > 0 for path in shop.files)
