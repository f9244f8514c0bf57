"""The tumour board's page: ``neorlt serve``. On loopback unless told otherwise."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.web.app import create_app
    from neorlt.web.settings import Settings

__all__ = [
    "Settings",
    "create_app",
]

__getattr__ = offers(__name__)
