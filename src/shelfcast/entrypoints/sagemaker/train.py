"""The training container: files in /opt/ml/input/data/<channel>, hyperparameters beside them, the model into /opt/ml/model.

What goes wrong stands in /opt/ml/output/failure, which SageMaker shows as the reason; the process then ends with 1.
"""

from __future__ import annotations

import json
import sys
import traceback
from pathlib import Path

from shelfcast.domain.errors import BadInput, ShelfcastError

ROOT = Path("/opt/ml")
CHANNEL = "shop"
"""The channel that holds the shop's files."""


def train(root: Path = ROOT) -> int:
    """0, or 1 with the reason in output/failure."""
    try:
        _train(root)
    except Exception as error:
        reason = str(error) if isinstance(error, ShelfcastError) else traceback.format_exc()
        failure = root / "output" / "failure"
        failure.parent.mkdir(parents=True, exist_ok=True)
        failure.write_text(reason[-1024:] if not isinstance(error, ShelfcastError) else reason[:1024], "utf-8")
        print(reason, file=sys.stderr)
        return 1
    return 0


def _train(root: Path) -> None:
    from shelfcast.bootstrap import in_container
    from shelfcast.pipeline.model_container import hyperparameters_of, train_alone

    said = root / "input" / "config" / "hyperparameters.json"
    given = json.loads(said.read_text("utf-8")) if said.exists() else {}
    folder = root / "input" / "data" / CHANNEL
    if not folder.is_dir() or not any(folder.iterdir()):
        raise BadInput(f"the channel {CHANNEL} is empty: put the shop's files (sales.csv, items.csv, ...) into it.")
    files = train_alone(in_container(), folder, hyperparameters_of(given))
    target = root / "model"
    target.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (target / name).write_bytes(data)
    print(f"trained: {', '.join(sorted(files))} in {target}")
