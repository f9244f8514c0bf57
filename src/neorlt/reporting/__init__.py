"""Figures, HTML and PDF: reads results, computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from neorlt.reporting.picture import Picture
    from neorlt.reporting.report import render_report

__all__ = ["Picture", "render_report"]


def __getattr__(name: str) -> object:
    # The report brings jinja2: loaded when used, so that the package imports fast.
    if name == "render_report":
        from neorlt.reporting.report import render_report

        return render_report
    if name == "Picture":
        from neorlt.reporting.picture import Picture

        return Picture
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
