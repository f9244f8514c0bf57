"""One cell of a table as it comes, understood: numbers with decimal commas, censored values, dates of a stated order, codes.

A cell is understood or refused with the reason; nothing is guessed here. Guesses are made once for a whole column by
:mod:`neorlt.cohorts.guessing`, and stand in the map for a person to see.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Literal

from neorlt.cohorts.dictionary import Field

Censored = Literal["bounds", "limit", "half", "refuse"]
DateOrder = Literal["ymd", "dmy", "mdy", "excel", "excel1904", "?"]
MONTHS = {
    name: number
    for number, names in enumerate((
        "jan gen janv ene", "feb fev fevr febr", "mar marz marzo maerz mars", "apr avr abr", "may mag mai mayo", "jun giu juin",
        "jul lug juil", "aug ago aout", "sep set sept", "oct ott okt", "nov", "dec dic dez"), 1)
    for name in names.split()
}
UNITS: dict[str, dict[str, float]] = {
    "mm": {"mm": 1.0, "cm": 10.0}, "%": {"%": 1.0, "pct": 1.0, "percent": 1.0}, "GBq": {"gbq": 1.0, "mbq": 0.001},
    "g/dl": {"g/dl": 1.0, "g/l": 0.1}, "year": {"y": 1.0, "yr": 1.0, "years": 1.0, "anni": 1.0, "jahre": 1.0, "ans": 1.0},
    "degree": {"°": 1.0, "deg": 1.0, "gradi": 1.0},
}
"""Units that may stand in a cell, by the unit of the column, with the factor to it."""
OTHER_UNITS = frozenset(unit for units in UNITS.values() for unit in units)
_NUMBER = r"[-+]?(?:\d[\d.,' ]*\d|\d|[.,]\d+)"
_CENSORED = re.compile(rf"^(<=|>=|=<|=>|<|>|≤|≥)\s*({_NUMBER})$")
_RANGE = re.compile(rf"^({_NUMBER})\s*(?:-|–|—|to|a|bis|à)\s*({_NUMBER})$")
EXCEL_EPOCHS = {"excel": date(1899, 12, 30), "excel1904": date(1904, 1, 1)}
"""Day 0 of Excel's day numbers, by the date system of the book."""
MARKS = str.maketrans({"−": "-", "\u00a0": " ", "\u202f": " ", "\u2009": " ", "’": "'"})
EARLIEST, LATEST = date(1900, 1, 1), date(2100, 1, 1)


@dataclass(frozen=True)
class Value:
    """A number, and the interval it lies in where the cell gives only that (``exact`` is then NaN)."""

    exact: float
    low: float
    high: float


def plain_number(text: str, decimal: str = ".", *, grouped: bool = False) -> float:
    """A number with this decimal mark; groups of three digits by the other mark, a space or an apostrophe are thousands.

    ``29.600`` under a decimal comma is refused, as it may be a decimal point, unless a person has settled it (``grouped``).

    Raises
    ------
    ValueError
        If it is not one.
    """
    body = text.strip().translate(MARKS)
    other = "," if decimal == "." else "."
    if not re.fullmatch(r"[-+]?[\d.,' ]+(?:[eE][-+]?\d+)?", body) or not re.search(r"\d", body):
        raise ValueError(f"{text!r} is not a number")
    whole, mark, fraction = body.partition(decimal)
    if decimal in fraction:
        raise ValueError(f"{text!r} has two decimal marks")
    if re.search(r"[,.' ]", whole):
        bare = mark == "" and other in whole and not grouped
        if bare or decimal in whole or not re.fullmatch(r"[-+]?\d{1,3}(?:([,.' ])\d{3})(?:\1\d{3})*", whole):
            raise ValueError(_other_mark(text, decimal))
        whole = re.sub(r"[,.' ]", "", whole)
    if re.search(r"[,' ]", fraction):
        raise ValueError(_other_mark(text, decimal))
    value = float(f"{whole}.{fraction}" if mark else whole)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is not finite")
    return value


def _other_mark(text: str, decimal: str) -> str:
    return f"{text!r} is not a number: write a decimal {'point' if decimal == '.' else 'comma'}"


