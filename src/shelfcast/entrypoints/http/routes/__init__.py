"""Routes by subject: each parses, calls one use case or read model, renders."""

from __future__ import annotations

from fastapi import APIRouter

from shelfcast.entrypoints.http.routes import (
    admin,
    alerts,
    auth,
    catalog,
    data,
    erp,
    events,
    forecasts,
    health,
    jobs,
    models,
    monitor,
    orders,
    rules,
    scenarios,
    schedules,
    today,
    views,
)

ROUTERS: tuple[APIRouter, ...] = (
    health.router, auth.open_router, auth.router, today.router, alerts.router, data.router, jobs.router, schedules.router, forecasts.router,
    scenarios.router, orders.router, rules.router, monitor.router, models.router, events.router, erp.router, catalog.router, views.router,
    admin.router,
)  # fmt: skip
"""In the order of the OpenAPI file."""
