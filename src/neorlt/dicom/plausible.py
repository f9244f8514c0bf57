"""What a header can plausibly state: one table, with the sentence for a value outside it."""

from __future__ import annotations

from dataclasses import dataclass

from neorlt.core.errors import InputError
from neorlt.dicom.header import where


@dataclass(frozen=True)
class Plausible:
    """Range of a value, its unit, what it is in words, and why the range is what it is."""

    low: float
    high: float
    unit: str
    what: str
    why: str


TABLE: dict[str, Plausible] = {
    "PixelSpacing": Plausible(0.1, 20.0, "mm", "the size of a pixel", "micro-CT stays above 0.1 mm, planar NM below 20 mm"),
    "SpacingBetweenSlices": Plausible(0.1, 25.0, "mm", "the distance of two slices", "scouts and single slices are no volume"),
    "Extent": Plausible(10.0, 3000.0, "mm", "the length of the image", "no scanner's bed is longer"),
    "PatientWeight": Plausible(1.0, 400.0, "kg", "the weight", "PS3.3 C.7.2.2 states kilograms"),
    "PatientSize": Plausible(0.3, 2.6, "m", "the height", "PS3.3 C.7.2.2 states metres"),
    "ActualFrameDuration": Plausible(0.01, 86400.0, "s", "the duration of a frame", "stated in milliseconds (0018,1242)"),
    "RescaleSlope": Plausible(1e-12, 1e12, "", "the rescale slope", "activity is stored with a positive scale"),
    "Counts": Plausible(0.0, 1e9, "counts", "the counts of a voxel", "a whole SPECT holds some 10⁷ counts"),
    "Bq/ml": Plausible(-1e9, 1e11, "Bq/ml", "the activity concentration", "the syringe itself holds some 10⁹ Bq/ml"),
    "SUV": Plausible(-1e4, 1e5, "g/ml", "the SUV", "a whole injection in one millilitre of an adult is 10⁵"),
}
_ADULT_KG = (25.0, 400.0)
_ODD_BMI = 45.0
"""kg/m²: beyond the third class of obesity (WHO Technical Report 894, from 40), and what most people have who are weighed in pounds."""
KG_PER_POUND = 0.45359237
"""Exact (international pound)."""
_BMI = (8.0, 100.0)
"""kg/m²: the leanest and heaviest adults on record lie inside."""


def check(keyword: str, value: float, file: str, remedy: str, *, tag: str | None = None) -> None:
    """Refuse a value that no scanner or patient has.

    Raises
    ------
    InputError
        Naming value, range and reason.
    """
    allowed = TABLE[keyword]
    if not allowed.low <= value <= allowed.high:
        raise InputError(
            f"{allowed.what} is not plausible",
            expected=f"{allowed.low:g}…{allowed.high:g} {allowed.unit}".strip() + f" ({allowed.why})",
            found=f"{value:g} {allowed.unit}".strip(),
            where=where(file, tag or keyword),
            remedy=remedy,
        )


def check_grid(spacing_mm: tuple[float, float, float], shape: tuple[int, int, int], file: str) -> None:
    """Refuse voxels or an extent that no image of a patient has.

    Raises
    ------
    InputError
        Naming the size.
    """
    remedy = "export the series again; its geometry was changed"
    for axis in (0, 1):
        check("PixelSpacing", spacing_mm[axis], file, remedy)
        check("Extent", spacing_mm[axis] * shape[axis], file, remedy, tag="PixelSpacing")
    check("SpacingBetweenSlices", spacing_mm[2], file, remedy)
    check("Extent", spacing_mm[2] * max(shape[2], 5), file, remedy, tag="SpacingBetweenSlices")


def odd_weight(weight_kg: float | None, size_m: float | None, what: str) -> tuple[str, ...]:
    """Say that a weight and a height are those of few people, and of many where the weight is in pounds."""
    if weight_kg is None or size_m is None or not TABLE["PatientSize"].low <= size_m <= TABLE["PatientSize"].high:
        return ()
    index = weight_kg / size_m**2
    if index <= _ODD_BMI:
        return ()
    pounds = weight_kg * KG_PER_POUND
    return (
        f"{what}: a weight of {weight_kg:g} kg at {size_m:g} m (0010,1030), (0010,1020) is a body-mass index of {index:.0f} kg/m². Is it in"
        f" pounds ({pounds:.0f} kg, {pounds / size_m**2:.0f} kg/m²)? SUV grows with it.",
    )


def check_weight(weight_kg: float, age_y: float | None, size_m: float | None, file: str) -> None:
    """Refuse a weight that does not fit age (0010,1010) or height (0010,1020).

    Raises
    ------
    InputError
        Naming weight, age and height.
    """
    remedy = "state weight_kg with a reason under [correction] in settings.toml"
    allowed = TABLE["PatientWeight"]
    if not allowed.low <= weight_kg <= allowed.high:
        raise InputError(
            "the weight is not that of a person",
            expected=f"{allowed.low:g}…{allowed.high:g} kg",
            found=f"{weight_kg:g} kg",
            where=where(file, "PatientWeight"),
            remedy=remedy,
        )
    if age_y is not None and age_y >= 16.0 and not _ADULT_KG[0] <= weight_kg <= _ADULT_KG[1]:
        raise InputError(
            "weight and age do not fit one another",
            expected=f"{_ADULT_KG[0]:g}…{_ADULT_KG[1]:g} kg at {age_y:.0f} years",
            found=f"{weight_kg:g} kg",
            where=where(file, "PatientWeight"),
            remedy=remedy,
        )
    if size_m is not None and TABLE["PatientSize"].low <= size_m <= TABLE["PatientSize"].high:
        index = weight_kg / size_m**2
        if not _BMI[0] <= index <= _BMI[1]:
            raise InputError(
                "weight and height do not fit one another",
                expected=f"a body-mass index of {_BMI[0]:g}…{_BMI[1]:g} kg/m²",
                found=f"{weight_kg:g} kg at {size_m:g} m, {index:.1f} kg/m²",
                where=where(file, "PatientWeight"),
                remedy=remedy,
            )
