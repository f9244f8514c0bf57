"""Read CT series in Hounsfield units (PS3.3 C.8.2.1)."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.dicom.attributes import stated_rows
from neorlt.dicom.header import text, where
from neorlt.dicom.pixels import check_depth
from neorlt.dicom.plausible import check
from neorlt.dicom.scan import Instance, Series
from neorlt.dicom.stack import read_stack, rescale
from neorlt.imaging.volume import Grid, Unit, Volume

PROJECTIONS = {"MIP", "MINIP", "MIN IP", "MAX_IP", "MIN_IP", "AVG_IP"}
"""Image Type (0008,0008) values of slabs that show the highest or lowest value through their depth (PS3.3 C.8.16.1.1.3 and vendors)."""
LOWEST_HU, HIGHEST_HU = -32768.0, 65535.0
"""Values beyond 16 bits come from a changed slope, not from a scanner."""


def without_localizers(series: Series) -> Series | None:
    """Return the series without scout views (Image Type value LOCALIZER), or None if nothing is left."""
    kept = tuple(i for i in series.instances if "LOCALIZER" not in text(i.header, "ImageType", i.name).upper())
    return Series(series.uid, series.sop_class, kept) if kept else None


def check_ct(series: Series) -> None:
    """Check, before pixels are read, that values are Hounsfield units.

    Raises
    ------
    InputError
        If Rescale Type (0028,1054) names another unit.

    """
    shown = {k.strip() for k in text(series.first.header, "ImageType", series.first.name).upper().strip("[]").replace("'", "").split(",")}
    if shown & PROJECTIONS:
        raise InputError(
            "the CT holds projections of a slab, not its Hounsfield units",
            found=" and ".join(sorted(shown & PROJECTIONS)),
            where=where(series.first.name, "ImageType"),
            remedy="give the original CT series",
        )
    for instance in series.instances:
        kind = text(instance.header, "RescaleType", instance.name).upper()
        if kind not in ("", "HU", "US"):  # US (unspecified) is what many scanners write for HU
            raise InputError(
                "the CT is not in Hounsfield units",
                expected="HU",
                found=kind,
                where=where(instance.name, "RescaleType"),
                remedy="give the original CT series",
            )
        slope, _ = rescale(instance)
        check("RescaleSlope", slope, instance.name, "export the series again; its scale was changed")
    check_depth(series.first)


def read_ct(series: Series, stack: tuple[Grid, tuple[Instance, ...]]) -> Volume:
    """Return the CT volume in HU; ``stack`` from :func:`neorlt.dicom.stack.slice_stack`.

    Raises
    ------
    InputError
        For pixels that cannot be read, or values that no scanner gives.

    """
    grid, instances = stack
    factors = [rescale(i) for i in instances]

    def scale(k: int, stored: NDArray[np.generic]) -> NDArray[np.float32]:
        slope, intercept = factors[k]
        return np.asarray(stored, np.float32) * np.float32(slope) + np.float32(intercept)

    array = read_stack(instances, grid, scale, "CT")
    if float(array.min()) < LOWEST_HU or float(array.max()) > HIGHEST_HU:
        raise InputError(
            "the CT holds values that no scanner gives",
            found=f"{array.min():.0f}…{array.max():.0f} HU",
            where=where(series.where, "RescaleSlope"),
            remedy="export the series again",
        )
    notes = ("Rescale Slope and Intercept give HU.",)
    return Volume(array, grid, Unit.HU, "CT", description="CT", notes=notes, ledger=stated_rows(instances, "CT"))
