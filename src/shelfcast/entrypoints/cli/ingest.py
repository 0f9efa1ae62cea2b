"""`ingest`: files, a database, or a public data set into the lake; `template`: an empty CSV file to fill in."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from shelfcast.domain.errors import BadParameter
from shelfcast.entrypoints.cli.options import HERE, Lake

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shelfcast.pipeline.ingest_files import FilePlan
    from shelfcast.pipeline.load_report import LoadReport

ASK_BELOW = 0.7
"""A mapping less certain than this is asked about before rows are loaded, where somebody can answer."""
Files = Annotated[
    list[Path] | None, typer.Argument(help="CSV, TSV, Parquet or Excel files, also .gz; a folder stands for its files.")
]
Text = Annotated[str, typer.Option()]


def register(app: typer.Typer) -> None:
    app.command("ingest")(ingest)
    app.command("template")(template)


def ingest(
    files: Files = None,
    lake: Lake = HERE,
    table: Annotated[str, typer.Option(help="Canonical table the rows are for, where names don't tell.")] = "",
    mapping: Annotated[Path | None, typer.Option(help="Mapping file to use; it is kept for files of this shape.")] = None,
    show_mapping: Annotated[bool, typer.Option(help="Print the mapping file and load nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Don't ask about a mapping that is a guess.")] = False,
    separator: Annotated[str, typer.Option(help="Splits a series name (unique_id) into item and location.")] = "",
    database: Annotated[str, typer.Option(help="URL of a database: postgresql://, mysql://, sqlite:///", envvar="SHELFCAST_DATABASE")] = "",
    query: Annotated[str, typer.Option(help="SELECT to load from the database.")] = "",
    source_table: Annotated[str, typer.Option("--from", help="Table to load from the database (schema.table).")] = "",
    watermark: Annotated[str, typer.Option(help="Column that grows: only rows past the last load's highest value.")] = "",
    overlap: Annotated[float, typer.Option(help="Read so far before the watermark again (seconds of a time), for rows of long transactions.", min=0)] = 0.0,
    dataset: Annotated[str, typer.Option(help="freshretailnet, rossmann, m5 or online-retail; FILE is its folder.")] = "",
    max_bad_share: Annotated[float | None, typer.Option(help="Refuse a load with a larger share of bad rows.", min=0, max=1)] = None,
    again: Annotated[bool, typer.Option("--again", help="Load even what is in the lake already.")] = False,
) -> None:  # fmt: skip
    """Load a retailer's data. What can't be used goes to quarantine with its reason; nothing is lost."""
    from shelfcast.bootstrap import open_lake
    from shelfcast.entrypoints.cli import ingest_view
    from shelfcast.entrypoints.cli.progress import Bars
    from shelfcast.pipeline.load_batches import raise_failures

    paths = files or []
    if sum(map(bool, (database, dataset, paths and not dataset))) != 1:
        raise BadParameter("name files, or --database URL, or --dataset NAME FOLDER: one of the three.")
    if show_mapping and dataset:
        raise BadParameter(
            f"--show-mapping is for files and databases: the columns of {dataset} are known. Nothing was loaded."
        )
    with Bars() as bars:
        settings, platform = open_lake(lake, bars, max_bad_share=max_bad_share)
        limit = settings.max_bad_share
        if dataset:
            from shelfcast.pipeline.ingest_dataset import ingest_dataset

            if len(paths) != 1:
                raise BadParameter(f"--dataset {dataset} needs one folder (or file), {len(paths)} are named.")
            reports: Sequence[LoadReport] = [
                ingest_dataset(
                    platform, dataset, paths[0], max_bad_share=limit, again=again, frequency=settings.frequency
                )
            ]
        elif database:
            from shelfcast.pipeline.ingest_database import ingest_database
            from shelfcast.ports.source_reader import Query

            # `--table` names the canonical table; alone it is the source's table too.
            asked = Query(source_table or ("" if query else table), query, watermark)
            canonical = table if source_table or query else ""
            if show_mapping:
                from shelfcast.pipeline.ingest_database import plan_query

                plan = plan_query(platform, database, asked, table=canonical, mapping_file=mapping, separator=separator)
                typer.echo(plan.as_yaml() if plan else "The database has no such rows; there is nothing to map.")
                return
            done = ingest_database(
                platform,
                database,
                asked,
                table=canonical,
                mapping_file=mapping,
                separator=separator,
                max_bad_share=limit,
                currency=settings.currency,
                frequency=settings.frequency,
                overlap=overlap,
            )
            if done.report is None:
                typer.echo(f"{done.source}: nothing new" + (f" past {done.watermark}." if watermark else "."))
            reports = [done.report] if done.report is not None else []
        else:
            from shelfcast.pipeline.ingest_files import data_files, load_files, plan_files

            paths, left_out = data_files(paths)
            if left_out:
                shown = ", ".join(str(one) for one in left_out[:3]) + (", ..." if len(left_out) > 3 else "")
                typer.echo(f"Left out, as no data files of a retailer: {shown} ({len(left_out):,} files).", err=True)
            plans = plan_files(platform, paths, table=table, mapping_file=mapping, separator=separator)
            if show_mapping:
                for plan in plans:
                    typer.echo(plan.as_yaml())
                return
            ingest_view.mappings(plans)
            if not yes:
                _ask(plans, bars)
            reports = load_files(
                platform,
                plans,
                max_bad_share=limit,
                again=again,
                currency=settings.currency,
                frequency=settings.frequency,
            )
    ingest_view.reports(reports)
    raise_failures(reports)


def _ask(plans: Sequence[FilePlan], bars: object) -> None:
    """Ask about guesses where somebody sits at the terminal; elsewhere the guess is printed and used."""
    import sys

    guesses = [plan for plan in plans if plan.origin == "inferred" and plan.mapping.confidence < ASK_BELOW]
    if guesses and sys.stdin.isatty() and getattr(bars, "live", False):
        names = ", ".join(plan.file.name for plan in guesses)
        typer.confirm(f"The mapping of {names} is partly a guess. Load it so?", abort=True)


def template(
    table: Annotated[str, typer.Argument(help="Table to fill, such as sales or stock; empty lists them.")] = "",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; printed when left out.")] = None,
) -> None:
    """An empty CSV file with a table's columns, to fill in, and what each column means."""
    from shelfcast.pipeline.describe_tables import csv_template, loadable_tables

    if not table:
        for name, meaning in loadable_tables():
            typer.echo(f"{name:<18} {meaning}")
        return
    text = csv_template(table)
    if output is None:
        typer.echo(text, nl=False)
    else:
        output.write_text(text, "utf-8")
        typer.echo(f"Template of {table} written to {output}. Fill it in, then: shelfcast ingest {output}")
