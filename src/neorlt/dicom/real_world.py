"""Real World Value Mapping (PS3.3 C.7.6.16.2.11): from stored numbers to activity, counts, or another quantity."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydicom.dataset import Dataset

from neorlt.core.errors import InputError
from neorlt.dicom.header import number, raw, text, where

_TO_BQ_PER_ML = {"bq/ml": 1.0, "kbq/ml": 1e3, "mbq/ml": 1e6, "bq/cm3": 1.0, "bq/cc": 1.0, "{bqml}": 1.0, "bqml": 1.0}
"""UCUM units of activity concentration; UCUM's case matters only for prefixes, and mBq/ml is not used in imaging."""
_COUNTS = {"{counts}", "{count}", "counts", "{cnts}"}
_DECAY_WORDS = {
    "none": r"\b(?:no|not|without|un)\b[ -]*(?:for +)?decay|decay[ -]*(?:un|not )corrected|uncorrected",
    "injection": r"inject|admin",
    "start": r"\bscan|start|acqui",
}
_COUNT_RATE = {"{counts}/s", "{count}/s", "counts/s", "{cps}", "/s"}


class Quantity(StrEnum):
    """What a map leads to."""

    ACTIVITY = "activity"
    COUNTS = "counts"
    COUNT_RATE = "counts per second"
    OTHER = "other"


@dataclass(frozen=True)
class Mapping:
    """Linear mapping, or a table, valid for stored values ``first…last``; ``factor`` brings it to Bq/ml, counts or counts/s."""

    first: int
    last: int
    slope: float
    intercept: float
    table: NDArray[np.float64] | None
    factor: float
    quantity: Quantity
    unit: str

    @property
    def shown(self) -> str:
        """The map in one line."""
        if self.table is not None:
            return f"table of {len(self.table)} values, sum {self.table.sum():.10g}, from {self.first}"
        return f"{self.slope * self.factor:.8g} x + {self.intercept * self.factor:.8g} for {self.first}…{self.last}"

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
            return (self.table[values.astype(np.int64) - self.first] * self.factor).astype(np.float32)
        return (values * (self.slope * self.factor) + self.intercept * self.factor).astype(np.float32)


def _items(dataset: Dataset, file: str) -> list[Dataset]:
    items = list(raw(dataset, "RealWorldValueMappingSequence", file) or [])
    for shared in raw(dataset, "SharedFunctionalGroupsSequence", file) or []:
        items += list(raw(shared, "RealWorldValueMappingSequence", file) or [])
    return items


def decay_in_words(dataset: Dataset, file: str) -> tuple[str, str] | None:
    """Moment of decay correction that a map's label (0040,9210) or explanation (0028,3003) tells, and the words.

    ``"injection"``, ``"start"`` or ``"none"``; None where no words speak of decay, or not to when.
    """
    for item in _items(dataset, file):
        for keyword in ("LUTExplanation", "LUTLabel"):
            words = text(item, keyword, file)
            if not re.search(r"decay", words, re.IGNORECASE):
                continue
            for told, pattern in _DECAY_WORDS.items():
                if re.search(pattern, words, re.IGNORECASE):
                    return told, words
    return None


def real_world_map(dataset: Dataset, file: str) -> Mapping | None:
    """Return the object's map to an activity concentration; else that to counts; else that to anything; None without a map.

    Raises
    ------
    InputError
        If several lead to the same quantity and differ, or one is incomplete.

    """
    items = _items(dataset, file)
    found = [mapping_of(item, unit, file) for item in items for unit in raw(item, "MeasurementUnitsCodeSequence", file) or []]
    if items and len(found) < len(items):
        raise InputError(
            "a real-world-value map has no unit",
            where=where(file, "MeasurementUnitsCodeSequence"),
            remedy="export the series again with its quantitative scale",
        )
    for quantity in Quantity:
        same = {m.shown: m for m in found if m.quantity is quantity}
        if len(same) > 1 and quantity is not Quantity.OTHER:
            raise InputError(
                f"several maps to {quantity} are stated",
                found="; ".join(same),
                where=where(file, "RealWorldValueMappingSequence"),
                remedy="export the series with one",
            )
        if same:
            return next(iter(same.values()))
    return None


def unit_of(unit: Dataset, file: str) -> str:
    """UCUM code of a unit, or its meaning where it has none."""
    return text(unit, "CodeValue", file) or text(unit, "CodeMeaning", file)


def _kind(unit: Dataset, file: str) -> tuple[Quantity, float, str]:
    code = text(unit, "CodeValue", file)
    key = code if code.startswith("m") else code.lower()  # milli is not mega
    if key in _TO_BQ_PER_ML:
        return Quantity.ACTIVITY, _TO_BQ_PER_ML[key], "Bq/ml"
    if key in _COUNTS:
        return Quantity.COUNTS, 1.0, "counts"
    if key in _COUNT_RATE:
        return Quantity.COUNT_RATE, 1.0, "counts/s"
    return Quantity.OTHER, 1.0, code or text(unit, "CodeMeaning", file) or "no unit"


def mapping_of(item: Dataset, unit_item: Dataset, file: str) -> Mapping:
    """One map and its unit.

    Raises
    ------
    InputError
        If it has no range, no slope above 0, or a table that does not fit its range.
    """
    quantity, factor, unit = _kind(unit_item, file)
    tag = where(file, "RealWorldValueMappingSequence")
    remedy = "export the series again with its quantitative scale"
    first = _edge(item, "First", file)
    last = _edge(item, "Last", file)
    slope, intercept = number(item, "RealWorldValueSlope", file), number(item, "RealWorldValueIntercept", file)
    values = raw(item, "RealWorldValueLUTData", file)
    if first is None or last is None or last < first:
        raise InputError("the real-world-value map has no range", where=tag, remedy=remedy)
    if values is not None:
        table = np.asarray(list(values), dtype=np.float64)
        if len(table) != int(last - first) + 1 or not np.all(np.isfinite(table)):
            raise InputError("the table of the real-world-value map does not fit its range", where=tag, remedy=remedy)
        return Mapping(int(first), int(last), 1.0, 0.0, table, factor, quantity, unit)
    if slope is None or intercept is None or not slope > 0:
        raise InputError("the real-world-value map has no slope above 0, or no intercept", where=tag, remedy=remedy)
    return Mapping(int(first), int(last), slope, intercept, None, factor, quantity, unit)


def _edge(item: Dataset, end: str, file: str) -> float | None:
    """First or last value mapped; as a floating-point number where the stored values are (PS3.3 C.7.6.16.2.11)."""
    whole = number(item, f"RealWorldValue{end}ValueMapped", file)
    return whole if whole is not None else number(item, f"DoubleFloatRealWorldValue{end}ValueMapped", file)