def read_number(
    text: str, spec: Field, *, decimal: str = ".", factor: float = 1.0, censored: Censored = "bounds", units_in_cells: bool = True,
    grouped: bool = False,
) -> Value:
    """A number cell of a column, in the dictionary's unit and range; ``<3`` and ``10-15`` give an interval.

    Raises
    ------
    ValueError
        With what is wrong.
    """
    body = text.strip()

    def scaled(part: str) -> float:
        return _scaled(part, spec, decimal, factor, units_in_cells, grouped)

    found = _CENSORED.match(body)
    if found:
        if censored == "refuse":
            raise ValueError(f"{text!r} is no single value")
        sign, limit = found.group(1), scaled(found.group(2))
        low_end, high_end = spec.low if spec.low is not None else -math.inf, spec.high if spec.high is not None else math.inf
        if "<" in sign or sign == "≤":
            low, high = low_end, limit if sign in ("<=", "=<", "≤") else math.nextafter(limit, -math.inf)
            exact = {"bounds": math.nan, "limit": limit, "half": limit / 2.0}[censored]
        else:
            low, high = limit if sign in (">=", "=>", "≥") else math.nextafter(limit, math.inf), high_end
            exact = math.nan if censored in ("bounds", "half") else limit
        if low > high:
            raise ValueError(f"{text!r} lies outside {low_end:g} to {high_end:g} {spec.unit}".rstrip())
        return Value(exact, low, high)
    found = _RANGE.match(body)
    if found and not body.startswith(("-", "+")):
        low, high = (scaled(part) for part in found.groups())
        if censored == "refuse" or low > high:
            raise ValueError(f"{text!r} is no single value")
        return Value(math.nan if censored == "bounds" else (low + high) / 2.0, low, high)
    value = scaled(body)
    return Value(value, value, value)


def _scaled(text: str, spec: Field, decimal: str, factor: float, units_in_cells: bool, grouped: bool) -> float:
    text = text.translate(MARKS)
    body, unit = text.strip(), re.fullmatch(rf"({_NUMBER})\s*([^\d\s.,'+-].*)", text.strip())
    if unit:
        known = UNITS.get(spec.unit, {})
        key = unit.group(2).strip().lower()
        if not units_in_cells and (key in known or key in OTHER_UNITS):
            raise ValueError(f"{text!r} carries a unit: give plain numbers in {spec.unit or 'plain counts'} (mixed units)")
        if key not in known:
            raise ValueError(f"{text!r} is not a number{f' of {spec.unit}' if spec.unit else ''}")
        body, factor = unit.group(1), known[key]
    value = plain_number(body, decimal, grouped=grouped) * factor
    low, high = spec.low, spec.high
    if low is not None and value < 0 <= low:
        raise ValueError(f"{value:g} is negative")
    if (low is not None and value < low) or (high is not None and value > high):
        for scale, name in spec.look_alikes:
            if (low is None or low <= value * scale) and (high is None or value * scale <= high):
                raise ValueError(f"{value:g} looks like {name} where {spec.unit} is due (mixed units)")
        raise ValueError(f"{value:g} is outside {low:g} to {high:g} {spec.unit}".rstrip())
    if spec.kind == "integer" and value != round(value):
        raise ValueError(f"{value:g} is not a whole number")
    return value


def date_parts(text: str) -> tuple[int, int, int] | None:
    """The three numbers of a date in the order written (a month's name as its number), None if it is no full date."""
    body = text.strip().split("T")[0]
    body = re.sub(r"\s+\d{1,2}:\d{2}(:\d{2})?(\.\d+)?$", "", body)
    if re.fullmatch(r"\d{8}", body):
        return int(body[:4]), int(body[4:6]), int(body[6:])
    parts = [part for part in re.split(r"[-/. ]+", body) if part]
    if len(parts) != 3:
        return None
    numbers = []
    for part in parts:
        if part.isdigit():
            numbers.append(int(part))
        else:
            key = part.lower().replace("é", "e").replace("û", "u").replace("ä", "ae")
            month = MONTHS.get(key) or MONTHS.get(key[:4]) or MONTHS.get(key[:3])
            if month is None:
                return None
            numbers.append(month)
    return numbers[0], numbers[1], numbers[2]


def read_date(text: str, order: DateOrder = "ymd", today: date | None = None) -> date:
    """A date written in this order; years of two digits are the latest that do not lie in the future.

    Raises
    ------
    ValueError
        If it is not a full date that exists.
    """
    body = text.strip()
    if order in EXCEL_EPOCHS and re.fullmatch(r"\d{4,6}(\.0+)?", body):
        day = EXCEL_EPOCHS[order] + timedelta(days=int(float(body)))
    else:
        parts = date_parts(body)
        if parts is None:
            raise ValueError(f"{text!r} is not a full date: give day, month and year")
        named = re.match(r"\s*[^\W\d]", body) is not None  # a month's name first settles the order
        if parts[0] > 31:
            year, month, number = parts
        elif named:
            month, number, year = parts
        elif order == "dmy" or order in EXCEL_EPOCHS:
            number, month, year = parts
        elif order == "mdy":
            month, number, year = parts
        elif re.search(r"[^\W\d]", body):
            number, month, year = parts
        elif order == "ymd":
            raise ValueError(f"{text!r} is not a date YYYY-MM-DD")
        else:
            raise ValueError(f"{text!r}: the order of day and month is not known")
        if year < 100:
            now = (today or date.today()).year
            year += 2000 if year + 2000 <= now else 1900
        try:
            day = date(year, month, number)
        except ValueError:
            raise ValueError(f"{text!r} is not a date that exists") from None
    if not EARLIEST <= day <= LATEST:
        raise ValueError(f"{text} is not a likely date")
    return day
