"""Options that many commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Lake = Annotated[
    Path, typer.Option("--lake", envvar="SHELFCAST_LAKE", help="Folder of the lake.", show_default="current folder")
]
HERE = Path()
