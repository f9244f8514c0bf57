"""The patient: what the images do not hold, read from ``patient.toml``, and the lesions as the plan sees them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.clinic.vessels import VesselContact
from neorlt.core.errors import InputError
from neorlt.core.toml_file import read_toml, refuse_unknown


@dataclass(frozen=True)
class LesionBaseline:
    """One lesion at baseline.

    Exactly one of ``dose_gy`` (measured per cycle) and ``gy_per_gbq`` may be given; with neither, the dose comes
    from images or from the population.
    """

    id: str
    site: str
    longest_diameter_mm: float
    volume_ml: float
    volume_given: bool = False
    diameter_given: bool = True
    ki67_pct: float | None = None
    suv_max: float | None = None
    dose_gy: tuple[float, ...] = ()
    dose_activity_gbq: float | None = None
    gy_per_gbq: float | None = None
    vessels: tuple[VesselContact, ...] = ()

    @property
    def is_liver(self) -> bool:
        """Whether the lesion lies in the liver."""
        return self.site.lower().startswith("liver")

    @property
    def organ(self) -> str:
        """The organ, for the rule of at most two target lesions an organ."""
        return self.site.lower().split("-")[0]


@dataclass(frozen=True)
class Patient:
    """One patient at baseline. ``id`` is a pseudonym, never a name."""

    id: str
    lesions: tuple[LesionBaseline, ...]
    age_y: float | None = None
    sex: str | None = None
    weight_kg: float | None = None
    height_cm: float | None = None
    egfr_ml_min: float | None = None
    kidney_risk_factors: tuple[str, ...] = ()
    platelets_e9_per_l: float | None = None
    neutrophils_e9_per_l: float | None = None
    lymphocytes_e9_per_l: float | None = None
    haemoglobin_g_dl: float | None = None
    prior_chemotherapy: bool = False
    functioning: bool | None = None
    """Whether the tumour secretes a hormone that makes symptoms. None is unknown, here and below."""
    performance_status: int | None = None
    """ECOG performance status, 0 to 4."""
    krenning: int | None = None
    """Krenning score of the least avid lesion that matters, 0 to 4."""
    pregnant: bool | None = None
    carcinoma: bool | None = None
    """Poorly differentiated neuroendocrine carcinoma."""
    life_expectancy_months: float | None = None
    """As the clinic judges it without the tumour."""
    prior_rlt_cycles: int | None = None
    prior_rlt_gbq: float | None = None
    leukocytes_e9_per_l: float | None = None
    bilirubin_umol_l: float | None = None
    albumin_g_l: float | None = None
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.lesions:
            raise InputError("the patient has no lesion", remedy="give at least one [[lesion]] or a lesion region in the study")
        _refuse_contradictions(self)
        ids = [lesion.id for lesion in self.lesions]
        if len(set(ids)) != len(ids):
            raise InputError("two lesions have the same id", found=", ".join(sorted(ids)), remedy="rename one of them")

    @property
    def primary(self) -> LesionBaseline | None:
        """The pancreatic primary, or None."""
        return next((lesion for lesion in self.lesions if lesion.organ == "pancreas"), None)

    @property
    def body_surface_m2(self) -> float | None:
        """Body surface by Mosteller's formula, or None where weight or height is not known."""
        if self.weight_kg is None or self.height_cm is None:
            return None
        return float(np.sqrt(self.weight_kg * self.height_cm / 3600.0))

    @property
    def blood_baselines(self) -> dict[str, float]:
        """Baseline of each blood line that is known, by the names of the response model."""
        lines = {"platelets": self.platelets_e9_per_l, "neutrophils": self.neutrophils_e9_per_l, "haemoglobin": self.haemoglobin_g_dl}
        return {line: value for line, value in lines.items() if value is not None}

    @property
    def ki67_pct(self) -> float | None:
        """Ki-67 of the primary, else the highest that is known."""
        if self.primary is not None and self.primary.ki67_pct is not None:
            return self.primary.ki67_pct
        known = [lesion.ki67_pct for lesion in self.lesions if lesion.ki67_pct is not None]
        return max(known) if known else None


