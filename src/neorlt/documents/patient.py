"""The patient: what the images do not hold, and the lesions as the plan sees them. Absent is unknown, never false."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from neorlt.core.anatomy import organ_of_site
from neorlt.core.errors import InputError


@dataclass(frozen=True)
class Vessel:
    """Contact of a lesion with one vessel; None where a question is not answered.

    ``contact_deg`` of the circumference (0-360); ``irregular`` outline; ``occluded`` or thrombosed; ``reconstructible`` with a
    suitable vessel proximal and distal (veins).
    """

    name: str
    contact_deg: float
    irregular: bool | None = None
    occluded: bool | None = None
    reconstructible: bool | None = None

    def __post_init__(self) -> None:
        if not 0.0 <= self.contact_deg <= 360.0:
            raise InputError("a vessel contact is out of range", expected="0 to 360 degrees", found=f"{self.contact_deg:g}",
                             where=f"vessel {self.name}", remedy="give contact_deg in degrees of circumference")


@dataclass(frozen=True)
class Lesion:
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
    vessels: tuple[Vessel, ...] = ()

    @property
    def is_liver(self) -> bool:
        """Whether the lesion lies in the liver."""
        return self.organ == "liver"

    @property
    def organ(self) -> str:
        """The organ, for the rule of at most two target lesions an organ."""
        return organ_of_site(self.site)

    @property
    def most_contact_deg(self) -> float:
        """Contact with the vessel that is touched most; one that is occluded counts as enclosed."""
        return max((360.0 if vessel.occluded else vessel.contact_deg for vessel in self.vessels), default=0.0)


@dataclass(frozen=True)
class Patient:
    """One patient at baseline. ``id`` is a pseudonym, never a name; None is unknown."""

    id: str
    lesions: tuple[Lesion, ...]
    age_y: float | None = None
    sex: str | None = None
    weight_kg: float | None = None
    height_cm: float | None = None
    egfr_ml_min: float | None = None
    kidney_risk_factors: tuple[str, ...] | None = None
    platelets_e9_per_l: float | None = None
    neutrophils_e9_per_l: float | None = None
    lymphocytes_e9_per_l: float | None = None
    leukocytes_e9_per_l: float | None = None
    haemoglobin_g_dl: float | None = None
    bilirubin_umol_l: float | None = None
    albumin_g_l: float | None = None
    prior_chemotherapy: bool | None = None
    prior_rlt_cycles: int | None = None
    prior_rlt_gbq: float | None = None
    prior_kidney_gy: float | None = None
    """Absorbed dose of the kidneys, and of the marrow, by all earlier cycles together."""
    prior_marrow_gy: float | None = None
    functioning: bool | None = None
    carcinoma: bool | None = None
    pregnant: bool | None = None
    performance_status: int | None = None
    krenning: int | None = None
    life_expectancy_months: float | None = None
    origin: str | None = None
    """Where the tumour came from: ``pancreas``, ``small-intestine`` or ``other``."""
    warnings: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.lesions:
            raise InputError("the patient has no lesion", remedy="give at least one [[lesion]] or a lesion region in the study")
        _refuse_contradictions(self)
        ids = [lesion.id for lesion in self.lesions]
        if len(set(ids)) != len(ids):
            raise InputError("two lesions have the same id", found=", ".join(sorted(ids)), remedy="rename one of them")

    @property
    def primary(self) -> Lesion | None:
        """The pancreatic primary, or None; of several the one that decides, whatever their order: most vessel contact, then largest."""
        return max(self.pancreatic, key=lambda lesion: (lesion.most_contact_deg, lesion.longest_diameter_mm), default=None)

    @property
    def pancreatic(self) -> tuple[Lesion, ...]:
        """All tumours of the pancreas."""
        return tuple(lesion for lesion in self.lesions if lesion.organ == "pancreas")

    @property
    def followed(self) -> int:
        """Number of the lesion that is followed: the pancreatic primary, else the largest."""
        primary = self.primary
        if primary is not None:
            return self.lesions.index(primary)
        return int(np.argmax([lesion.longest_diameter_mm for lesion in self.lesions]))

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
        """Highest Ki-67 of the tumours in the pancreas, else the highest that is known."""
        for lesions in (self.pancreatic, self.lesions):
            known = [lesion.ki67_pct for lesion in lesions if lesion.ki67_pct is not None]
            if known:
                return max(known)
        return None

    def ki67_of(self, lesion: Lesion) -> float | None:
        """Ki-67 of a lesion, else the patient's; None where none is known."""
        return lesion.ki67_pct if lesion.ki67_pct is not None else self.ki67_pct


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
    cycles, given = patient.prior_rlt_cycles, patient.prior_rlt_gbq
    if cycles is not None and given is not None and (cycles > 0) != (given > 0):
        refuse("prior_rlt_gbq contradicts prior_rlt_cycles", f"{cycles} cycles, {given:g} GBq", "correct one of them")
    for name, dose in (("prior_kidney_gy", patient.prior_kidney_gy), ("prior_marrow_gy", patient.prior_marrow_gy)):
        if dose and 0 in (cycles, given):
            refuse(f"{name} contradicts prior_rlt_cycles", f"{dose:g} Gy, and no earlier cycle", "correct one of them")
    if (patient.leukocytes_e9_per_l is not None and patient.neutrophils_e9_per_l is not None
            and patient.neutrophils_e9_per_l > patient.leukocytes_e9_per_l + 1e-9):
        refuse("neutrophils_e9_per_l contradicts leukocytes_e9_per_l",
               f"{patient.neutrophils_e9_per_l:g} of {patient.leukocytes_e9_per_l:g}", "neutrophils are part of the leukocytes: check both")
    parts = (patient.neutrophils_e9_per_l or 0.0) + (patient.lymphocytes_e9_per_l or 0.0)
    whole = patient.leukocytes_e9_per_l
    # Three counts, each rounded to a tenth, may miss their sum by 0.15.
    if whole is not None and patient.lymphocytes_e9_per_l is not None and parts > whole + 0.15 + 1e-9:
        refuse("lymphocytes_e9_per_l contradicts leukocytes_e9_per_l", f"neutrophils and lymphocytes {parts:g} of {whole:g}",
               "both are part of the leukocytes: check the three")
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
