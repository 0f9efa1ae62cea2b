"""What use cases must know of a lake's settings, as plain values."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class LakeSettings:
    """See `settings.Settings` for what each means; the defaults are the same."""

    currency: str = "EUR"
    frequency: str = "D"
    horizon: int = 28
    seed: int = 0
    partition_rows: int = 3_000_000
    max_bad_share: float = 0.5
    keep_snapshots: int = 20
    terms: str = ""
    """Terms of supply to assume where the retailer gave none: canonical JSON (`assumed_terms.read_terms`)."""
