"""Shops that several tests look at; made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from shelfcast.pipeline.simulate_shop import SimulatedShop, simulate_shop
from shelfcast.sources.simulator.spec import ShopSpec
from shelfcast.sources.simulator.store_run import StoreRun, run_store, set_up_store
from shelfcast.sources.simulator.world import World, build_world


@pytest.fixture(scope="session")
def world() -> World:
    """Four stores (two in India), 240 items, three years."""
    return build_world(ShopSpec(stores=4, items=240, days=1096, seed=7))


@pytest.fixture(scope="session")
def runs(world: World) -> list[StoreRun]:
    return [run_store(world, set_up_store(world, store)) for store in world.stores]


@pytest.fixture(scope="session")
def clean_shop(tmp_path_factory: pytest.TempPathFactory) -> SimulatedShop:
    """Files without planted errors, of a shop that has a store open past midnight and one with clock changes."""
    return simulate_shop(
        tmp_path_factory.mktemp("clean") / "shop", stores=5, items=60, days=120, seed=3, event_days=10, dirty_share=0
    )


@pytest.fixture(scope="session")
def dirty_shop(tmp_path_factory: pytest.TempPathFactory) -> SimulatedShop:
    return simulate_shop(
        tmp_path_factory.mktemp("dirty") / "shop", stores=3, items=80, days=150, seed=5, event_days=3, dirty_share=0.01
    )


def path_of(shop: SimulatedShop, pattern: str) -> list[Path]:
    return sorted(shop.directory.glob(pattern))
