"""Shelfcast: demand forecasts and replenishment orders a planner can understand, challenge and send to the ERP."""

__version__ = "0.1.0"
