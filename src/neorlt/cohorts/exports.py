"""Exports of other systems as one grid, a row a patient: REDCap with repeated instruments, and CDISC SDTM domains.

Sources: CDISC SDTM Implementation Guide 3.3 (TU, TR, RS: TULNKID/TRLNKID link a lesion to its results, TRTESTCD ``LDIAM`` and
``SAXIS`` diameters, ``SUMDIAM`` their sum); REDCap CSV export (``redcap_event_name``, ``redcap_repeat_instrument`` and
``redcap_repeat_instance``, ``___n`` checkbox columns) and its data dictionary (``Variable / Field Name``, ``Choices, …``).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from neorlt.cohorts.cohort import Cohort, TableError
from neorlt.cohorts.dictionary import FOLLOW_UPS, spec_for
from neorlt.cohorts.grid import Grid, read_grid
from neorlt.cohorts.mapping import apply_map, identity_map
from neorlt.core.errors import InputError

LENGTHS = {"mm": 1.0, "cm": 10.0}
REDCAP_ASIDE = frozenset({"redcap_event_name", "redcap_repeat_instrument", "redcap_repeat_instance", "redcap_data_access_group",
                          "redcap_survey_identifier"})


def read_source(path: Path, settings: Mapping[str, object] | None = None, dictionary: Path | None = None) -> Grid:
    """The grid of a file, a REDCap export (with its data dictionary, if given) or a folder of SDTM domains."""
    path = Path(path)
    if path.is_dir():
        return sdtm_grid(path)
    grid = read_grid(path, settings)
    if dictionary is not None or REDCAP_ASIDE & set(grid.header):
        return redcap_grid(grid, dictionary)
    return grid


def _domain(folder: Path, name: str) -> Path | None:
    for suffix in (".csv", ".xpt", ".xlsx"):
        for candidate in (folder / f"{name}{suffix}", folder / f"{name.upper()}{suffix}"):
            if candidate.is_file():
                return candidate
    return None


def sdtm_grid(folder: Path) -> Grid:
    """The SDTM domains DM and TR (with TU and RS where they are there) of a folder as one row a subject.

    Raises
    ------
    InputError
        If DM or TR is missing.
    """
    found = {name: _domain(folder, name) for name in ("dm", "tr", "tu", "rs")}
    dm, tr = found["dm"], found["tr"]
    if dm is None or tr is None:
        raise InputError("this folder holds no SDTM study", expected="dm and tr as .csv or .xpt",
                         found=", ".join(sorted(p.name for p in Path(folder).iterdir())[:8]), where=Path(folder).name,
                         remedy="export the domains DM, TR, TU and RS into one folder")
    return _sdtm(dm, tr, found["tu"], found["rs"])


def _records(path: Path, needed: Sequence[str]) -> list[tuple[int, dict[str, str]]]:
    grid = read_grid(path)
    header = [name.upper() for name in grid.header]
    missing = [name for name in needed if name not in header]
    if missing:
        raise InputError("columns are missing", expected=", ".join(needed), found=", ".join(header), where=Path(path).name,
                         remedy="export the whole domain")
    return [(row, dict(zip(header, cells, strict=True))) for row, cells in zip(grid.rows_at, grid.rows, strict=True)]


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
        for _, row in _records(tu, ("USUBJID", "TULNKID", "TUORRES")):
            if row["TUORRES"].strip().upper() == "TARGET":
                targets.setdefault(row["USUBJID"], set()).add(row["TULNKID"])
    sums: dict[str, dict[str, float]] = {}
    lesions: dict[str, dict[str, dict[str, float]]] = {}
    problems = []
    for number, row in _records(tr, ("USUBJID", "TRTESTCD", "TRSTRESN", "TRSTRESU", "TRDTC")):
        code = row["TRTESTCD"].strip().upper()
        if code not in ("SUMDIAM", "LDIAM", "SAXIS", "LPERP"):
            continue
        unit = row["TRSTRESU"].strip().lower()
        if not row["TRSTRESN"] and row.get("TRSTAT", "").strip().upper() == "NOT DONE":
            continue
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
    for _, row in _records(rs, ("USUBJID", "RSTESTCD", "RSSTRESC", "RSDTC")):
        if row["RSTESTCD"].strip().upper() == "OVRLRESP":
            found.setdefault(row["USUBJID"], {})[row["RSDTC"][:10]] = row["RSSTRESC"].strip().upper()
    return found


def _sdtm(dm: Path, tr: Path, tu: Path | None, rs: Path | None, arm_of: Mapping[str, str] | None = None) -> Grid:
    sums = sdtm_sums(tr, tu)
    responses = sdtm_responses(rs) if rs is not None else {}
    header = ["patient_id", "group", "age_y", "sex", "baseline_date", "last_date", "died", "recurrence_date", "sum_before_mm"]
    header += [f"fu{k}_{what}" for k in range(1, FOLLOW_UPS + 1) for what in ("date", "sum_mm")]
    rows, rows_at = [], []
    for number, record in _records(dm, ("USUBJID", "AGE", "SEX", "ARM", "RFSTDTC", "RFENDTC")):
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
        died = record.get("DTHFL", "").upper()
        row = [
            subject, arm, record["AGE"], record["SEX"], record["RFSTDTC"][:10], (record.get("DTHDTC") or record["RFENDTC"])[:10],
            "yes" if died == "Y" else "no", progressed[0] if progressed else "", f"{days[0][1]:g}" if days else "",
        ]
        for k in range(1, FOLLOW_UPS + 1):
            row += [days[k][0], f"{days[k][1]:g}"] if k < len(days) else ["", ""]
        rows.append(tuple(row))
        rows_at.append(number)
    notes = ("SDTM: DTHFL that is not Y counts as alive at RFENDTC (the standard leaves it empty then)",)
    used = [k for k, name in enumerate(header) if not name.startswith("fu") or any(row[k] for row in rows)]
    return Grid(dm.name, "sdtm", tuple(header[k] for k in used), tuple(tuple(row[k] for k in used) for row in rows), tuple(rows_at), notes)


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
    grid = _sdtm(dm, tr, tu, rs, arm_of)
    return apply_map(grid, identity_map(grid))


def redcap_grid(grid: Grid, dictionary: Path | None = None, names: Mapping[str, str] | None = None) -> Grid:
    """A REDCap export as one row a record.

    Rows of repeated instruments become columns ``variable#instance``, numbered in the order of their date where the instrument
    has one; a variable that differs between events becomes ``variable#event``, except where it bears a name of the data
    dictionary (its own or by ``names``), of which a record has one. Choices of the data dictionary become value
    labels, so that codes are read by their words.

    Raises
    ------
    InputError
        If there is no record id, or an instance appears twice.
    TableError
        If rows of one record hold different values for a variable that nothing tells apart.
    """
    record = grid.header[0] if "record_id" not in grid.header else "record_id"
    if record not in grid.header or (dictionary is None and "record_id" not in grid.header):
        raise InputError("this is not a REDCap export", expected="a column record_id", found=", ".join(grid.header[:8]), where=grid.name,
                         remedy="export raw data with the record id")
    labels, values = _redcap_dictionary(dictionary) if dictionary is not None else ({}, {})
    variables = [name for name in grid.header if name not in REDCAP_ASIDE and name != record]
    columns = {name: k for k, name in enumerate(grid.header)}

    def cell(row: Sequence[str], name: str) -> str:
        return row[columns[name]] if name in columns else ""

    repeated: dict[str, dict[str, list[tuple[str, Sequence[str], int]]]] = {}
    single: dict[str, dict[str, dict[str, tuple[str, int]]]] = {}
    first_row: dict[str, int] = {}
    for row, number in zip(grid.rows, grid.rows_at, strict=True):
        key = row[columns[record]]
        first_row.setdefault(key, number)
        instrument = cell(row, "redcap_repeat_instrument") or ("event" if cell(row, "redcap_repeat_instance") else "")
        if instrument:
            repeated.setdefault(instrument, {}).setdefault(key, []).append((cell(row, "redcap_repeat_instance"), row, number))
            continue
        event = cell(row, "redcap_event_name")
        for name in variables:
            if cell(row, name):
                seen = single.setdefault(name, {}).setdefault(key, {})
                one = name in (names or {}) or spec_for(name) is not None
                other = next(iter(seen.values()), None) if one else seen.get(event)
                if other is not None and other[0] != cell(row, name):
                    raise TableError([f"row {number}, {name}: {cell(row, name)!r} contradicts {other[0]!r} of row {other[1]} "
                                      "(the same record)"], grid.name, "correct one of the two rows")
                seen.setdefault(event, (cell(row, name), number))
    made: dict[str, dict[str, str]] = {}
    for name in variables:
        by_record = single.get(name)
        if not by_record:
            continue
        if all(len({value for value, _ in events.values()}) == 1 for events in by_record.values()):
            made[name] = {key: next(iter(events.values()))[0] for key, events in by_record.items()}
        elif "redcap_event_name" in grid.header:
            for event in dict.fromkeys(e for events in by_record.values() for e in events):
                short = re.sub(r"_arm_\d+$", "", event)
                made[f"{name}#{short}"] = {key: events[event][0] for key, events in by_record.items() if event in events}
    notes = []
    for instrument, of_record in repeated.items():
        held = [name for name in variables if any(cell(row, name) for rows in of_record.values() for _, row, _ in rows)]
        dated = next((name for name in held if "date" in name.lower() or "data" in name.lower()), None)
        for key, rows in of_record.items():
            instances = [instance for instance, _, _ in rows]
            if len(set(instances)) < len(instances):
                raise InputError("an instance of a repeated instrument appears twice", found=f"{instrument} {instances}",
                                 where=f"{grid.name}, row {rows[-1][2]}", remedy="export each instance once")
            order = sorted(rows, key=lambda item: (cell(item[1], dated) if dated else "", int(item[0] or 0)))
            for k, (_, cells, _) in enumerate(order, 1):
                for name in held:
                    if cell(cells, name):
                        made.setdefault(f"{name}#{k}", {})[key] = cell(cells, name)
        most = max(len(rows) for rows in of_record.values())
        notes.append(f"the repeated instrument {instrument} (up to {most} times) was numbered "
                     + (f"in the order of {dated}" if dated else "by its instance"))
    keys = list(first_row)
    header = (record, *made)
    rows_out = tuple((key, *(made[name].get(key, "") for name in made)) for key in keys)
    own = {name: name.split("#")[0] for name in header}
    return replace(
        grid, kind="redcap", header=header, rows=rows_out, rows_at=tuple(first_row[key] for key in keys), notes=(*grid.notes, *notes),
        labels={name: f"{labels[base]} #{name.partition('#')[2]}".strip(" #") for name, base in own.items() if base in labels},
        values={name: values[base] for name, base in own.items() if base in values},
    )


def _redcap_dictionary(path: Path) -> tuple[dict[str, str], dict[str, dict[str, str]]]:
    grid = read_grid(path)
    names = {name.lower(): name for name in grid.header}
    variable = next((names[key] for key in names if key.startswith("variable")), None)
    label = next((names[key] for key in names if key.startswith("field label")), None)
    choices = next((names[key] for key in names if key.startswith("choices")), None)
    kind = next((names[key] for key in names if key.startswith("field type")), None)
    if variable is None or choices is None or kind is None:
        raise InputError("this is no REDCap data dictionary", expected="Variable / Field Name, Field Type, Choices, …",
                         found=", ".join(grid.header[:6]), where=path.name, remedy="download it from REDCap's Dictionary page")
    labels, values = {}, {}
    for name, words, text, field_type in zip(
        grid.column(variable), grid.column(label) if label else ("",) * len(grid.rows), grid.column(choices), grid.column(kind), strict=True
    ):
        if words:
            labels[name] = re.sub(r"<[^>]+>", "", words)
        if field_type in ("radio", "dropdown") and text:
            pairs = [part.split(",", 1) for part in text.split("|") if "," in part]
            values[name] = {code.strip(): meaning.strip() for code, meaning in pairs}
        elif field_type in ("yesno", "truefalse"):
            values[name] = {"1": "yes", "0": "no"}
    return labels, values


def read_redcap(path: Path, names: Mapping[str, str] | None = None, dictionary: Path | None = None) -> Cohort:
    """A cohort from a REDCap export (raw values).

    Parameters
    ----------
    path
        CSV with ``record_id``; rows of events and repeated instruments are brought together, see :func:`redcap_grid`.
    names
        REDCap variable to the data dictionary's column; variables that already bear its name need no entry.
    dictionary
        REDCap's data dictionary.

    Raises
    ------
    InputError, TableError
        If two rows of a record contradict each other, or as for any table.
    """
    grid = redcap_grid(read_grid(Path(path)), dictionary, names)
    wanted = {"record_id": "patient_id", **(names or {})}
    plain = identity_map(grid)
    columns = tuple(replace(c, target=wanted[c.source]) if c.source in wanted else c for c in plain.columns)
    return apply_map(grid, replace(plain, columns=columns))


