"""Write the reference pages from the code: `make docs`, or `python docs/generate.py --check` to see whether they are up
to date (exit 1 if not)."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from shelfcast.domain.tables import TABLES, Column, Kind, Table, Zone

FOLDER = Path(__file__).parent / "reference"
NOTE = "<!-- Written by docs/generate.py from the code. Edit the code, then run `make docs`. -->\n"

KINDS = {
    Kind.DIMENSION: "dimension: one row a key, the newest load wins",
    Kind.FACT: "fact: a correction supersedes the older row, which is kept",
    Kind.VINTAGE: "vintage: every version is kept with the moment it became known",
    Kind.RESULT: "result: a run's or a cutoff's rows are replaced whole",
}
ZONES = {
    Zone.CURATED: "Curated: what you load",
    Zone.FEATURES: "Features: made from what you load",
    Zone.RESULTS: "Results: what Shelfcast computes",
}


def grid(names: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table."""
    lines = ["| " + " | ".join(names) + " |", "|" + " --- |" * len(names)]
    lines += ["| " + " | ".join(_cell(value) for value in row) + " |" for row in rows]
    return "\n".join(lines) + "\n"


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def tables_page() -> str:
    """Every canonical table with its columns."""
    parts = [
        NOTE,
        "# Tables\n",
        "Every canonical table, as declared in `src/shelfcast/domain/tables`. Names in the column *also recognised as* are"
        " matched on the way in without regard to case, spaces, `_` and `-`; any other name can be mapped by hand"
        " ([how to](../how-to/own-data.md)). A column marked *filled in* is made by Shelfcast and need not be in a file.\n",
        grid(
            ("table", "zone", "can be loaded", "meaning"),
            [(f"[{t.name}](#{t.name})", t.zone, "yes" if t.loadable else "", t.meaning) for t in TABLES.values()],
        ),
    ]
    for zone, title in ZONES.items():
        parts.append(f"## {title}\n")
        parts += [_table(table) for table in TABLES.values() if table.zone is zone]
    return "\n".join(parts)


def _table(table: Table) -> str:
    facts = [f"- Key: {', '.join(f'`{name}`' for name in table.key)}", f"- Kind: {KINDS[table.kind]}"]
    if table.partition:
        facts.append(
            f"- Stored by: {'month of ' if table.column(table.partition).type == 'day' else ''}`{table.partition}`"
        )
    if table.publication_lag_days:
        facts.append(f"- Known {table.publication_lag_days} days after the period, where the source doesn't say")
    facts += [f"- `{column}` refers to [{other}](#{other})" for column, other in table.references]
    rows = [
        (f"`{one.name}`", one.type, one.unit, _needed(one, table), one.meaning, _limits(one), ", ".join(one.aliases))
        for one in table.columns
    ]
    names = ("column", "type", "unit", "needed", "meaning", "allowed", "also recognised as")
    if not any(row[6] for row in rows):
        names, rows = names[:6], [row[:6] for row in rows]  # type: ignore[misc]
    return f"### {table.name}\n\n{table.meaning}.\n\n" + "\n".join(facts) + "\n\n" + grid(names, rows)


def _needed(column: Column, table: Table) -> str:
    if column.derived:
        return "filled in"
    if column.default is not None:
        return f"default {column.default if column.default != '' else 'empty'}"
    return "yes" if column.required or column.name in table.key else ""


def _limits(column: Column) -> str:
    if column.allowed:
        return ", ".join(column.allowed)
    low, high = column.minimum, column.maximum
    if column.positive:
        return "above 0" if high is None else f"above 0, up to {high:g}"
    if low is not None and high is not None:
        return f"{low:g} to {high:g}"
    if low is not None:
        return f"{low:g} or more"
    return f"up to {high:g}" if high is not None else ""


