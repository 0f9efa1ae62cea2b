"""`explain`: a forecast taken apart into its drivers."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shelfcast.entrypoints.cli.options import HERE, Lake

if TYPE_CHECKING:
    from shelfcast.pipeline.explain_forecast import Explained


def register(app: typer.Typer) -> None:
    app.command("explain")(explain)


def explain(
    item: Annotated[str, typer.Argument(help="Item.")],
    location: Annotated[str, typer.Argument(help="Location.")],
    date: Annotated[datetime, typer.Argument(help="Day forecast.", formats=["%Y-%m-%d"])],
    lake: Lake = HERE,
    plot: Annotated[Path | None, typer.Option(help="Also draw it to this PNG or SVG file.")] = None,
) -> None:
    """Why a forecast is what it is: base + drivers = forecast, exactly."""
    from shelfcast.bootstrap import open_platform
    from shelfcast.pipeline.explain_forecast import explain_forecast

    explained = explain_forecast(open_platform(lake), item, location, date.date())
    _show(explained)
    if plot is not None:
        _draw(explained, plot)
        typer.echo(f"Drawn to {plot}")


def _show(explained: Explained) -> None:
    from shelfcast.entrypoints.cli.render import console, grid

    row = explained.forecast
    console.print(
        f"[bold]{explained.item_id} at {explained.location_id}, {explained.date:%A %d %B %Y}[/bold]: {row['mean']:.6f} units expected; "
        f"80 % between {row['q100']:g} and {row['q900']:g} (model {row['model']}, cutoff {row['cutoff']})"
    )
    if row["fallback"]:
        console.print(f"Fallback: {row['fallback']}")
    lines = [("base: the series' own level", f"{explained.base / 1e6:+.6f}")]
    lines += [(name, f"{micro / 1e6:+.6f}") for name, micro in explained.drivers]
    total = explained.base + sum(micro for _, micro in explained.drivers)
    lines.append(("= forecast", f"{total / 1e6:.6f}"))
    grid("Base and drivers, in units", ("driver", "units"), lines, right=("units",))


def _draw(explained: Explained, path: Path) -> None:
    """A waterfall from the base to the forecast."""
    from shelfcast.domain.errors import MissingExtra

    try:
        import matplotlib

        matplotlib.use("Agg")
        from matplotlib import pyplot
    except ImportError as error:
        raise MissingExtra("plots need the plots extra: pip install 'shelfcast[plots]'") from error
    names = ["base", *(name for name, _ in explained.drivers), "forecast"]
    changes = [micro / 1e6 for _, micro in explained.drivers]
    heights = [explained.base / 1e6, *changes, explained.forecast["mean"]]
    bottoms, level = [0.0], explained.base / 1e6
    for change in changes:
        bottoms.append(level)
        level += change
    bottoms.append(0.0)
    colours = ["#5f6b7a", *("#037f0c" if change >= 0 else "#d91515" for change in changes), "#0972d3"]
    figure, axes = pyplot.subplots(figsize=(9, 0.42 * len(names) + 1.4), layout="constrained")
    axes.barh(names, heights, left=bottoms, color=colours)
    axes.invert_yaxis()
    for at, (height, bottom) in enumerate(zip(heights, bottoms, strict=True)):
        axes.annotate(
            f"{height:+.2f}" if 0 < at < len(names) - 1 else f"{height:.2f}",
            (max(bottom, bottom + height), at),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
        )
    axes.margins(x=0.14)
    axes.set_xlabel("units")
    axes.set_title(
        f"{explained.item_id} at {explained.location_id}, {explained.date:%d %B %Y}", loc="left", fontsize=11
    )
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    pyplot.close(figure)