def _refuse_contradictions(patient: Patient) -> None:
    """Facts that cannot all be true are refused by name: neither of them is chosen for the user."""

    def refuse(problem: str, found: str, remedy: str) -> None:
        raise InputError(problem, found=found, where="[baseline]", remedy=remedy)

    if patient.pregnant and patient.sex == "M":
        refuse("pregnant contradicts sex", 'pregnant = true, sex = "M"', "correct one of them")
    if patient.pregnant and patient.age_y is not None and not 8 <= patient.age_y <= 65:
        refuse("pregnant contradicts age_y", f"pregnant = true, age_y = {patient.age_y:g}", "correct one of them")
    ki67 = patient.ki67_pct
    if patient.carcinoma and ki67 is not None and ki67 <= 20:
        refuse("carcinoma contradicts ki67_pct", f"carcinoma = true, ki67_pct = {ki67:g}",
               "a neuroendocrine carcinoma has a Ki-67 above 20 % (WHO 2022): correct one of them")
    if patient.prior_rlt_cycles == 0 and (patient.prior_rlt_gbq or 0) > 0:
        refuse("prior_rlt_gbq contradicts prior_rlt_cycles", f"0 cycles, {patient.prior_rlt_gbq:g} GBq", "correct one of them")
    if (patient.leukocytes_e9_per_l is not None and patient.neutrophils_e9_per_l is not None
            and patient.neutrophils_e9_per_l > patient.leukocytes_e9_per_l + 1e-9):
        refuse("neutrophils_e9_per_l contradicts leukocytes_e9_per_l",
               f"{patient.neutrophils_e9_per_l:g} of {patient.leukocytes_e9_per_l:g}", "neutrophils are part of the leukocytes: check both")
    for lesion in patient.lesions:
        for vessel in lesion.vessels:
            if vessel.occluded and vessel.contact_deg == 0:
                raise InputError("occluded contradicts contact_deg", found="occluded = true, contact_deg = 0",
                                 where=f"lesion {lesion.id}, vessel {vessel.name}",
                                 remedy="give the contact of the occluded vessel, or occluded = false")


def sphere_volume_ml(diameter_mm: float) -> float:
    """Volume of a sphere, ml."""
    return float(np.pi / 6.0 * diameter_mm**3 / 1000.0)


def sphere_diameter_mm(volume_ml: float) -> float:
    """Diameter of a sphere, mm."""
    return float((6.0 * volume_ml * 1000.0 / np.pi) ** (1.0 / 3.0))


_RANGES: dict[str, tuple[float, float, str]] = {
    "age_y": (0, 120, "years"),
    "weight_kg": (20, 350, "kg"),
    "height_cm": (80, 250, "cm"),
    "egfr_ml_min": (1, 250, "ml/min"),
    "platelets_e9_per_l": (1, 2000, "10^9/l"),
    "neutrophils_e9_per_l": (0.05, 100, "10^9/l"),
    "lymphocytes_e9_per_l": (0.05, 100, "10^9/l"),
    "haemoglobin_g_dl": (3, 25, "g/dl"),
    "longest_diameter_mm": (2, 400, "mm"),
    "volume_ml": (0.004, 20000, "ml"),
    "ki67_pct": (0.1, 100, "%"),
    "suv_max": (0.1, 1000, "g/ml"),
    "gy_per_gbq": (0.001, 200, "Gy/GBq"),
    "dose_activity_gbq": (0.01, 50, "GBq"),
    "contact_deg": (0, 360, "degrees"),
    "performance_status": (0, 4, "(ECOG)"),
    "krenning": (0, 4, "(Krenning score)"),
    "life_expectancy_months": (0, 1200, "months"),
    "prior_rlt_cycles": (0, 40, "cycles"),
    "prior_rlt_gbq": (0, 400, "GBq"),
    "leukocytes_e9_per_l": (0.1, 500, "10^9/l"),
    "bilirubin_umol_l": (1, 1500, "µmol/l"),
    "albumin_g_l": (5, 80, "g/l"),
}
_WHOLE = ("performance_status", "krenning", "prior_rlt_cycles")
_UNKNOWN_OR_BOOLEAN = ("functioning", "pregnant", "carcinoma")
_BASELINE = {*_WHOLE, *_UNKNOWN_OR_BOOLEAN, "life_expectancy_months", "prior_rlt_gbq", "leukocytes_e9_per_l", "bilirubin_umol_l",
             "albumin_g_l",
             "age_y", "sex", "weight_kg", "height_cm", "egfr_ml_min", "kidney_risk_factors", "platelets_e9_per_l", "neutrophils_e9_per_l",
             "lymphocytes_e9_per_l", "haemoglobin_g_dl", "prior_chemotherapy"}
