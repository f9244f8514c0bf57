"""What a study folder may state beside its images: ``settings.toml`` and ``calibration.toml``."""

from __future__ import annotations

import math
import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.imaging.blur import BlurMap

SETTINGS = "settings.toml"
CALIBRATION = "calibration.toml"
_ALLOWED = {
    "": {"psf_fwhm_mm", "psf_by_radius", "correction", "frames_of_reference"},
    "psf_by_radius": {"radius_mm", "fwhm_mm", "axis_mm", "sd_mm"},
    "correction": {"reason", "weight_kg", "injected_activity_mbq", "injection_time"},
    "frames_of_reference": {"treat_as_one", "reason"},
    "calibration": {"cps_per_mbq", "relative_sd", "nuclide", "source"},
}


@dataclass(frozen=True)
class Calibration:
    """Sensitivity of a gamma camera: counts per second and MBq, its relative standard deviation, and where it is from."""

    cps_per_mbq: float
    relative_sd: float
    nuclide: str
    source: str


@dataclass(frozen=True)
class Settings:
    """Settings of a study folder. A correction replaces a header value and always has a reason."""

    psf_fwhm_mm: float | None = None
    psf_map: BlurMap | None = None
    weight_kg: float | None = None
    injected_activity_mbq: float | None = None
    injection_time: datetime | None = None
    reason: str = ""
    frames_as_one: bool = False
    frames_reason: str = ""
    calibration: Calibration | None = None


def read_settings(folder: Path) -> Settings:
    """Read the two files where they exist.

    Raises
    ------
    InputError
        For a file that is not TOML, an unknown key, a value of another kind, or a correction without a reason.

    """
    values = _load(folder / SETTINGS)
    _only(values, "", SETTINGS)
    correction = _table(values, "correction")
    frames = _table(values, "frames_of_reference")
    reason = _text(correction, "reason", SETTINGS)
    if any(key != "reason" for key in correction) and not reason:
        raise InputError(
            "a correction needs its reason",
            where=f"{SETTINGS}, [correction]",
            remedy='add reason = "…" so that the report can show why the header was overruled',
        )
    as_one = frames.get("treat_as_one", False)
    if not isinstance(as_one, bool):
        raise InputError("treat_as_one must be true or false", where=f"{SETTINGS}, [frames_of_reference]", remedy="correct it")
    frames_reason = _text(frames, "reason", SETTINGS)
    if as_one and not frames_reason:
        raise InputError(
            "treating frames of reference as one needs a reason",
            where=f"{SETTINGS}, [frames_of_reference]",
            remedy='add reason = "…", for example that the series were registered on the workstation',
        )
    time = correction.get("injection_time")
    if time is not None and not isinstance(time, datetime):
        raise InputError(
            "injection_time must be a date and time",
            expected="2026-03-02T09:00:00",
            where=SETTINGS,
            remedy="write it without quotes",
        )
    return Settings(
        psf_fwhm_mm=_positive(values, "psf_fwhm_mm", SETTINGS),
        psf_map=_psf_map(_table(values, "psf_by_radius")),
        weight_kg=_positive(correction, "weight_kg", SETTINGS),
        injected_activity_mbq=_positive(correction, "injected_activity_mbq", SETTINGS),
        injection_time=time,
        reason=reason,
        frames_as_one=as_one,
        frames_reason=frames_reason,
        calibration=_calibration(folder / CALIBRATION),
    )


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
    return Calibration(rate, sd, nuclide, source)


def _load(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_bytes().decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError("the file is not TOML", found=str(error), where=path.name, remedy="correct the line named") from error


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
