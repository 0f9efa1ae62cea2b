"""Compiled code is slow on its first call: hypothesis shall not time single examples."""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("compiled", deadline=None)
settings.load_profile("compiled")