_LESION = {"id", "site", "longest_diameter_mm", "volume_ml", "ki67_pct", "suv_max", "dose_gy", "dose_activity_gbq", "gy_per_gbq",
           "vessels"}
_VESSEL = {"name", "contact_deg", "irregular", "occluded", "reconstructible"}


def _number(row: Mapping[str, Any], key: str, where: str) -> float | None:
    if key not in row:
        return None
    low, high, unit = _RANGES[key]
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{key} is out of range", expected=f"a number from {low:g} to {high:g} {unit}", found=repr(value), where=where,
                         remedy=f"give {key} in {unit}")
    return float(value)


def _boolean(row: Mapping[str, Any], key: str, default: bool, where: str) -> bool:
    value = row.get(key, default)
    if not isinstance(value, bool):
        raise InputError(f"{key} is not true or false", found=repr(value), where=where, remedy="write true or false")
    return value


def _text(row: Mapping[str, Any], key: str, where: str) -> str:
    value = row.get(key)
    if not isinstance(value, str) or not value.strip():
        raise InputError(f"{key} is missing", expected="a text", found=repr(value), where=where, remedy=f'add {key} = "…"')
    return value.strip()


def known_table(row: Any, keys: set[str], where: str, file: str = "patient.toml") -> Mapping[str, Any]:
    """Return a row that is a table with known keys.

    Raises
    ------
    InputError
        If it is no table, or holds another key.
    """
    if not isinstance(row, Mapping):
        raise InputError("a table was expected", found=repr(row), where=where, remedy=f"see docs/files.md, {file}")
    refuse_unknown(row, keys, where)
    return row


def read_patient(path: Path) -> Patient:
    """Read ``patient.toml`` (keys in ``docs/files.md``).

    Raises
    ------
    InputError
        For a missing file, wrong TOML, an unknown key, or a value outside its range, with the place.
    """
    path = Path(path)
    return patient_from(read_toml(path, "the patient file", "check the path after --patient"), path.name)


