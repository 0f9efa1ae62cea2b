"""How a mapping and a load report look on the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from shelfcast.entrypoints.cli.render import console, grid
from shelfcast.pipeline.ingest_files import FilePlan
from shelfcast.pipeline.load_report import LoadReport, Reason

FULL_REPORTS = 12
"""With more files than this, only a total by table is shown, and each reason once."""


def mappings(plans: Sequence[FilePlan]) -> None:
    """Each mapping once, however many files it is for."""
    by_key: dict[str, list[FilePlan]] = {}
    for plan in plans:
        by_key.setdefault(plan.mapping_key, []).append(plan)
    for alike in by_key.values():
        mapping(alike[0])
        if len(alike) > 1:
            console.print(f"  ... and {len(alike) - 1} more files of the same shape", style="dim")


def mapping(plan: FilePlan) -> None:
    """Which column is what; a mapping that is kept and plain needs one line only."""
    sure = plan.mapping.confidence
    targets = ", ".join(target.table for target in plan.mapping.targets)
    if plan.origin == "kept" or sure == 1.0:
        console.print(f"{plan.file.name} -> {targets} ({'mapping kept from before' if plan.origin == 'kept' else 'names as declared'})")  # fmt: skip
        for sentence in plan.file.notes:
            console.print(f"  {sentence}", style="dim", markup=False)
        _ignored(plan)
        return
    grid(
        f"{plan.file.name} -> {targets}   ({plan.origin}, confidence {sure:.0%})",
        ("table", "column", "from", "how"),
        [
            (target.table, name, source, _how(target.dates.get(name, ""), name in target.inverted))
            for target in plan.mapping.targets
            for name, source in [
                *target.columns.items(),
                *((name, f"always {value!r}") for name, value in target.constants.items()),
                *((name, f"{source} (a row each)") for source, name in target.measures.items()),
                *([(target.wide.value, "period columns")] if target.wide else []),
            ]
        ],
    )
    for sentence in (*plan.file.notes, *plan.mapping.reasons):
        if "is a known one" not in sentence and "is the declared one" not in sentence:
            console.print(f"  {sentence}", style="dim", markup=False)
    _ignored(plan)
    console.print(f"  Change it: shelfcast ingest --show-mapping {plan.file.path} > mapping.yaml, edit, then --mapping mapping.yaml", style="dim")  # fmt: skip


def _how(date_format: str, inverted: bool) -> str:
    return " ".join(part for part in (date_format, "the opposite of it" if inverted else "") if part)


def _ignored(plan: FilePlan) -> None:
    if plan.mapping.ignored:
        console.print(f"  Not loaded: {', '.join(plan.mapping.ignored)}", style="yellow", markup=False)


def reports(loads: Sequence[LoadReport]) -> None:
    """Rows in = kept + quarantined for every table, then why rows were quarantined."""
    if not loads:
        return
    rows = [(load, one) for load in loads for one in load.tables]
    if len(loads) > FULL_REPORTS:
        names = list(dict.fromkeys(one.table for _, one in rows))
        shown = [
            (name, f"{sum(one.table == name for _, one in rows)} files", *(
                f"{sum(getattr(one, field) for _, one in rows if one.table == name):,}" for field in COUNTS
            ))
            for name in names
        ]  # fmt: skip
    else:
        shown = [(one.table, load.source, *(f"{getattr(one, field):,}" for field in COUNTS)) for load, one in rows]
    grid(
        "Loaded: rows in = kept + quarantined",
        ("table", "source", "rows in", "kept", "quarantined", "new", "corrected", "unchanged", "folded"),
        shown,
        right=("rows in", "kept", "quarantined", "new", "corrected", "unchanged", "folded"),
    )
    _reasons(loads)
    for load in loads:
        for one in load.tables:
            for remark in one.remarks if len(loads) <= FULL_REPORTS else ():
                console.print(f"  {load.source}: {remark.message} ({remark.rows:,} rows)", style="dim", markup=False)
    same = [load.source for load in loads if load.state == "unchanged"]
    if same:
        console.print(
            f"Nothing changed for {', '.join(same[:5])}{'...' if len(same) > 5 else ''}: the lake has that content already.",
            markup=False,
        )


COUNTS = ("rows_in", "kept", "quarantined", "inserted", "corrected", "unchanged", "folded")


def _reasons(loads: Sequence[LoadReport]) -> None:
    """Each reason once a table, with the first rows of the first file that has it."""
    found: dict[tuple[str, str, str], tuple[int, str, Reason]] = {}
    for load in loads:
        for one in load.tables:
            for reason in one.reasons:
                key = (one.table, reason.rule, reason.column)
                rows, source, first = found.get(key, (0, load.source, reason))
                found[key] = (rows + reason.rows, source, first)
    if found:
        grid(
            "In quarantine (see them all: shelfcast tables quarantine)",
            ("table", "rule", "column", "rows", "first in", "for example"),
            [
                (table, rule, column, f"{rows:,}", f"{source}: {', '.join(map(str, first.first_lines))}", first.example)
                for (table, rule, column), (rows, source, first) in list(found.items())[:40]
            ],
            right=("rows",),
        )
        if len(found) > 40:
            console.print(f"  ... and {len(found) - 40} more kinds", style="dim")
