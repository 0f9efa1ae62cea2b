"""Commands by subject: each module has `register(app)` and imports nothing heavy at its top."""

from __future__ import annotations

import importlib
from typing import Protocol

import typer

SUBJECTS: tuple[str, ...] = (
    "lake", "ingest", "cdc", "events", "connect", "simulate", "cycle", "models", "monitor", "forecasts", "backtest", "orders", "replay", "erp", "serve",
    "jobs", "schedule", "alerts", "cost", "aws", "doctor", "demo",
)  # fmt: skip
"""In the order `--help` shows them."""


class Subject(Protocol):
    def register(self, app: typer.Typer) -> None: ...


def load(name: str) -> Subject:
    return importlib.import_module(f"shelfcast.entrypoints.cli.{name}")
