"""How results look on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table as Grid

if TYPE_CHECKING:
    from shelfcast.ports.table_store import Maintenance
    from shelfcast.serve.catalog import Details

_TERMINAL = Console(highlight=False)
console = _TERMINAL if _TERMINAL.is_terminal else Console(highlight=False, width=120)
"""A file or a pipe has no width of its own; 80 columns would fold every name."""


def grid(title: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], right: Sequence[str] = ()) -> None:
    """A table; columns named in `right` are aligned right."""
    # Not the grid's own title: that is folded to the width of the columns.
    console.print(title, style="bold", markup=False)
    table = Grid(
        header_style="dim",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
    )
    for number, column in enumerate(columns):
        table.add_column(column, justify="right" if column in right else "left", overflow="fold", no_wrap=number == 0)
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


def maintenance(done: Mapping[str, Maintenance], grace_hours: float) -> None:
    if not done:
        console.print("The lake is empty: there is nothing to maintain.")
        return
    grid(
        "Maintenance",
        ("table", "files on disk", "MB on disk", "snapshots expired"),
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
    freed = sum(one.bytes_before - one.bytes_after for one in done.values())
    console.print(
        f"\n{max(freed, 0) / 1e6:,.1f} MB freed. Files on disk are data, metadata and what kept snapshots need; joining small "
        f"files writes new ones first, and what they replace goes once it is {grace_hours:g} h old: run it again then.",
        style="dim",
    )


def catalog(tables: Sequence[Mapping[str, Any]]) -> None:
    if not tables:
        console.print("The lake is empty. Load data with `shelfcast ingest`.")
        return
    grid(
        "Tables",
        ("table", "zone", "rows", "MB", "files", "snapshots", "newest period", "written (UTC)"),
        [
            (
                one["table"], one["zone"], f"{one['rows']:,}", f"{one['bytes'] / 1e6:.1f}", one["files"], one["snapshots"],
                (one["latest_period"] or "")[:10], (one["latest_commit"] or "")[:16].replace("T", " "),
            )
            for one in tables
        ],
        right=("rows", "MB", "files", "snapshots"),
    )  # fmt: skip
    console.print(
        "\n`shelfcast tables NAME` shows columns and rows; `--history` the snapshots to travel to.", style="dim"
    )


def table(found: Details, *, history: bool) -> None:
    one = found.description
    console.print(f"[bold]{one.name}[/bold] ({one.zone}, {one.kind}): {one.meaning}")
    console.print(f"{one.rows:,} rows, {one.bytes / 1e6:.1f} MB, key: {', '.join(one.key)}")
    if history:
        grid(
            "Snapshots, oldest first",
            ("snapshot", "written (UTC)", "operation", "rows", "by run"),
            [
                (s.snapshot_id, f"{s.committed_at:%Y-%m-%d %H:%M:%S}", s.operation, f"{s.rows:,}", s.notes.get("run_id", s.notes.get("load_id", "")))
                for s in one.snapshots
            ],
            right=("rows",),
        )  # fmt: skip
        return
    grid(
        "Columns",
        ("column", "type", "unit", "meaning"),
        [(c.name, c.type.value, c.unit, c.meaning) for c in one.columns],
    )
    if found.rows.height:
        if one.name == "quarantine":
            _quarantined(found)
            return
        shown = [name for name in found.rows.columns if found.rows[name].null_count() < found.rows.height]
        of_run = f" of {found.run_id}, the newest of {found.runs} runs" if found.runs > 1 else ""
        grid(
            f"{found.rows.height} of {found.rows_then:,} rows{of_run}",
            shown[:12],
            [[_short(value) for value in row[:12]] for row in found.rows.select(shown).rows()],
        )


def _quarantined(found: Details) -> None:
    """The reason in full, since it says what to do; the row as it came is in the export."""
    grid(
        f"{found.rows.height} of {found.rows_then:,} rows",
        ("table", "source", "line", "rule", "reason"),
        found.rows.select("table", "source", "source_line", "rule", "reason").rows(),
        right=("line",),
    )
    console.print("\nThe rows as they came: `shelfcast export quarantine`.", style="dim")


def _short(value: object) -> str:
    if isinstance(value, float):
        return f"{value:g}"
    text = "" if value is None else str(value)
    return text if len(text) <= 40 else text[:39] + "…"
