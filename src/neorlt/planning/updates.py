"""What new images and laboratory values say after some cycles: the file, its checks, and the weight it gives to each world."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.toml_file import read_toml, tables_of, text_of
from neorlt.documents.scheme import Cycle, Scheme
from neorlt.nuclides.therapy import planned_nuclide
from neorlt.planning.patient import Patient, known_table

COUNT_LOG_SD = 0.15
"""Day-to-day scatter of a blood count, log-SD: an assumption."""
DOSE_LOG_SD = 0.20
"""Uncertainty of a measured dose: that of the population table (an assumption; published 0.14 to 1.02)."""
_KEYS = {"week", "lesion", "cycle", "platelets_e9_per_l", "neutrophils_e9_per_l", "haemoglobin_g_dl", "kidney_dose_gy"}
_LESION = {"id", "longest_diameter_mm", "dose_gy"}
_CYCLE = {"week", "activity_gbq"}
_RANGES = {"week": (0.0, 200.0), "platelets_e9_per_l": (1, 2000), "neutrophils_e9_per_l": (0.05, 100), "haemoglobin_g_dl": (3, 25),
           "longest_diameter_mm": (1, 400)}


@dataclass(frozen=True)
class LesionUpdate:
    """New measurements of one lesion: size at the update's week, dose of each cycle measured so far."""

    id: str
    longest_diameter_mm: float | None = None
    dose_gy: tuple[float, ...] = ()


@dataclass(frozen=True)
class Update:
    """New measurements, taken ``week`` weeks after baseline."""

    week: float
    lesions: tuple[LesionUpdate, ...] = ()
    counts: Mapping[str, float] | None = None
    """Baseline line name (``platelets``, ``neutrophils``, ``haemoglobin``) to the count now."""
    kidney_dose_gy: tuple[float, ...] = ()
    """Absorbed dose of the kidneys in each cycle measured so far."""
    cycles: tuple[Cycle, ...] = ()
    """The cycles as they were given, where that is known: week and activity stand in the place of those planned."""


def read_update(path: Path, patient: Patient) -> Update:
    """Read ``update.toml``: ``week``, counts, ``kidney_dose_gy = [...]``, ``[[cycle]]`` with ``week`` and ``activity_gbq`` as it was given,
    and ``[[lesion]]`` with ``id``, ``longest_diameter_mm``, ``dose_gy = [...]``.

    Raises
    ------
    InputError
        For an unknown key or lesion, a value out of range, or a file that says nothing new.
    """
    return update_from(read_toml(path, "the update file", "check the path after --updates"), patient, Path(path).name)


def update_from(document: Mapping[str, Any], patient: Patient, where: str = "update") -> Update:
    """Build an update from the parsed TOML document."""
    known_table(document, _KEYS, where, "update.toml")
    known = {lesion.id for lesion in patient.lesions}
    week = _number(document, "week", where)
    if week is None:
        raise InputError("the update has no week", where=where, remedy="add week = weeks after baseline at which it was measured")
    lesions: list[LesionUpdate] = []
    for row in tables_of(document, "lesion", where):
        known_table(row, _LESION, f"{where}, lesion", "update.toml")
        if text_of(row, "id", "", f"{where}, lesion") not in known:
            raise InputError("the update names a lesion that the patient does not have", expected=", ".join(sorted(known)),
                             found=repr(row.get("id")), where=where, remedy="use the ids of patient.toml")
        if row["id"] in [lesion.id for lesion in lesions]:
            raise InputError("the update speaks of a lesion twice, and its size would count twice", found=row["id"], where=where,
                             remedy="give each lesion one [[lesion]]")
        lesions.append(LesionUpdate(row["id"], _number(row, "longest_diameter_mm", where), _doses(row, "dose_gy", where)))
    counts = {}
    for key in ("platelets_e9_per_l", "neutrophils_e9_per_l", "haemoglobin_g_dl"):
        value = _number(document, key, where)
        if value is not None:
            counts[key.split("_")[0]] = value
    cycles = tuple(_cycle(row, f"{where}, cycle {n}") for n, row in enumerate(tables_of(document, "cycle", where), start=1))
    update = Update(week, tuple(lesions), counts, _doses(document, "kidney_dose_gy", where), cycles)
    if not (counts or update.kidney_dose_gy or any(item.longest_diameter_mm or item.dose_gy for item in lesions)):
        raise InputError("the update holds nothing new", where=where, remedy="give a size, a dose or a count")
    return update


def _cycle(row: Any, where: str) -> Cycle:
    known_table(row, _CYCLE, where, "update.toml")
    week, given = _number(row, "week", where), row.get("activity_gbq")
    if week is None or not isinstance(given, Mapping):
        raise InputError("a cycle that was given needs its week and activity_gbq", where=where,
                         remedy='write for example: week = 7.9 and activity_gbq = { "Lu-177" = 7.31 }')
    if any(isinstance(value, bool) or not isinstance(value, int | float) for value in given.values()):
        raise InputError("an activity is not a number", found=str(dict(given)), where=where, remedy="give GBq by nuclide")
    return Cycle(week, {planned_nuclide(name): float(value) for name, value in given.items()})


def as_given(scheme: Scheme, given: int, cycles: Sequence[Cycle]) -> Scheme:
    """The scheme with the cycles as they were given in the place of its first ``given``; what follows moves with the last of them.

    Raises
    ------
    InputError
        If there are not as many cycles as were given, or they run backwards.
    """
    if not cycles:
        return scheme
    if len(cycles) != given:
        raise InputError("the update describes another number of cycles than were given", expected=str(given), found=str(len(cycles)),
                         remedy="describe each cycle given, or leave [[cycle]] out where all was given as planned")
    late = cycles[-1].week - scheme.cycles[given - 1].week
    real = [replace(planned, week=cycle.week, activity_gbq=cycle.activity_gbq)
            for planned, cycle in zip(scheme.cycles[:given], cycles, strict=True)]
    rest = [replace(planned, week=planned.week + late) for planned in scheme.cycles[given:]]
    return replace(scheme, cycles=(*real, *rest))


def _number(row: Mapping[str, Any], key: str, where: str) -> float | None:
    if key not in row:
        return None
    low, high = _RANGES[key]
    value = row[key]
    if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
        raise InputError(f"{key} is out of range", expected=f"{low:g} to {high:g}", found=repr(value), where=where, remedy="correct it")
    return float(value)


def _doses(row: Mapping[str, Any], key: str, where: str) -> tuple[float, ...]:
    value = row.get(key, [])
    if not isinstance(value, list) or any(isinstance(v, bool) or not isinstance(v, int | float) or not 0 < v <= 2000 for v in value):
        raise InputError(f"{key} is not a list of doses", expected="numbers above 0 and up to 2000 Gy", found=repr(value), where=where,
                         remedy="write one dose a cycle, for example dose_gy = [30, 28]")
    return tuple(float(v) for v in value)
