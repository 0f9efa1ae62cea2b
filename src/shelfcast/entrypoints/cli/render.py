"""How results look on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table as Grid

from shelfcast.ports.table_store import Maintenance

console = Console(highlight=False)


def grid(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[str] = ()) -> None:
    """A table; columns named in `right` are aligned right."""
    table = Grid(
        title=title,
        title_justify="left",
        title_style="bold",
        header_style="dim",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", overflow="fold")
    for row in rows:
        table.add_row(*("" if cell is None else str(cell) for cell in row))
    console.print(table)


def runs(bodies: Sequence[Mapping[str, Any]]) -> None:
    if not bodies:
        console.print("Nothing has run yet. Load data with `shelfcast ingest`, then `shelfcast run`.")
        return
    grid(
        "Runs, newest first",
        ("run", "step", "state", "cutoff", "seconds", "peak MB", "rows"),
        [
            (
                body["run_id"], body["step"], body["state"], body.get("cutoff", ""), f"{body.get('seconds', 0):.1f}",
                f"{body.get('peak_mb', 0):.0f}", ", ".join(f"{n:,} {what}" for what, n in body.get("rows", {}).items()) or body.get("error", ""),
            )
            for body in bodies
        ],
        right=("seconds", "peak MB"),
    )  # fmt: skip
    console.print("\n`shelfcast status --run ID` shows inputs, versions and outputs of one run.", style="dim")


def record(body: Mapping[str, Any]) -> None:
    """Everything of one record, nested names indented."""
    _lines(body, "")


def _lines(body: Mapping[str, Any], indent: str) -> None:
    for name, value in body.items():
        if isinstance(value, Mapping):
            console.print(f"{indent}[bold]{name}[/bold]")
            _lines(value, indent + "  ")
        else:
            console.print(f"{indent}{name}: {value}", soft_wrap=True)


def maintenance(done: Mapping[str, Maintenance]) -> None:
    grid(
        "Maintenance",
        ("table", "files", "MB", "snapshots expired"),
        [
            (
                name,
                f"{one.files_before} -> {one.files_after}",
                f"{one.bytes_before / 1e6:.1f} -> {one.bytes_after / 1e6:.1f}",
                one.snapshots_expired,
            )
            for name, one in done.items()
        ],
    )