def patient_from(document: Mapping[str, Any], where: str) -> Patient:
    """Build a patient from the parsed TOML document."""
    known_table(document, {"id", "baseline", "lesion"}, where)
    baseline = known_table(document.get("baseline", {}), _BASELINE, f"{where}, [baseline]")
    place = f"{where}, [baseline]"
    sex = baseline.get("sex")
    if sex not in (None, "F", "M"):
        raise InputError("sex is not understood", expected='"F" or "M"', found=repr(sex), where=place, remedy="write one of these")
    risks = baseline.get("kidney_risk_factors", [])
    if not isinstance(risks, list) or not all(isinstance(item, str) for item in risks):
        raise InputError("kidney_risk_factors is not a list of texts", found=repr(risks), where=place,
                         remedy='write for example ["hypertension"]')
    rows = document.get("lesion", [])
    if not isinstance(rows, list) or not rows:
        raise InputError("the patient has no lesion", where=where, remedy="add at least one [[lesion]]")
    warnings: list[str] = []
    lesions = tuple(_lesion(row, f"{where}, lesion {number}", warnings) for number, row in enumerate(rows, start=1))
    numbers: dict[str, Any] = {key: _number(baseline, key, place) for key in sorted(_BASELINE & set(_RANGES))}
    for key in _WHOLE:
        if numbers[key] is not None and numbers[key] != int(numbers[key]):
            raise InputError(f"{key} is not a whole number", found=f"{numbers[key]:g}", where=place, remedy="write a whole number")
        numbers[key] = None if numbers[key] is None else int(numbers[key])
    flags: dict[str, Any] = {key: _boolean(baseline, key, False, place) if key in baseline else None for key in _UNKNOWN_OR_BOOLEAN}
    return Patient(
        **flags,
        id=_text(document, "id", where), lesions=lesions, sex=sex, kidney_risk_factors=tuple(risks),
        prior_chemotherapy=_boolean(baseline, "prior_chemotherapy", False, place), warnings=tuple(warnings), **numbers,
    )


def _lesion(row: Any, where: str, warnings: list[str]) -> LesionBaseline:
    row = known_table(row, _LESION, where)
    name = _text(row, "id", where)
    diameter = _number(row, "longest_diameter_mm", where)
    volume = _number(row, "volume_ml", where)
    if diameter is None and volume is None:
        raise InputError("a lesion has no size", where=where, remedy="give longest_diameter_mm or volume_ml")
    given = diameter is not None
    if diameter is None:
        assert volume is not None
        diameter = sphere_diameter_mm(volume)
    doses = row.get("dose_gy", [])
    if not isinstance(doses, list) or any(
        isinstance(d, bool) or not isinstance(d, int | float) or not 0 < d <= 2000 for d in doses
    ):
        raise InputError("dose_gy is not a list of doses", expected="numbers above 0 and up to 2000 Gy", found=repr(doses), where=where,
                         remedy="write for example dose_gy = [30, 28]")
    per_gbq = _number(row, "gy_per_gbq", where)
    if doses and per_gbq is not None:
        raise InputError("a lesion has both dose_gy and gy_per_gbq", where=where, remedy="keep one of them")
    activity = _number(row, "dose_activity_gbq", where)
    if doses and activity is None:
        warnings.append(
            f"Lesion {name}: dose_gy is given without dose_activity_gbq; 7.4 GBq of 177Lu per cycle was assumed."
        )
    vessels = tuple(
        VesselContact(
            _text(item, "name", f"{where}, vessels"),
            _required(item, "contact_deg", f"{where}, vessels"),
            *(_boolean(item, key, default, f"{where}, vessels")
              for key, default in (("irregular", False), ("occluded", False), ("reconstructible", True))),
        )
        for item in (known_table(v, _VESSEL, f"{where}, vessels") for v in _list(row, "vessels", where))
    )
    return LesionBaseline(
        id=name, site=_text(row, "site", where), longest_diameter_mm=diameter,
        volume_ml=sphere_volume_ml(diameter) if volume is None else volume, volume_given=volume is not None, diameter_given=given,
        ki67_pct=_number(row, "ki67_pct", where), suv_max=_number(row, "suv_max", where),
        dose_gy=tuple(float(d) for d in doses), dose_activity_gbq=activity, gy_per_gbq=per_gbq, vessels=vessels,
    )


def _list(row: Mapping[str, Any], key: str, where: str) -> list[Any]:
    value = row.get(key, [])
    if not isinstance(value, list):
        raise InputError(f"{key} is not a list", found=repr(value), where=where, remedy="write a list of tables")
    return value


def _required(row: Mapping[str, Any], key: str, where: str) -> float:
    value = _number(row, key, where)
    if value is None:
        raise InputError(f"{key} is missing", where=where, remedy=f"add {key}")
    return value
