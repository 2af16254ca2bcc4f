"""`GET /me`: who the service takes the caller for."""

from __future__ import annotations

from fastapi import APIRouter
from starlette.requests import Request

from service.keys.caller import caller_of
from service.messages.caller import CallerAnswer

router = APIRouter(tags=["health"])


@router.get("/me", summary="Whose key this is, and what it may do")
async def me(request: Request) -> CallerAnswer:
    """Tell programs and pages beforehand which calls would be refused.

    A service without API keys lets everybody do everything: `role` is `admin` there.
    """
    key = caller_of(request.scope)
    if key is None:
        return CallerAnswer(authenticated=False, role="admin", name=None)
    return CallerAnswer(authenticated=True, role=key.role, name=key.name)
