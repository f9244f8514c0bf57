"""What a study folder may state beside its images: ``settings.toml`` and ``calibration.toml``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.toml_file import read_toml
from neorlt.dicom.codes import nuclide_name
from neorlt.imaging.blur import BlurMap

SETTINGS = "settings.toml"
CALIBRATION = "calibration.toml"
_ALLOWED = {
    "": {"psf_fwhm_mm", "psf_by_radius", "correction", "frames_of_reference", "uncertainty", "patient", "place", "roles"},
    "psf_by_radius": {"radius_mm", "fwhm_mm", "axis_mm", "sd_mm"},
    "correction": {"reason", "weight_kg", "injected_activity_mbq", "injection_time"},
    "frames_of_reference": {"treat_as_one", "reason"},
    "patient": {"treat_as_one", "reason"},
    "place": {"trust", "reason"},
    "calibration": {"cps_per_mbq", "relative_sd", "nuclide", "source", "seconds", "pixel_scale"},
}
_MODALITIES = {"PT": "PT", "PET": "PT", "NM": "NM", "SPECT": "NM"}
KINDS = ("lesion", "organ", "body", "other")
"""What ``[roles]`` and a names file may call a region."""


@dataclass(frozen=True)
class Calibration:
    """Sensitivity of a gamma camera: counts per second and MBq, its relative standard deviation, and where it is from.

    ``seconds`` is the time that every voxel was seen for, where the header does not state it; ``pixel_scale`` says whether the value was
    measured with the camera's private factor applied (:mod:`neorlt.dicom.vendor_scale`): ``"apply"``, ``"ignore"``, or empty.
    """

    cps_per_mbq: float
    relative_sd: float
    nuclide: str
    source: str
    seconds: float | None = None
    pixel_scale: str = ""


@dataclass(frozen=True)
class Correction:
    """What a user states in the place of header values, with the reason.

    ``address`` says what it corrects: a Series or Study Instance UID, ``PT`` or ``NM``, or a nuclide; empty where it was
    written under ``[correction]`` alone.
    """

    address: str = ""
    reason: str = ""
    weight_kg: float | None = None
    injected_activity_mbq: float | None = None
    injection_time: datetime | None = None

    @property
    def of_injection(self) -> bool:
        """Whether it states an activity or a time."""
        return self.injected_activity_mbq is not None or self.injection_time is not None

    def over(self, other: Correction) -> Correction:
        """Both, this one first."""
        return Correction(
            self.address or other.address,
            "; ".join(dict.fromkeys(r for r in (self.reason, other.reason) if r)),
            self.weight_kg if self.weight_kg is not None else other.weight_kg,
            self.injected_activity_mbq if self.injected_activity_mbq is not None else other.injected_activity_mbq,
            self.injection_time if self.injection_time is not None else other.injection_time,
        )


NONE = Correction()


@dataclass(frozen=True)
class Address:
    """Where a fact lives: series, study, modality (``PT``, ``NM``) and nuclide."""

    series: str
    study: str
    modality: str
    nuclide: str | None = None

    @property
    def keys(self) -> tuple[str, ...]:
        """From the narrowest to the widest."""
        return tuple(k for k in (self.series, self.study, self.modality, self.nuclide or "") if k)


@dataclass(frozen=True)
class Settings:
    """Settings of a study folder. A correction replaces a header value and always has a reason."""

    psf_fwhm_mm: float | None = None
    psf_map: BlurMap | None = None
    bare: Correction = NONE
    """The correction that names nothing: it counts where it is the only way to read a series, or where there is no choice."""
    addressed: tuple[Correction, ...] = ()
    frames_as_one: bool = False
    frames_reason: str = ""
    same_person: str = ""
    """Reason why files of several names are one patient."""
    trust_place: str = ""
    """Reason why regions are taken although they do not lie where they should."""
    roles: Mapping[str, str] = field(default_factory=dict)
    """Kind of a region by its name, as the user states it."""
    calibration: Calibration | None = None

    def correction_of(self, address: Address) -> Correction:
        """The addressed corrections of a series, the narrowest first."""
        found = NONE
        for key in address.keys:
            for one in self.addressed:
                if one.address == key:
                    found = found.over(one)
        return found


def read_settings(folder: Path) -> Settings:
    """Read the two files where they exist.

    Raises
    ------
    InputError
        For a file that is not TOML, an unknown key, a value of another kind, or a correction without a reason.

    """
    values = _load(folder / SETTINGS)
    _only(values, "", SETTINGS)
    bare, addressed = _corrections(values.get("correction", {}))
    as_one, frames_reason = _stated(values, "frames_of_reference", "treat_as_one", "that the series were registered on the workstation")
    same, same_reason = _stated(values, "patient", "treat_as_one", "that the second number is from another hospital")
    trust, trust_reason = _stated(values, "place", "trust", "that the kidney was moved into the pelvis")
    return Settings(
        psf_fwhm_mm=_positive(values, "psf_fwhm_mm", SETTINGS),
        psf_map=_psf_map(_table(values, "psf_by_radius")),
        bare=bare,
        addressed=addressed,
        frames_as_one=as_one,
        frames_reason=frames_reason,
        same_person=same_reason if same else "",
        trust_place=trust_reason if trust else "",
        roles=_roles(values.get("roles", {})),
        calibration=_calibration(folder / CALIBRATION),
    )


def _corrections(table: Any) -> tuple[Correction, tuple[Correction, ...]]:
    """The bare correction and those with an address."""
    if not isinstance(table, dict):
        raise InputError("correction must be a table", expected="[correction]", where=SETTINGS, remedy="correct it")
    bare = {key: value for key, value in table.items() if not isinstance(value, dict)}
    named = {key: value for key, value in table.items() if isinstance(value, dict)}
    return _correction("", bare), tuple(_correction(_address(key), value) for key, value in named.items())


def _address(key: str) -> str:
    """Modality or nuclide in the house's spelling; a UID as it is."""
    flat = key.strip()
    if flat.upper() in _MODALITIES:
        return _MODALITIES[flat.upper()]
    if "." in flat and flat.replace(".", "").isdigit():
        return flat
    nuclide = nuclide_name(flat)
    if nuclide is None:
        raise InputError(
            "the correction names nothing that a study holds",
            expected='a Series or Study Instance UID, "PT", "NM" or a nuclide such as "Lu-177"',
            found=repr(key),
            where=f"{SETTINGS}, [correction]",
            remedy="correct the name",
        )
    return nuclide