def rules_page() -> str:
    """The quality rules, and from where a number is an anomaly."""
    from dataclasses import fields

    from shelfcast.quality.anomalies import Sensitivity, Windows
    from shelfcast.quality.rule_book import RULES, Level

    titles = {
        Level.ROW: (
            "Rules of a row",
            "A row that breaks one goes to the table `quarantine` with its reason; the rest is used.",
        ),
        Level.TABLE: ("Rules of a table", "Written to `quality_results`; nothing is taken out."),
        Level.SERIES: (
            "Anomaly flags of a series",
            "Written to `anomalies` for the last 56 days (8 weeks); nothing is taken out.",
        ),
    }
    parts = [
        NOTE,
        "# Quality rules\n",
        "Rows are checked when they are loaded, tables and series by the step `quality` of the cycle. Limits of single"
        " columns stand in the [table reference](tables.md). Severity: *error* = wrong and not used; *warning* = may mislead"
        " forecasts or orders; *info* = good to know.\n",
    ]
    for level, (title, text) in titles.items():
        parts.append(f"## {title}\n\n{text}\n")
        rows = [(f"`{r.name}`", r.severity, r.meaning, r.cure) for r in RULES.values() if r.level is level]
        parts.append(grid(("rule", "severity", "meaning", "what to do"), rows))
    parts.append(
        "## When a number is an anomaly\n\n"
        "A day is held against what the series should have sold: its own level of the weeks around, times what kind of day it"
        " was for its category at that location (festivals, heat and a closed afternoon move all alike), times its own weekday."
        " Deviations are measured on the square-root scale, on which chance makes counts of 1 and of 1,000 scatter alike, in"
        " units of the series' own scatter. Days in a promotion, at a cut price, closed, or recorded as out of stock are left"
        " out. So a slow mover that sells 4 instead of 0.5 is no spike.\n"
    )
    defaults = Sensitivity()
    docs = _field_docs(Sensitivity)
    rows = [
        (f"`{one.name}`", f"{getattr(defaults, one.name):g}", docs.get(one.name, "")) for one in fields(Sensitivity)
    ]
    parts.append(grid(("threshold", "default", "meaning"), rows))
    days, weeks, docs = Windows.of("D"), Windows.of("W"), _field_docs(Windows)
    rows = [
        (f"`{one.name}`", getattr(days, one.name), getattr(weeks, one.name), docs.get(one.name, ""))
        for one in fields(Windows)
    ]
    parts.append(grid(("window", "daily data", "weekly data", "meaning"), rows))
    return "\n".join(parts)


def _field_docs(declared: type) -> dict[str, str]:
    """The string under each field of a class, from its source."""
    import ast
    import inspect
    import textwrap

    body = ast.parse(textwrap.dedent(inspect.getsource(declared))).body[0]
    assert isinstance(body, ast.ClassDef)
    found: dict[str, str] = {}
    for before, after in zip(body.body, body.body[1:]):
        match before, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                found[name] = text
    return found


def reasons_page() -> str:
    """The reason codes of order lines."""
    from shelfcast.replenish.reasons import REASONS, ReasonKind

    does = {
        ReasonKind.DATA: ("About the inputs", "They tell the planner something about the data behind the line."),
        ReasonKind.STOP: ("Nothing is ordered", "Nothing is ordered because of it."),
        ReasonKind.LEVEL: ("Sets the target or the need", "They set how much stock is wanted."),
        ReasonKind.STEP: ("Changes the quantity", "Each is one of the steps in need + steps = quantity."),
        ReasonKind.NOTE: ("Explains the status", "They decide nothing and say why a line waits or is reviewed."),
    }
    parts = [
        NOTE,
        "# Reason codes\n",
        "The closed list of codes in the column `reasons` of [order_lines](tables.md#order_lines), in the order in which the"
        " rules are applied; a line lists its codes in that order. Words in braces are filled from the line.\n",
    ]
    for kind, (title, text) in does.items():
        rows = [(f"`{one.code}`", one.sentence) for one in REASONS if one.kind is kind]
        parts.append(f"## {title}\n\n{text}\n\n" + grid(("code", "what it says"), rows))
    return "\n".join(parts)


def commands_page() -> str:
    """Every command of the command line with its arguments and options."""
    import typer

    from shelfcast.entrypoints.cli.app import build

    root: Any = typer.main.get_command(build())
    parts = [
        NOTE,
        "# Commands\n",
        "`shelfcast COMMAND --help` says the same. Exit codes: 0 done, 2 the input or a parameter can't be used, 1 anything"
        " else.\n",
        grid(
            ("command", "what it does"),
            [(f"[{name}](#{name.replace(' ', '-')})", _first(one)) for name, one in _commands(root)],
        ),
    ]
    parts += [_command(name, one) for name, one in _commands(root)]
    return "\n".join(parts)


