"""Real World Value Mapping (PS3.3 C.7.6.16.2.11): from stored numbers to Bq/ml."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.header import number, raw, text, where

_TO_BQ_PER_ML = {"bq/ml": 1.0, "kbq/ml": 1e3, "mbq/ml": 1e6, "bq/cm3": 1.0, "bq/cc": 1.0, "{bqml}": 1.0, "bqml": 1.0}
"""UCUM units of activity concentration; UCUM's case matters only for prefixes, and mBq/ml is not used in imaging."""


@dataclass(frozen=True)
class Mapping:
    """Linear mapping, or a table, valid for stored values ``first…last``."""

    first: int
    last: int
    slope: float
    intercept: float
    table: NDArray[np.float64] | None
    to_bq_per_ml: float

    def apply(self, stored: NDArray[np.generic], file: str) -> NDArray[np.float32]:
        """Return Bq/ml.

        Raises
        ------
        InputError
            If a stored value lies outside the range that the mapping covers.

        """
        values = np.asarray(stored)
        if int(values.min()) < self.first or int(values.max()) > self.last:
            raise InputError(
                "stored values lie outside the real-world-value map",
                expected=f"{self.first}…{self.last}",
                found=f"{int(values.min())}…{int(values.max())}",
                where=where(file, "RealWorldValueMappingSequence"),
                remedy="export the series again",
            )
        if self.table is not None:
            return (self.table[values.astype(np.int64) - self.first] * self.to_bq_per_ml).astype(np.float32)
        return (values * (self.slope * self.to_bq_per_ml) + self.intercept * self.to_bq_per_ml).astype(np.float32)


def activity_mapping(dataset: Dataset, file: str) -> Mapping | None:
    """Return the mapping to an activity concentration, or None if the object has none.

    Raises
    ------
    InputError
        If there are several, or one is incomplete.

    """
    items = list(raw(dataset, "RealWorldValueMappingSequence", file) or [])
    for shared in raw(dataset, "SharedFunctionalGroupsSequence", file) or []:
        items += list(raw(shared, "RealWorldValueMappingSequence", file) or [])
    found = []
    for item in items:
        for unit in raw(item, "MeasurementUnitsCodeSequence", file) or []:
            code = text(unit, "CodeValue", file)
            key = code if code.startswith("m") else code.lower()  # milli is not mega
            if key in _TO_BQ_PER_ML:
                found.append(_mapping(item, _TO_BQ_PER_ML[key], file))
    if len(found) > 1:
        raise InputError(
            "several maps to activity are stated",
            found=f"{len(found)}",
            where=where(file, "RealWorldValueMappingSequence"),
            remedy="export the series with one",
        )
    return found[0] if found else None


def _mapping(item: Dataset, to_bq_per_ml: float, file: str) -> Mapping:
    tag = where(file, "RealWorldValueMappingSequence")
    remedy = "export the series again with its quantitative scale"
    first = number(item, "RealWorldValueFirstValueMapped", file)
    last = number(item, "RealWorldValueLastValueMapped", file)
    slope, intercept = number(item, "RealWorldValueSlope", file), number(item, "RealWorldValueIntercept", file)
    values = raw(item, "RealWorldValueLUTData", file)
    if first is None or last is None or last < first:
        raise InputError("the real-world-value map has no range", where=tag, remedy=remedy)
    if values is not None:
        table = np.asarray(list(values), dtype=np.float64)
        if len(table) != int(last - first) + 1 or not np.all(np.isfinite(table)):
            raise InputError("the table of the real-world-value map does not fit its range", where=tag, remedy=remedy)
        return Mapping(int(first), int(last), 1.0, 0.0, table, to_bq_per_ml)
    if slope is None or intercept is None or not slope > 0:
        raise InputError("the real-world-value map has no slope above 0, or no intercept", where=tag, remedy=remedy)
    return Mapping(int(first), int(last), slope, intercept, None, to_bq_per_ml)
