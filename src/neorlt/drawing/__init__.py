"""The one workshop of figures: SVG elements, axes, labels beside them, and the colours of page and paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.drawing.svg import drawing, new_figure, standalone, to_svg, with_page_colours

__all__ = ["drawing", "new_figure", "standalone", "to_svg", "with_page_colours"]

__getattr__ = offers(__name__)
