"""The patient, the scheme, the cycle loop: prediction, comparison, search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.planning.decision.settings import Settings
    from neorlt.planning.document import plan_document
    from neorlt.planning.patient import LesionBaseline, Patient, read_patient
    from neorlt.planning.prediction import Comparison, Prediction
    from neorlt.planning.published import PublishedScheme, load_scheme, published_schemes
    from neorlt.planning.scheme import Cycle, Scheme, parse_scheme, read_scheme, standard_schemes
    from neorlt.planning.search_space import Limits, SearchSpace, read_limits
    from neorlt.planning.updates import Update, read_update

__all__ = [
    "Comparison",
    "Cycle",
    "LesionBaseline",
    "Limits",
    "Patient",
    "Prediction",
    "PublishedScheme",
    "Scheme",
    "SearchSpace",
    "Settings",
    "Update",
    "load_scheme",
    "parse_scheme",
    "plan_document",
    "published_schemes",
    "read_limits",
    "read_patient",
    "read_scheme",
    "read_update",
    "standard_schemes",
]

__getattr__ = offers(__name__)
