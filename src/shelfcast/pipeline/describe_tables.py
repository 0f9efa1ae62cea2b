"""What can be loaded and how to fill it in, for shells."""

from __future__ import annotations

from shelfcast.sources.templates import column_help, csv_template, loadable_tables

__all__ = ["column_help", "csv_template", "loadable_tables"]
