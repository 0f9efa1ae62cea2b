"""`backtest`: how good the forecasts would have been, on anybody's history."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from shelfcast.domain.errors import BadParameter
    from shelfcast.pipeline.backtest_models import Panel


def register(app: typer.Typer) -> None:
    app.command("backtest")(backtest)


def backtest(
    history: Annotated[Path, typer.Option(help="History in long format: a row a series and period (Parquet or CSV).")],
    frequency: Annotated[str, typer.Option(help="D, W or M.")],
    horizon: Annotated[int, typer.Option(help="Periods ahead.")],
    windows: Annotated[int, typer.Option(help="Cutoffs, counted back from the end of each series.")] = 1,
    seasonality: Annotated[
        int, typer.Option(help="Season of the scaled metrics and of seasonal naive, in periods.")
    ] = 1,
    quantiles: Annotated[
        str, typer.Option(help="Levels, separated by commas.")
    ] = "0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8,0.9",
    known_future: Annotated[Path | None, typer.Option(help="Covariates known ahead, past and future periods.")] = None,
    static: Annotated[Path | None, typer.Option(help="Attributes of series.")] = None,
    observed: Annotated[Path | None, typer.Option(help="Covariates known only afterwards.")] = None,
    series: Annotated[str, typer.Option(help="Columns that name a series, separated by commas (else inferred).")] = "",
    time: Annotated[str | None, typer.Option(help="Time column (else inferred).")] = None,
    target: Annotated[str | None, typer.Option(help="Target column (else inferred).")] = None,
    fill: Annotated[str, typer.Option(help="An absent row inside a series is: missing or zero.")] = "missing",
    seed: Annotated[int, typer.Option(help="The same seed gives the same scores.")] = 0,
    threads: Annotated[int, typer.Option(help="Threads; 0 = all. Scores don't depend on it.")] = 0,
    json: Annotated[Path | None, typer.Option("--json", help="Write all scores to this file.")] = None,
) -> None:
    """Forecast from past cutoffs and score: seasonal naive, baselines, boosted model, ensemble."""
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.pipeline.backtest_models import Sources, Task, backtest_models, load_panel, roles_of

    levels = _levels(quantiles)
    task = Task(horizon, windows, seasonality, levels, seed)
    task.check()
    names = tuple(name.strip() for name in series.split(",") if name.strip())
    _check_writable(json)
    notes: list[str] = []
    sources = Sources(history, known_future, static, observed, names, time, target, fill)
    panel, columns = load_panel(sources, frequency, notes)
    roles = roles_of(panel, columns)
    _print_roles(roles, panel)
    for note in notes:
        typer.echo(f"  note: {note}")
    with Bars() as bars:
        document = backtest_models(panel, task, bars, threads=threads)
    document["task"]["columns"] = roles
    document["task"]["notes"] = notes
    if json is not None:
        _write(json, document)
    _print_scores(document)


def _levels(text: str) -> tuple[float, ...]:
    from shelfcast.domain.errors import BadParameter

    try:
        return tuple(float(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise BadParameter(f"quantiles {text!r} aren't numbers; write them as 0.1,0.5,0.9.") from error


def _print_roles(roles: dict[str, Any], panel: Panel) -> None:
    typer.echo(f"{panel.series_count} series, {panel.history_length} periods to {panel.cutoff}. Columns:")
    for role, value in roles.items():
        shown = ", ".join(value) if isinstance(value, list) else value
        typer.echo(f"  {role}: {shown or '-'}")


def _check_writable(path: Path | None) -> None:
    """Say before the work, not after it, that the scores can't be written."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unwritable(path, error.strerror) from error
    if path.is_dir():
        raise _unwritable(path, "it's a folder")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise _unwritable(path, "no permission")


def _unwritable(path: Path, why: str | None) -> BadParameter:
    from shelfcast.domain.errors import BadParameter

    return BadParameter(f"the scores can't be written to {path} ({why}); give another --json.")


def _write(path: Path, document: dict[str, Any]) -> None:
    import json

    try:
        path.write_text(json.dumps(document, indent=1, allow_nan=False) + "\n", encoding="utf-8")
    except OSError as error:
        raise _unwritable(path, error.strerror) from error


def _print_scores(document: dict[str, Any]) -> None:
    def text(value: float | None) -> str:
        return f"{'-':>9}" if value is None else f"{value:9.4f}"

    typer.echo(
        f"{'model':<24}{'SQL':>9}{'MASE':>9}{'WAPE':>9}{'WQL':>9}{'bias':>9}{'in 80 %':>9}{'in 95 %':>9}{'seconds':>9}"
    )
    for name, scores in document["models"].items():
        mark = " *" if name == document["champion"] else ""
        numbers = [scores[key] for key in ("sql", "mase", "wape", "wql", "bias")]
        numbers += [scores["coverage"]["80"], scores["coverage"]["95"]]
        typer.echo(f"{name + mark:<24}{''.join(text(value) for value in numbers)}{scores['seconds']:9.1f}")
    typer.echo("* champion")