def _commands(group: Any, before: str = "") -> list[tuple[str, Any]]:
    """Commands with their full names, groups walked through."""
    found: list[tuple[str, Any]] = []
    for name, one in group.commands.items():
        if getattr(one, "hidden", False):
            continue
        full = f"{before} {name}".strip()
        found += _commands(one, full) if hasattr(one, "commands") else [(full, one)]
    return found


def _first(command: Any) -> str:
    return str(command.help or "").strip().split("\n\n")[0].replace("\n", " ")


def _command(name: str, command: Any) -> str:
    shown = [one for one in command.params if not getattr(one, "hidden", False)]
    arguments = [one for one in shown if not one.opts[0].startswith("-")]
    options = [one for one in shown if one.opts[0].startswith("-")]
    usage = " ".join(["shelfcast", name, *(["[OPTIONS]"] if options else []), *map(_argument, arguments)])
    text = "\n".join(line.strip() for line in str(command.help or "").strip().splitlines())
    parts = [f"## {name}\n\n{text}\n\n```\n{usage}\n```\n"]
    if arguments:
        parts.append(grid(("argument", "meaning"), [(f"`{one.name}`", one.help or "") for one in arguments]))
    if options:
        rows = [(_option(one), one.help or "", _default(one)) for one in options]
        parts.append(grid(("option", "meaning", "default"), rows))
    return "\n".join(parts)


def _argument(one: Any) -> str:
    name = one.name.upper() + ("..." if one.nargs == -1 else "")
    return name if one.required else f"[{name}]"


def _option(one: Any) -> str:
    names = ", ".join(f"`{name}`" for name in one.opts)
    if getattr(one, "secondary_opts", None):
        names += " / " + ", ".join(f"`{name}`" for name in one.secondary_opts)
    return names + (" (repeatable)" if getattr(one, "multiple", False) else "")


def _default(one: Any) -> str:
    if one.required:
        return "required"
    said = one.show_default if isinstance(one.show_default, str) else ""
    value = said or one.default
    if callable(value):
        value = ""
    if isinstance(value, list | tuple):
        value = ", ".join(map(str, value))
    text = "" if value is None or value is False or value == "" else str(getattr(value, "value", value))
    variable = getattr(one, "envvar", None)
    return "; ".join(part for part in (text, f"variable `{variable}`" if variable else "") if part)


PAGES: dict[str, Callable[[], str]] = {
    "tables.md": tables_page,
    "cli.md": commands_page,
    "quality-rules.md": rules_page,
    "reason-codes.md": reasons_page,
}


def _borders() -> dict[str, Callable[[], str]]:
    from shelfcast.pipeline.describe_borders import pages, schemas

    written = {name: NOTE + "\n" + text for name, text in pages().items()} | schemas()
    return {f"borders/{name}": partial(str, text) for name, text in written.items()}


def _metrics() -> dict[str, Callable[[], str]]:
    from shelfcast.pipeline.describe_metrics import files, page

    return {"metrics.md": lambda: NOTE + "\n" + page()} | {name: partial(str, text) for name, text in files().items()}


PAGES |= _borders() | _metrics()


def stale_pages() -> list[str]:
    """Pages whose text is not what the code says."""
    return [
        name
        for name, page in PAGES.items()
        if not (FOLDER / name).exists() or (FOLDER / name).read_text("utf-8") != page()
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 if a page is out of date")
    if parser.parse_args().check:
        stale = stale_pages()
        print(f"out of date: {', '.join(stale)}. Run `make docs`." if stale else "reference pages are up to date")
        return 1 if stale else 0
    FOLDER.mkdir(exist_ok=True)
    for name, page in PAGES.items():
        (FOLDER / name).parent.mkdir(parents=True, exist_ok=True)
        (FOLDER / name).write_text(page(), "utf-8")
        print(f"docs/reference/{name}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
