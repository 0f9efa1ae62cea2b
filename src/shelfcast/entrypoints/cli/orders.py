"""`explain-order`, `what-if-order`."""

from __future__ import annotations

from typing import Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake

Line = Annotated[str, typer.Argument(help="line_id of an order line; its beginning is enough.")]

SHOWN = (
    "order_up_to", "window_mean", "safety_stock", "inventory_position", "need", "step_unit", "step_moq", "step_pack",
    "step_cap", "step_truck", "step_capacity", "step_fair_share", "step_budget", "step_lock", "qty", "value",
    "p_stockout_without", "p_stockout_with", "cover_days_after", "status",
)  # fmt: skip


def register(app: typer.Typer) -> None:
    app.command("explain-order")(explain_order)
    app.command("what-if-order")(what_if_order)


def explain_order(
    line: Line,
    lake: Lake = HERE,
    fields: Annotated[bool, typer.Option("--fields", help="List every why field besides.")] = False,
) -> None:
    """Why this quantity, or why nothing: the sentence, from the line's own fields."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.entrypoints.cli import render
    from shelfcast.pipeline.plan_orders import explain_line

    found, sentence = explain_line(open_platform(lake), line)
    typer.echo(f"{found['item_id']} at {found['location_id']} from {found['source_id'] or 'no source'}")
    typer.echo(sentence)
    typer.echo(f"Rules: {found['rules_used'] or 'declared defaults'}")
    if fields:
        render.record({name: value for name, value in found.items() if value is not None})


def what_if_order(
    line: Line,
    change: Annotated[
        list[str],
        typer.Option("--set", help="field=value; again for more. Stock, terms, a rule's parameter, or demand_factor."),
    ],
    lake: Lake = HERE,
) -> None:
    """The same line under other stock, terms, rules or demand. Nothing is written."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.domain.errors import BadParameter
    from shelfcast.entrypoints.cli import render
    from shelfcast.pipeline.plan_orders import what_if_line

    pairs = [one.partition("=") for one in change]
    for name, equals, value in pairs:
        if not name or not equals or not value:
            raise BadParameter(f"--set {name + equals + value!r} came; field=value is needed, e.g. --set moq=0.")
    before, after, was, becomes = what_if_line(open_platform(lake), line, {name: value for name, _, value in pairs})
    typer.echo(f"Now:     {was}")
    typer.echo(f"What if: {becomes}")
    changed = [name for name in SHOWN if before.get(name) != after.get(name)]
    rows = [(name, _show(before.get(name)), _show(after.get(name))) for name in changed]
    if rows:
        render.grid("What changes", ("field", "now", "what if"), rows, right=("now", "what if"))
    else:
        typer.echo("Nothing changes.")


def _show(value: object) -> str:
    return f"{value:,.4g}" if isinstance(value, float) else str(value)
