"""`models`: versions of the model, who is champion and why; retrain, promote, roll back, compare."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake

if TYPE_CHECKING:
    from shelfcast.serve.model_views import ModelView

Model = Annotated[str, typer.Argument(help="A version's id, or its first letters; or champion, challenger.")]
Reason = Annotated[str, typer.Option(help="Why; kept with the change.")]
By = Annotated[str, typer.Option("--by", envvar="USER", help="Who does it; kept with the change.")]


def register(app: typer.Typer) -> None:
    models = typer.Typer(help="Versions of the model: the champion, its challengers, and why.", no_args_is_help=True)
    for name, command in (
        ("list", list_), ("show", show), ("retrain", retrain), ("promote", promote), ("rollback", rollback), ("compare", compare),
    ):  # fmt: skip
        models.command(name)(command)
    app.add_typer(models, name="models")


def list_(
    lake: Lake = HERE, history: Annotated[bool, typer.Option("--history", help="Who was champion when.")] = False
) -> None:
    """Versions, the newest first, with what was decided about each."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.serve import models as views

    platform = open_platform(lake)
    if history:
        for change in views.promotions(platform):
            typer.echo(
                f"{change.at:%Y-%m-%d %H:%M}  {change.model_id}  by {change.who or 'the cycle'}: {change.reason}"
            )
        return
    found = views.every(platform)
    if not found:
        typer.echo("No model yet. The first one is trained with the first cycle: `shelfcast run`.")
    for one in found:
        role = "champion" if one.champion else "challenger" if one.challenger else ""
        typer.echo(f"{one.number:>4}  {one.model_id}  learnt until {one.cutoff}  {_scores(one):<44} {role}".rstrip())
        if one.sentence:
            typer.echo(f"      {one.sentence}")


def show(model: Model, lake: Lake = HERE) -> None:
    """One version: what it learnt from, its scores, how it was judged, the snapshots of its data."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.serve import models as views

    platform = open_platform(lake)
    one = views.one(platform, views.named(platform, model))
    role = ", champion" if one.champion else ", challenger" if one.challenger else ""
    typer.echo(f"Version {one.number}, {one.model_id}{role}: {one.model}, {one.horizon} periods of {one.frequency}")
    typer.echo(f"Learnt from   {one.first_period} to {one.last_period}: {one.series} series, {one.rows} rows")
    typer.echo(f"Trained       {one.trained_at:%Y-%m-%d %H:%M} ({one.cause or 'cycle'}) {one.reason}".rstrip())
    typer.echo(f"Decision      {one.sentence or 'none recorded'}")
    for score in one.held_out:
        typer.echo(
            f"  {score.segment:<28} WAPE {_percent(score.wape)}  bias {_percent(score.bias)}  80 % band {_percent(score.coverage_80)}"
        )
    for rail in one.comparison.rails if one.comparison else []:
        typer.echo(f"  {'holds ' if rail.holds else 'BROKEN'} {rail.name}: {rail.says}")
    typer.echo(
        f"Features      {len(one.features)}: {', '.join(one.features[:8])}{'...' if len(one.features) > 8 else ''}"
    )
    typer.echo(f"Snapshots     {', '.join(f'{name} {number}' for name, number in sorted(one.snapshots.items()))}")
    typer.echo(f"Files         {', '.join(f'{name} ({size:,} bytes)' for name, size in sorted(one.files.items()))}")


def retrain(
    lake: Lake = HERE,
    reason: Reason = "",
    by: By = "cli",
    cutoff: Annotated[
        datetime | None,
        typer.Option(help="Last business date whose data may be used; the newest when left out.", formats=["%Y-%m-%d"]),
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave the champion in place whatever the comparison says.")
    ] = False,
) -> None:
    """Train a challenger, judge it against the champion on days neither has seen, promote it if it surely wins."""
    from shelfcast.bootstrap import lake_settings, open_lake
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.pipeline import retrain as use_case
    from shelfcast.pipeline.steps import Asked

    with Bars() as bars:
        settings, platform = open_lake(lake, bars)
        asked = Asked("hand", reason, by, not keep)
        decision = use_case.retrain(platform, lake_settings(settings), asked, cutoff.date() if cutoff else None)
    typer.echo(f"{decision['model_id']}  {decision['sentence']}")


def promote(model: Model, reason: Reason, lake: Lake = HERE, by: By = "cli") -> None:
    """Make a version the champion, whatever the comparison said; it forecasts from the next cycle on."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import choose_model
    from shelfcast.serve import models as views

    platform = open_platform(lake)
    record = choose_model.promote(platform, by, views.named(platform, model), reason)
    typer.echo(f"{record['model_id']} is the champion now; it forecasts from the next cycle on.")


def rollback(reason: Reason, lake: Lake = HERE, by: By = "cli") -> None:
    """Make the champion before this one the champion again."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline import choose_model

    record = choose_model.roll_back(open_platform(lake), by, reason)
    typer.echo(f"{record['model_id']} is the champion again; it forecasts from the next cycle on.")


def compare(a: Model, b: Model = "champion", lake: Lake = HERE) -> None:
    """Two versions side by side, and how one was judged against the other."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.serve import models as views

    platform = open_platform(lake)
    both = views.compare(platform, views.named(platform, a), views.named(platform, b))
    if both.decision:
        typer.echo(f"Judged on days neither had seen: {both.decision.sentence}")
    elif not both.same_days:
        typer.echo("These two were never judged against each other; the scores below are of different days.")
    typer.echo(f"{'':<40} {both.a.model_id:>16} {both.b.model_id:>16}")
    for score in both.scores:
        typer.echo(f"{score.name:<40} {_number(score.a):>16} {_number(score.b):>16}")
    for name, features in ((both.a.model_id, both.features_only_a), (both.b.model_id, both.features_only_b)):
        if features:
            typer.echo(f"Only {name} looks at: {', '.join(features)}")


def _scores(one: ModelView) -> str:
    score = one.held_out[0] if one.held_out else None
    if score is None:
        return ""
    return f"WAPE {_percent(score.wape)}  bias {_percent(score.bias)}  80 % band {_percent(score.coverage_80)}"


def _percent(value: float | None) -> str:
    return "     –" if value is None else f"{100 * value:4.1f} %"


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4f}"
