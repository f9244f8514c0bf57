"""What everybody needs: errors with remedies, draws and seeds, checked tables, citations, labels, manifests, output."""

from __future__ import annotations

from typing import TYPE_CHECKING

from neorlt.core.offers import offers

if TYPE_CHECKING:
    from neorlt.core.citations import Citation, cite
    from neorlt.core.draws import Interval, generator, summarise
    from neorlt.core.errors import InputError, MissingExtraError, NeorltError, ValidityError
    from neorlt.core.labels import Label
    from neorlt.core.run import result_folder, write_json
    from neorlt.core.tables import list_tables

__all__ = [
    "Citation",
    "InputError",
    "Interval",
    "Label",
    "MissingExtraError",
    "NeorltError",
    "ValidityError",
    "cite",
    "generator",
    "list_tables",
    "result_folder",
    "summarise",
    "write_json",
]

__getattr__ = offers(__name__)
