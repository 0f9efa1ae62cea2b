"""What a planner reads after a cycle: loaded, quarantined and why, accuracy, orders, what is most urgent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from shelfcast.entrypoints.cli.render import console, grid
from shelfcast.pipeline.run_cycle import CycleResult
from shelfcast.ports.platform import Platform
from shelfcast.serve import summary

if TYPE_CHECKING:
    from shelfcast.pipeline.fake_erp import Answered
    from shelfcast.pipeline.push_orders import Collected, Delivery


def loaded(reports: Sequence[Any]) -> None:
    """Rows in = kept + quarantined, by table."""
    rows = summary.loads_by_table(reports)
    grid(
        "Loaded",
        ("table", "files", "rows in", "kept", "quarantined"),
        [(one.table, one.files, f"{one.rows_in:,}", f"{one.kept:,}", f"{one.quarantined:,}") for one in rows],
        right=("files", "rows in", "kept", "quarantined"),
    )


def show(platform: Platform, result: CycleResult, *, currency: str) -> None:
    """The summary of a cycle."""
    console.print()
    console.rule(f"[bold]Shelfcast, cutoff {result.cutoff:%A %d %B %Y}")
    _quarantined(platform)
    names = {one.step for one in result.steps}
    if "quality" in names:
        _quality(result.step("quality").summary)
    if "train" in names:
        _accuracy(result.step("train").summary)
    if "replenish" in names:
        _orders(result.step("replenish").summary, currency)
    seconds = sum(one.seconds for one in result.steps if one.state == "done")
    peak = max((one.peak_mb for one in result.steps), default=0)
    console.print(f"\nCycle: {seconds:.0f} s, {peak:,.0f} MB at most. Every number: `shelfcast status`.", style="dim")


def erp(approved: int, sent: Sequence[Delivery], answered: Answered, noted: Collected, *, currency: str) -> None:
    """What went to the (made-up) ERP, and what it said."""
    if approved or sent:
        value = sum(one.value for one in sent)
        console.print(
            f"\n[bold]To a made-up ERP:[/bold] {approved:,} lines nothing speaks against were approved and "
            f"{sum(one.lines for one in sent):,} sent, worth {value:,.0f} {currency}."
        )
    if answered.lines:
        outcomes = (
            (answered.confirmed, "confirmed"), (answered.short, "will come short"), (answered.late, "will come late"),
            (answered.rejected, "rejected"),
        )  # fmt: skip
        said = ", ".join(f"{count:,} {what}" for count, what in outcomes if count)
        console.print(f"It answered {answered.lines:,}: {said}. {noted.noted:,} of {noted.lines:,} answers are noted.")
    for one in sent:
        console.print(f"{one.where or one.name}: {one.error or one.state}", style="dim", soft_wrap=True)


def _quarantined(platform: Platform) -> None:
    found = summary.quarantine_by_rule(platform)
    if not found:
        console.print("Nothing is in quarantine.")
        return
    grid(
        "In quarantine, with the first row of each kind",
        ("table", "rows", "rule", "for example"),
        [(one["table"], f"{one['rows']:,}", one["rule"], one["example"]) for one in found[:12]],
        right=("rows",),
    )


def _quality(found: Mapping[str, Any]) -> None:
    for sentence in found.get("sentences", []):
        console.print(f"• {sentence}")


def _accuracy(found: Mapping[str, Any]) -> None:
    if not (scores := found.get("scores")):
        return
    grid(
        f"Accuracy over {found['folds']} past cutoffs, {found['horizon']} periods ahead, {found['series']:,} series",
        ("model", "WAPE", "bias", "scaled quantile loss", "80 % interval covers"),
        [
            (name, f"{one['wape']:.1%}", f"{one['bias']:+.1%}", f"{one['sql']:.3f}", f"{one['coverage_80']:.1%}")
            for name, one in scores.items()
        ],
        right=("WAPE", "bias", "scaled quantile loss", "80 % interval covers"),
    )
    if gain := found.get("gain_over_naive"):
        console.print(
            f"[bold]{found['champion']}[/bold] errs {gain:.0%} less than repeating last season (seasonal naive)."
        )


def _orders(found: Mapping[str, Any], currency: str) -> None:
    if not found.get("lines"):
        why = found.get("why", "")
        if none := found.get("no_order"):
            why = (
                f"{none:,} lines were worked out and need nothing now; `shelfcast tables order_lines` says why of each."
            )
        console.print(f"No orders are proposed. {why}".strip(), markup=False)
        return
    console.print(
        f"\n[bold]{found['lines']:,} order lines[/bold] worth [bold]{found['value']:,.0f} {currency}[/bold] proposed"
        f" ({found.get('review', 0):,} to review, {found.get('exceptions', 0):,} exceptions)."
    )
    if suppliers := found.get("by_source"):
        grid(
            "By source",
            ("source", "lines", f"value {currency}"),
            [(one["source_id"], f"{one['lines']:,}", f"{one['value']:,.0f}") for one in suppliers[:8]],
            right=("lines", f"value {currency}"),
        )
    if urgent := found.get("urgent"):
        console.print("\n[bold]Most urgent[/bold]")
        for number, one in enumerate(urgent, 1):
            console.print(f"{number}. {one['item_id']} at {one['location_id']}: {one['sentence']}")