def _correction(address: str, values: dict[str, Any]) -> Correction:
    _only(values, "correction", SETTINGS)
    reason = _text(values, "reason", SETTINGS)
    if any(key != "reason" for key in values) and not reason:
        raise InputError(
            "a correction needs its reason",
            where=f"{SETTINGS}, [correction]",
            remedy='add reason = "…" so that the report can show why the header was overruled',
        )
    time = values.get("injection_time")
    if time is not None and not isinstance(time, datetime):
        raise InputError(
            "injection_time must be a date and time",
            expected="2026-03-02T09:00:00",
            where=SETTINGS,
            remedy="write it without quotes",
        )
    return Correction(
        address, reason, _positive(values, "weight_kg", SETTINGS), _positive(values, "injected_activity_mbq", SETTINGS), time
    )


def _stated(values: dict[str, Any], table: str, key: str, example: str) -> tuple[bool, str]:
    """A switch that overrules a refusal, and its reason."""
    found = _table(values, table)
    on, reason = found.get(key, False), _text(found, "reason", SETTINGS)
    if not isinstance(on, bool):
        raise InputError(f"{key} must be true or false", where=f"{SETTINGS}, [{table}]", remedy="correct it")
    if on and not reason:
        raise InputError(f"{key} needs a reason", where=f"{SETTINGS}, [{table}]", remedy=f'add reason = "…", for example {example}')
    return on, reason


