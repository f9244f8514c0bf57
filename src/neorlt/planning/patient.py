"""Reading ``patient.toml``: what the images do not hold. The objects stand in :mod:`neorlt.documents.patient`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from neorlt.clinic.vessels import PARTS, vessel_code
from neorlt.clinic.vessels import Vessel as VesselCode
from neorlt.core.anatomy import ORIGINS, organ_of_site, origin_of, words_of
from neorlt.core.errors import InputError
from neorlt.core.toml_file import read_toml, refuse_unknown, tables_of
from neorlt.documents.patient import Lesion, Patient, Vessel, sphere_diameter_mm, sphere_volume_ml

__all__ = ["Lesion", "LesionBaseline", "Patient", "Vessel", "known_table", "patient_from", "read_patient", "sphere_diameter_mm",
           "sphere_volume_ml"]


LesionBaseline = Lesion
UPRIGHT = 2.0
"""Times the sphere of its diameter up to which a volume is taken in silence: RECIST measures in a plane, and along the body a tumour may
be longer."""
YOUNGEST_Y = 12.0
"""Of the label (US prescribing information of 177Lu-DOTATATE, 4/2024: 12 years and older)."""

_RANGES: dict[str, tuple[float, float, str]] = {
    "age_y": (0, 120, "years"),
    "weight_kg": (20, 350, "kg"),
    "height_cm": (80, 250, "cm"),
    "egfr_ml_min": (1, 250, "ml/min"),
    "platelets_e9_per_l": (1, 2000, "10^9/l"),
    "neutrophils_e9_per_l": (0.05, 100, "10^9/l"),
    "lymphocytes_e9_per_l": (0.05, 100, "10^9/l"),
    "haemoglobin_g_dl": (3, 25, "g/dl"),
    "leukocytes_e9_per_l": (0.1, 500, "10^9/l"),
    "bilirubin_umol_l": (1, 1500, "µmol/l"),
    "albumin_g_l": (5, 80, "g/l"),
    "prior_rlt_cycles": (0, 40, "cycles"),
    "prior_rlt_gbq": (0, 400, "GBq"),
    "prior_kidney_gy": (0, 100, "Gy"),
    "prior_marrow_gy": (0, 20, "Gy"),
    "performance_status": (0, 4, "(ECOG)"),
    "krenning": (0, 4, "(Krenning score)"),
    "life_expectancy_months": (0, 1200, "months"),
    "longest_diameter_mm": (2, 400, "mm"),
    "volume_ml": (0.004, 20000, "ml"),
    "ki67_pct": (0.1, 100, "%"),
    "suv_max": (0.1, 1000, "g/ml"),
    "gy_per_gbq": (0.001, 200, "Gy/GBq"),
    "dose_activity_gbq": (0.01, 50, "GBq"),
    "contact_deg": (0, 360, "degrees"),
}
_YES_NO = ("prior_chemotherapy", "functioning", "carcinoma", "pregnant")
_WHOLE = ("performance_status", "krenning", "prior_rlt_cycles")
PARTS_OF_THE_PANCREAS = frozenset({*PARTS, "process", "isthmus"})
OTHER_ORGANS = ("bone", "lung", "peritone", "small", "ileum", "jejun", "duoden", "stomach", "gastric", "colon", "rect", "append", "mesent",
                "spleen", "splenic", "adrenal", "kidney", "renal", "brain", "skin", "ovar", "breast", "heart", "cardiac", "vertebra",
                "spine", "pelvi", "rib", "femur", "skull", "omentum", "muscle", "pleura", "thyroid", "orbit", "sternum", "sacrum",
                "iliac", "scapula", "humer", "bile", "gallbladder", "papilla", "ampulla", "mediastin", "retroperitone", "other", "unknown")
"""Word beginnings of organs beside pancreas, liver and nodes: what a lesion there means for the plan is the same for all."""
_NUMBERS = ("age_y", "weight_kg", "height_cm", "egfr_ml_min", "platelets_e9_per_l", "neutrophils_e9_per_l", "lymphocytes_e9_per_l",
            "leukocytes_e9_per_l", "haemoglobin_g_dl", "bilirubin_umol_l", "albumin_g_l", "prior_rlt_cycles", "prior_rlt_gbq",
            "prior_kidney_gy", "prior_marrow_gy", "performance_status", "krenning", "life_expectancy_months")
_BASELINE = {*_NUMBERS, *_YES_NO, "sex", "kidney_risk_factors", "primary"}
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


def _yes_no(row: Mapping[str, Any], key: str, where: str) -> bool | None:
    """True, false, or None where the key is absent: unknown."""
    value = row.get(key)
    if value is not None and not isinstance(value, bool):
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
    return patient_from(read_toml(path, "the patient file"), path.name)


def patient_from(document: Mapping[str, Any], where: str) -> Patient:
    """Build a patient from the parsed TOML document."""
    known_table(document, {"id", "baseline", "lesion"}, where)
    baseline = known_table(document.get("baseline", {}), _BASELINE, f"{where}, [baseline]")
    place = f"{where}, [baseline]"
    sex = baseline.get("sex")
    if sex not in (None, "F", "M"):
        raise InputError("sex is not understood", expected='"F" or "M"', found=repr(sex), where=place, remedy="write one of these")
    risks = baseline.get("kidney_risk_factors")
    if risks is not None and (not isinstance(risks, list) or not all(isinstance(item, str) for item in risks)):
        raise InputError("kidney_risk_factors is not a list of texts", found=repr(risks), where=place,
                         remedy='write for example ["hypertension"], or [] for none')
    stated = baseline.get("primary")
    origin = origin_of(stated) if isinstance(stated, str) else None
    if stated is not None and origin is None:
        raise InputError("primary is not understood", expected=", ".join(ORIGINS), found=repr(stated), where=place,
                         remedy="write one of these")
    rows = tables_of(document, "lesion", where)
    if not rows:
        raise InputError("the patient has no lesion", where=where, remedy="add at least one [[lesion]]")
    warnings: list[str] = []
    lesions = tuple(_lesion(row, f"{where}, lesion {number}", warnings) for number, row in enumerate(rows, start=1))
    known: dict[str, Any] = {key: _number(baseline, key, place) for key in _NUMBERS}
    for key in _WHOLE:
        if known[key] is not None and known[key] % 1:
            raise InputError(f"{key} is not a whole number", found=f"{known[key]:g}", where=place, remedy="write a whole number")
        known[key] = None if known[key] is None else int(known[key])
    known |= {key: _yes_no(baseline, key, place) for key in _YES_NO}
    found = Patient(id=_text(document, "id", where), lesions=lesions, sex=sex, kidney_risk_factors=None if risks is None else tuple(risks),
                    origin=origin, warnings=tuple(warnings), **known)
    return replace(found, warnings=(*found.warnings, *doubts(found)))


def doubts(patient: Patient) -> list[str]:
    """What can be true and hardly is, or what no rule of the house reads: said by name, and taken as stated."""
    found = []
    for lesion in patient.lesions:
        words = words_of(lesion.site).split()
        if lesion.organ not in ("pancreas", "liver", "node") and not any(word.startswith(OTHER_ORGANS) for word in words):
            found.append(f'Lesion {lesion.id}: site "{lesion.site}" is not known; it counts as a metastasis outside liver and lymph nodes. '
                         'A tumour of the pancreas is written "pancreas-head", "pancreas-body" or "pancreas-tail".')
        ball = sphere_volume_ml(lesion.longest_diameter_mm)
        if lesion.volume_given and lesion.diameter_given and lesion.volume_ml > UPRIGHT * ball:
            found.append(f"Lesion {lesion.id}: volume_ml = {lesion.volume_ml:g} is {lesion.volume_ml / ball:.3g} times the sphere of its "
                         f"longest diameter, {ball:.3g} ml: check the units of both.")
        if lesion.vessels and lesion.organ not in ("pancreas", "liver"):
            found.append(f"Lesion {lesion.id}: vessels are stated of a lesion in {lesion.site}; the classes of resectability are those of "
                         "tumours of the pancreas.")
        for vessel in lesion.vessels:
            if vessel.reconstructible is not None and vessel_code(vessel.name).is_artery:
                found.append(f"Lesion {lesion.id}, {vessel.name}: reconstructible is asked of veins alone; the definitions have no such "
                             "class of an artery, and it changes nothing.")
    if patient.origin not in (None, "pancreas") and patient.pancreatic:
        found.append(f'The primary is stated as "{patient.origin}" and lesion {patient.pancreatic[0].id} lies in the pancreas: as a '
                     "metastasis it is no candidate for the operations compared here, as a second primary it is. `neorlt decide` asks "
                     "which it is.")
    if patient.age_y is not None and patient.age_y < YOUNGEST_Y:
        found.append(f"Age {patient.age_y:g}: radioligand therapy is labelled from {YOUNGEST_Y:g} years (US prescribing information of "
                     "177Lu-DOTATATE, 4/2024), and doses, blood and kidneys here are those of adults.")
    return found


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
    vessels = tuple(_vessel(item, f"{where}, vessels") for item in _list(row, "vessels", where))
    _refuse_twice(vessels, f"{where}, vessels")
    site = _text(row, "site", where)
    words = words_of(site).split()
    if words and PARTS_OF_THE_PANCREAS.issuperset(words):
        raise InputError("a site names a part and no organ", expected='organ and part, for example "pancreas-head"', found=f'"{site}"',
                         where=where, remedy=f'write site = "pancreas-{words[0]}", or the organ that is meant')
    if vessels and organ_of_site(site) == "liver":
        raise InputError("vessels are stated of a lesion in the liver", expected="vessels of the tumour in the pancreas",
                         found=", ".join(vessel.name for vessel in vessels), where=f"{where}, vessels",
                         remedy="move them to the lesion that touches them, or correct its site: the classes of resectability are those "
                                "of tumours of the pancreas")
    return Lesion(
        id=name, site=site, longest_diameter_mm=diameter,
        volume_ml=sphere_volume_ml(diameter) if volume is None else volume, volume_given=volume is not None, diameter_given=given,
        ki67_pct=_number(row, "ki67_pct", where), suv_max=_number(row, "suv_max", where),
        dose_gy=tuple(float(d) for d in doses), dose_activity_gbq=activity, gy_per_gbq=per_gbq, vessels=vessels,
    )


def _vessel(row: Any, where: str) -> Vessel:
    row = known_table(row, _VESSEL, where)
    name = _text(row, "name", where)
    vessel_code(name)
    vessel = Vessel(name, _required(row, "contact_deg", where),
                    *(_yes_no(row, key, where) for key in ("irregular", "occluded", "reconstructible")))
    if vessel.irregular and vessel.contact_deg == 0 and not vessel.occluded:
        raise InputError("irregular contradicts contact_deg", found="irregular = true, contact_deg = 0", where=f"{where}, {name}",
                         remedy="give the contact of the vessel, or irregular = false")
    return vessel


def _refuse_twice(vessels: tuple[Vessel, ...], where: str) -> None:
    """One vessel has one contact, by whichever of its names; portal and mesenteric vein, and branches, may stand side by side."""
    seen: dict[Any, Vessel] = {}
    for vessel in vessels:
        code = vessel_code(vessel.name)
        key = vessel.name.strip().lower() if code in (VesselCode.SMV_PV, VesselCode.OTHER) else code
        first = seen.setdefault(key, vessel)
        if first is not vessel:
            both = f"{first.name} {first.contact_deg:g}, {vessel.name} {vessel.contact_deg:g} degrees"
            raise InputError("a vessel is given twice", found=both, where=where, remedy="give each vessel once, with its greatest contact")


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
