"""Exports of other systems read as a cohort: CDISC SDTM TU/TR/RS with DM, and REDCap.

Sources: CDISC SDTM Implementation Guide 3.3 (TU, TR, RS: TULNKID/TRLNKID link a lesion to its results, TRTESTCD ``LDIAM`` and
``SAXIS`` diameters, ``SUMDIAM`` their sum); REDCap CSV export (``redcap_event_name``, ``___n`` checkbox columns).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from neorlt.cohorts.dictionary import BY_NAME, FOLLOW_UPS
from neorlt.cohorts.reading import Cohort, TableError, build_cohort, read_rows
from neorlt.core.errors import InputError

LENGTHS = {"mm": 1.0, "cm": 10.0}


def _records(path: Path, needed: Sequence[str]) -> list[dict[str, str]]:
    header, rows = read_rows(path)
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError(
            "columns are missing",
            expected=", ".join(needed),
            found=", ".join(header),
            where=Path(path).name,
            remedy="export the whole domain",
        )
    return [dict(zip(header, row, strict=True)) for row in rows]


def sdtm_sums(tr: Path, tu: Path | None = None) -> dict[str, dict[str, float]]:
    """Sum of target diameters by subject and date (mm).

    Recorded sums (``SUMDIAM``) win; else the diameters of lesions that TU calls ``TARGET`` are summed (long for ``LDIAM``,
    short axis for ``SAXIS``), only for visits at which every target was measured.

    Raises
    ------
    TableError
        With each row whose number or unit cannot be read.
    InputError
        If a column is missing.
    """
    targets: dict[str, set[str]] = {}
    if tu is not None:
        for row in _records(tu, ("USUBJID", "TULNKID", "TUORRES")):
            if row["TUORRES"].strip().upper() == "TARGET":
                targets.setdefault(row["USUBJID"], set()).add(row["TULNKID"])
    sums: dict[str, dict[str, float]] = {}
    lesions: dict[str, dict[str, dict[str, float]]] = {}
    problems = []
    for number, row in enumerate(_records(tr, ("USUBJID", "TRTESTCD", "TRSTRESN", "TRSTRESU", "TRDTC")), 2):
        code = row["TRTESTCD"].strip().upper()
        if code not in ("SUMDIAM", "LDIAM", "SAXIS", "LPERP"):
            continue
        unit = row["TRSTRESU"].strip().lower()
        try:
            size = float(row["TRSTRESN"]) * LENGTHS[unit]
        except ValueError:
            problems.append(f"row {number}, TRSTRESN: {row['TRSTRESN']!r} is not a number")
            continue
        except KeyError:
            problems.append(f"row {number}, TRSTRESU: {unit!r} is not mm or cm (mixed units)")
            continue
        if size < 0:
            problems.append(f"row {number}, TRSTRESN: {size:g} is negative")
            continue
        subject, day = row["USUBJID"], row["TRDTC"][:10]
        if code == "SUMDIAM":
            sums.setdefault(subject, {})[day] = size
        elif code in ("LDIAM", "SAXIS"):
            link = row.get("TRLNKID", "")
            if tu is None or link in targets.get(subject, set()):
                lesions.setdefault(subject, {}).setdefault(day, {})[link] = size
    if problems:
        raise TableError(problems, Path(tr).name)
    for subject, days in lesions.items():
        every = targets.get(subject) or set().union(*(set(found) for found in days.values()))
        for day, found in days.items():
            if every <= set(found):
                sums.setdefault(subject, {}).setdefault(day, sum(found.values()))
    return sums


def sdtm_responses(rs: Path) -> dict[str, dict[str, str]]:
    """Overall responses (``OVRLRESP``) by subject and date."""
    found: dict[str, dict[str, str]] = {}
    for row in _records(rs, ("USUBJID", "RSTESTCD", "RSSTRESC", "RSDTC")):
        if row["RSTESTCD"].strip().upper() == "OVRLRESP":
            found.setdefault(row["USUBJID"], {})[row["RSDTC"][:10]] = row["RSSTRESC"].strip().upper()
    return found


def read_sdtm(
    dm: Path, tr: Path, *, tu: Path | None = None, rs: Path | None = None, arm_of: Mapping[str, str] | None = None
) -> Cohort:
    """A cohort from CDISC SDTM domains.

    Parameters
    ----------
    dm
        Demographics with ``USUBJID``, ``AGE``, ``SEX``, ``ARM``, ``RFSTDTC`` and ``RFENDTC``; ``DTHFL`` where known.
    tr, tu, rs
        Tumour results; identification of targets; responses, whose first progression becomes the recurrence date and
        whose ``PD`` by a new lesion cannot be told apart, so a sum decides where there is one.
    arm_of
        ``ARM`` to ``"rlt"`` or ``"upfront_surgery"``; left out, ``ARM`` must hold these words.

    Raises
    ------
    InputError, TableError
        As :func:`neorlt.cohorts.reading.read_cohort`.
    """
    sums = sdtm_sums(tr, tu)
    responses = sdtm_responses(rs) if rs is not None else {}
    header = ["patient_id", "group", "age_y", "sex", "baseline_date", "last_date", "died", "recurrence_date", "sum_before_mm"]
    header += [f"fu{k}_{what}" for k in range(1, FOLLOW_UPS + 1) for what in ("date", "sum_mm")]
    rows = []
    for record in _records(dm, ("USUBJID", "AGE", "SEX", "ARM", "RFSTDTC", "RFENDTC")):
        subject = record["USUBJID"]
        days = sorted(sums.get(subject, {}).items())
        if len(days) > FOLLOW_UPS + 1:
            raise InputError(
                "a subject has more scans than a cohort table holds",
                expected=f"at most {FOLLOW_UPS} after baseline",
                found=str(len(days) - 1),
                where=Path(tr).name,
                remedy="keep the scans until surgery",
            )
        progressed = sorted(day for day, code in responses.get(subject, {}).items() if code == "PD")
        arm = record["ARM"] if arm_of is None else arm_of.get(record["ARM"], record["ARM"])
        row = [
            subject,
            arm,
            record["AGE"],
            record["SEX"],
            record["RFSTDTC"][:10],
            record["RFENDTC"][:10],
            "yes" if record.get("DTHFL", "").upper() == "Y" else "no",
            progressed[0] if progressed else "",
            f"{days[0][1]:g}" if days else "",
        ]
        for k in range(1, FOLLOW_UPS + 1):
            row += [days[k][0], f"{days[k][1]:g}"] if k < len(days) else ["", ""]
        rows.append(row)
    return build_cohort(header, rows, Path(dm).name)


def read_redcap(path: Path, names: Mapping[str, str] | None = None) -> Cohort:
    """A cohort from a REDCap export (raw values, one record a patient).

    Parameters
    ----------
    path
        CSV with ``record_id`` first; repeated events of a record are merged where they do not contradict each other.
    names
        REDCap variable to the data dictionary's column; variables that already bear its name need no entry.

    Raises
    ------
    InputError, TableError
        If two events of a record hold different values for one variable, or as for any table.
    """
    header, rows = read_rows(path)
    if "record_id" not in header:
        raise InputError(
            "this is not a REDCap export",
            expected="a column record_id",
            found=", ".join(header[:8]),
            where=Path(path).name,
            remedy="export raw data with the record id",
        )
    mapping = {"record_id": "patient_id", **(names or {})}
    columns = [mapping.get(name, name) for name in header]
    merged: dict[str, dict[str, str]] = {}
    problems = []
    for number, row in enumerate(rows, 2):
        record = dict(zip(columns, row, strict=True))
        patient = merged.setdefault(record["patient_id"], {})
        for name, value in record.items():
            if name not in BY_NAME or not value:
                continue
            if patient.get(name, value) != value:
                problems.append(f"row {number}, {name}: {value!r} contradicts {patient[name]!r} of another event of this record")
            patient.setdefault(name, value)
    if problems:
        raise TableError(problems, Path(path).name)
    kept = [name for name in dict.fromkeys(columns) if name in BY_NAME]
    cohort = build_cohort(kept, [[patient.get(name, "") for name in kept] for patient in merged.values()], Path(path).name)
    unused = tuple(name for name in columns if name not in BY_NAME and name != "redcap_event_name")
    warnings = (f"variables without a meaning here were not used: {', '.join(unused)}",) if unused else ()
    return Cohort(cohort.columns, warnings, cohort.name, unused)
