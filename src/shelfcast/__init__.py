"""Shelfcast: demand forecasts and replenishment orders a planner can understand, challenge and send to the ERP."""

import os

__version__ = "0.1.0"

# A waiting OpenMP thread spins by default. On a machine that does anything else this makes two threads many times
# slower than one (training measured: 5 s alone, 124 s beside another process); the setting is read when the first
# library with OpenMP loads, so it stands before any other import.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
