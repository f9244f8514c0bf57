"""Content items of structured reports (PS3.3 C.17.3): what every hand-built tree is made of."""

from __future__ import annotations

from collections.abc import Sequence as Seq
from datetime import datetime

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from neorlt import __version__
from neorlt.dicom.codes import Term, code_sequence
from neorlt.dicom.identity import make_uid
from neorlt.dicom.writing import MANUFACTURER, ds

CONTAINS, MODIFIER, CONTEXT, PROPERTIES = "CONTAINS", "HAS CONCEPT MOD", "HAS OBS CONTEXT", "HAS PROPERTIES"

LANGUAGE: Term = ("121049", "DCM", "Language of Content Item and Descendants")
ENGLISH: Term = ("en-US", "RFC5646", "English (United States)")
DEVICE_OBSERVER_UID = make_uid("device observer", __version__)


def _item(kind: str, relation: str, name: Term, children: Seq[Dataset] = ()) -> Dataset:
    item = Dataset()
    if relation:
        item.RelationshipType = relation
    item.ValueType = kind
    item.ConceptNameCodeSequence = code_sequence(name)
    if children:
        item.ContentSequence = Sequence(list(children))
    return item


def container(name: Term, children: Seq[Dataset], *, template: str = "", relation: str = CONTAINS) -> Dataset:
    """A container of separate items, with the template that it follows where given."""
    item = _item("CONTAINER", relation, name, children)
    item.ContinuityOfContent = "SEPARATE"
    if template:
        used = Dataset()
        used.MappingResource, used.TemplateIdentifier = "DCMR", template
        item.ContentTemplateSequence = Sequence([used])
    return item


def code(name: Term, value: Term, children: Seq[Dataset] = (), *, relation: str = CONTAINS) -> Dataset:
    """A coded value."""
    item = _item("CODE", relation, name, children)
    item.ConceptCodeSequence = code_sequence(value)
    return item


def number(name: Term, value: float, unit: Term, children: Seq[Dataset] = (), *, relation: str = CONTAINS) -> Dataset:
    """A measured number with its unit (UCUM)."""
    item = _item("NUM", relation, name, children)
    measured = Dataset()
    measured.NumericValue = ds(value)
    measured.MeasurementUnitsCodeSequence = code_sequence(unit)
    item.MeasuredValueSequence = Sequence([measured])
    return item


def text(name: Term, value: str, *, relation: str = CONTAINS) -> Dataset:
    """A text."""
    item = _item("TEXT", relation, name)
    item.TextValue = value
    return item


def uid(name: Term, value: str, *, relation: str = CONTAINS) -> Dataset:
    """A unique identifier."""
    item = _item("UIDREF", relation, name)
    item.UID = value
    return item


def moment(name: Term, value: datetime, *, relation: str = CONTAINS) -> Dataset:
    """A date with its time."""
    item = _item("DATETIME", relation, name)
    item.DateTime = value.strftime("%Y%m%d%H%M%S")
    return item


def person(name: Term, value: str, children: Seq[Dataset] = (), *, relation: str = CONTAINS) -> Dataset:
    """A person's name."""
    item = _item("PNAME", relation, name, children)
    item.PersonName = value
    return item


def composite(name: Term, sop_class_uid: str, sop_instance_uid: str, *, kind: str = "COMPOSITE", relation: str = CONTAINS) -> Dataset:
    """A reference to another object (``kind`` is COMPOSITE or IMAGE)."""
    item = _item(kind, relation, name)
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = sop_class_uid, sop_instance_uid
    item.ReferencedSOPSequence = Sequence([reference])
    return item


def language() -> Dataset:
    """TID 1204: the language of the report."""
    return code(LANGUAGE, ENGLISH, relation=MODIFIER)


def device_observer() -> list[Dataset]:
    """TID 1002 and 1004: the software observed, no person did."""
    return [
        code(("121005", "DCM", "Observer Type"), ("121007", "DCM", "Device"), relation=CONTEXT),
        uid(("121012", "DCM", "Device Observer UID"), DEVICE_OBSERVER_UID, relation=CONTEXT),
        text(("121013", "DCM", "Device Observer Name"), "neorlt", relation=CONTEXT),
        text(("121014", "DCM", "Device Observer Manufacturer"), MANUFACTURER, relation=CONTEXT),
        text(("121015", "DCM", "Device Observer Model Name"), "neorlt", relation=CONTEXT),
    ]
