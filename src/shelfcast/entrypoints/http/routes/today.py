"""What needs attention today."""

from __future__ import annotations

from fastapi import APIRouter

from shelfcast.entrypoints.http.errors import RESPONSES
from shelfcast.entrypoints.http.security import Host, Viewer
from shelfcast.serve import today
from shelfcast.serve.today import TodayView

router = APIRouter(prefix="/v1", tags=["today and alerts"], responses=RESPONSES)


@router.get("/today", summary="The first page in the morning: numbers, open alerts, next steps")
def get_today(_: Viewer, platform: Host) -> TodayView:
    return today.today(platform)