def _roles(table: Any) -> dict[str, str]:
    if not isinstance(table, dict) or not all(isinstance(v, str) and v in KINDS for v in table.values()):
        raise InputError(
            "the roles cannot be read",
            expected=f'"name of the region" = one of {", ".join(KINDS)}',
            where=f"{SETTINGS}, [roles]",
            remedy="correct the table",
        )
    return {str(key): str(value) for key, value in table.items()}


def _psf_map(values: dict[str, Any]) -> BlurMap | None:
    if not values:
        return None
    lists = {key: values.get(key) for key in ("radius_mm", "fwhm_mm", "axis_mm") if key in values}
    numbers = all(
        isinstance(v, list) and all(isinstance(x, int | float) and not isinstance(x, bool) for x in v) for v in lists.values()
    )
    if not numbers or "radius_mm" not in lists or "fwhm_mm" not in lists or len(values.get("axis_mm", [0.0, 0.0])) != 2:
        raise InputError(
            "the blur by distance cannot be read",
            expected="radius_mm = [0, 60, 120] and fwhm_mm = [13.4, 12.8, 11.6]; axis_mm = [x, y] and sd_mm if they are known",
            where=f"{SETTINGS}, [psf_by_radius]",
            remedy="measure it with neorlt recovery and correct the table",
        )
    x, y = values.get("axis_mm", [0.0, 0.0])
    sd = _positive(values, "sd_mm", SETTINGS)
    return BlurMap(tuple(map(float, values["radius_mm"])), tuple(map(float, values["fwhm_mm"])), (float(x), float(y)), sd)


def _calibration(path: Path) -> Calibration | None:
    values = _load(path)
    if not values:
        return None
    _only(values, "calibration", CALIBRATION)
    rate, sd = _positive(values, "cps_per_mbq", CALIBRATION), _positive(values, "relative_sd", CALIBRATION)
    nuclide, source = _text(values, "nuclide", CALIBRATION), _text(values, "source", CALIBRATION)
    if rate is None or sd is None or not nuclide or not source:
        raise InputError(
            "the calibration is incomplete",
            expected="cps_per_mbq, relative_sd, nuclide and source",
            where=CALIBRATION,
            remedy="add what is missing; relative_sd is the standard deviation over the value",
        )
    pixel_scale = _text(values, "pixel_scale", CALIBRATION)
    if pixel_scale not in ("", "apply", "ignore"):
        raise InputError("pixel_scale is not known", expected="apply or ignore", found=pixel_scale, where=CALIBRATION, remedy="correct it")
    seconds = _positive(values, "seconds", CALIBRATION)
    return Calibration(rate, sd, nuclide_name(nuclide) or nuclide, source, seconds, pixel_scale)


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    return read_toml(path, "the file of settings")


def _only(values: dict[str, Any], table: str, file: str) -> None:
    unknown = sorted(set(values) - _ALLOWED[table])
    if unknown:
        raise InputError(
            "unknown setting",
            expected=", ".join(sorted(_ALLOWED[table])),
            found=unknown[0],
            where=file,
            remedy="correct the name or take it out",
        )


def _table(values: dict[str, Any], name: str) -> dict[str, Any]:
    table = values.get(name, {})
    if not isinstance(table, dict):
        raise InputError(f"{name} must be a table", expected=f"[{name}]", where=SETTINGS, remedy="correct it")
    _only(table, name, SETTINGS)
    return table


def _text(values: dict[str, Any], key: str, file: str) -> str:
    value = values.get(key, "")
    if not isinstance(value, str):
        raise InputError(f"{key} must be text", where=file, remedy="put it in quotes")
    return value.strip()


def _positive(values: dict[str, Any], key: str, file: str) -> float | None:
    value = values.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value) or value <= 0:
        raise InputError(f"{key} must be a number above 0", found=repr(value), where=file, remedy="correct it")
    return float(value)
