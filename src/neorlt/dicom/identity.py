"""Who and which study a written object belongs to, and unique identifiers that the same input always gives."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime

from pydicom.uid import generate_uid


def make_uid(*parts: str) -> str:
    """Return a DICOM unique identifier that depends on ``parts`` only: the same parts give the same identifier.

    Raises
    ------
    ValueError
        If no part is given (a random identifier would make runs differ).

    """
    if not parts or not any(part for part in parts):
        raise ValueError("a unique identifier needs at least one part to be made from")
    # The separator keeps ("a", "bc") and ("ab", "c") apart.
    return str(generate_uid(entropy_srcs=["neorlt", *(f"{len(part)}:{part}" for part in parts)]))


@dataclass(frozen=True)
class Identity:
    """Patient and study module of a written object (PS3.3 C.7.1.1, C.7.2.1, C.7.2.2).

    Parameters
    ----------
    patient_id, patient_name, birth_date, sex
        (0010,0020), (0010,0010), (0010,0030), (0010,0040); ``sex`` is ``"F"``, ``"M"``, ``"O"`` or ``""``.
    age_y, weight_kg, size_m
        (0010,1010), (0010,1030), (0010,1020); None where unknown.
    study_uid, study_time
        (0020,000D) and (0008,0020)/(0008,0030).
    frame_of_reference_uid
        (0020,0052) of every image of the study.

    """

    patient_id: str
    patient_name: str
    birth_date: date | None
    sex: str
    age_y: float | None
    weight_kg: float | None
    size_m: float | None
    study_uid: str
    study_time: datetime
    frame_of_reference_uid: str

    def __post_init__(self) -> None:
        if not self.patient_id.strip():
            raise ValueError("an identity needs a patient_id (0010,0020)")
        if self.sex not in ("F", "M", "O", ""):
            raise ValueError(f"sex must be 'F', 'M', 'O' or '', found {self.sex!r}")
        for name, value in (("age_y", self.age_y), ("weight_kg", self.weight_kg), ("size_m", self.size_m)):
            if value is not None and not value > 0:
                raise ValueError(f"{name} must be above 0 or None, found {value}")
