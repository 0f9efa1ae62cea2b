"""Whatever stands in a file's cells, every line of it is kept or in the quarantine, and nothing else is."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from shelfcast.bootstrap import in_memory
from shelfcast.domain.errors import BadInput
from shelfcast.domain.tables.curated import QUARANTINE, SALES
from shelfcast.pipeline.ingest_files import ingest_files

GOOD = ("A", "S", "2025-01-02", "3")
cell = st.sampled_from(
    ["", " ", "A", "0", "-1", "1e308", "1e400", "nan", "inf", "12,5", "1.2.3", "2025-01-02", "2025-02-30", "31.12.2024",
     "0000-00-00", "9999-12-31", "true", "NULL", "=1+1", "Käse", "\u202e", "x" * 300, "'", "a;b", "\t"]
)  # fmt: skip
changed = st.tuples(st.integers(0, 3), cell).map(lambda one: [*GOOD[: one[0]], one[1], *GOOD[one[0] + 1 :]])
line = changed | st.lists(cell, min_size=1, max_size=6) | st.just(list(GOOD))


@settings(max_examples=60, deadline=None)
@given(st.lists(line, min_size=1, max_size=8))
def test_lines_of_a_file_are_lines_kept_or_quarantined(lines: list[list[str]]) -> None:
    platform = in_memory()
    # A line without any value is no line.
    lines = [one for one in lines if any(cell for cell in one)]
    text = "".join(",".join(f'"{cell}"' if "," in cell else cell for cell in one) + "\n" for one in lines)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "sales.csv"
        path.write_text("item_id,location_id,date,units\n" + text, "utf-8")
        try:
            (report,) = ingest_files(platform, [path], table="sales", max_bad_share=1.0)
        except BadInput as error:
            # Nothing could be told from it: nothing was loaded, and the message says why.
            assert str(error) and not platform.tables.state(SALES).rows
            return
    assert report.rows_in == len(lines) == report.kept + report.quarantined
    refused = platform.tables.scan(QUARANTINE).select("source_line", "reason").collect()
    assert refused["source_line"].n_unique() == report.quarantined
    assert all(refused["reason"])
