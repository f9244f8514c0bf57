"""How every page of the house is filled: the report's templates, and the settings that the tumour board's page has too."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from neorlt.core.unbroken import UNBROKEN_CSS, unbroken
from neorlt.drawing.palette import DARK, LIGHT, OUTLINES
from neorlt.drawing.stacked import STACKED_CSS
from neorlt.reporting.views import front

if TYPE_CHECKING:
    from jinja2 import BaseLoader, Environment


@functools.cache
def environment() -> Environment:
    """The house's templates."""
    from jinja2 import PackageLoader

    return house_environment(PackageLoader("neorlt.reporting", "templates"))


def house_environment(loader: BaseLoader) -> Environment:
    """Templates as every page of the house fills them: escaped, nothing undefined, terms that do not wrap."""
    from jinja2 import Environment, StrictUndefined, Template

    class Page(Template):
        def render(self, *args: Any, **content: Any) -> str:
            filled = super().render(*args, **content)
            return unbroken(filled) if str(self.name).endswith(".html.j2") else filled

    made = Environment(loader=loader, autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    made.template_class = Page
    made.filters["label_class"] = front.label_class
    made.filters["capital"] = front.capital
    made.filters["css_string"] = css_string
    # What every page's style sheet asks for.
    made.globals.update(light=LIGHT, dark=DARK, outlines=OUTLINES, unbroken_css=UNBROKEN_CSS, stacked_css=STACKED_CSS)
    return made


def css_string(text: str) -> str:
    """A text as a string of a style sheet: whatever is no letter, digit or space is written as its number."""
    return '"' + "".join(char if char.isalnum() or char == " " else f"\\{ord(char):x} " for char in text) + '"'
