"""The reference pages say what the code says."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from shelfcast.domain.tables import TABLES
from shelfcast.quality.rule_book import RULES

DOCS = Path(__file__).parents[3] / "docs"


@pytest.fixture(scope="module")
def generate() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate_docs", DOCS / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_pages_are_up_to_date(generate: ModuleType) -> None:
    assert generate.stale_pages() == [], "run `make docs` and commit docs/reference"


def test_every_table_and_column_is_on_the_page(generate: ModuleType) -> None:
    page = generate.tables_page()
    for table in TABLES.values():
        assert f"### {table.name}\n" in page
        assert all(f"`{column.name}`" in page for column in table.columns)


def test_every_rule_and_threshold_is_explained(generate: ModuleType) -> None:
    page = generate.rules_page()
    assert all(f"`{name}`" in page for name in RULES)
    assert "| `spike_score` | 5.5 | Robust deviations above the expected. |" in page


def test_every_command_has_its_options(generate: ModuleType) -> None:
    page = generate.commands_page()
    assert "## ingest\n" in page and "`--mapping`" in page
    assert "--help" not in page.split("# Commands")[1].replace("shelfcast COMMAND --help", "")


def test_links_between_the_documents_lead_somewhere() -> None:
    import re

    broken = []
    for page in DOCS.rglob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text("utf-8")):
            if not (page.parent / target).exists():
                broken.append(f"{page.relative_to(DOCS)} -> {target}")
    assert broken == []
