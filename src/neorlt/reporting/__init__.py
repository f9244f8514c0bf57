"""Figures, HTML and PDF: reads results, computes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.reporting.choice import render_benefit
    from neorlt.reporting.fhir import fhir_bundle
    from neorlt.reporting.pdf import render_pdf
    from neorlt.reporting.picture import Picture
    from neorlt.reporting.report import render_report

__all__ = [
    "Picture",
    "fhir_bundle",
    "render_benefit",
    "render_pdf",
    "render_report",
]

__getattr__ = offers(__name__)
