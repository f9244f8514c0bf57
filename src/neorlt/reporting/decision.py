"""The page of ``neorlt decide``: one file, no outside request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neorlt import __version__
from neorlt.core.notice import NOTICE
from neorlt.reporting.environment import environment
from neorlt.reporting.report import clean
from neorlt.reporting.views.cells import maps, texts
from neorlt.reporting.views.decision import decision_section, quantity_words
from neorlt.reporting.views.front import centre_sentence, moment, running


def render_decision(document: Mapping[str, Any], patient_id: str, *, made: str | None = None, synthetic: str | None = None) -> str:
    """Return the decision as one self-contained HTML document.

    ``made`` is the moment of it, as ISO text; ``synthetic`` says what is invented where something is.
    """
    known = clean(document)
    when = moment(made) if made else ""
    return environment().get_template("decision_page.html.j2").render(
        decision=decision_section(known), patient_id=clean(patient_id), notice=NOTICE, version=__version__,
        made=when, synthetic=synthetic, running=running(clean(patient_id), when),
        posterior=centre_sentence(known), warnings=texts(known.get("warnings")),
        assumptions=[{"name": quantity_words(str(row.get("name"))), "source": str(row.get("source")), "label": str(row.get("label"))}
                     for row in maps(known.get("assumptions"))]) + "\n"
