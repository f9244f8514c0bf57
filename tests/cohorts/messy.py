"""Eight exports as centres send them, made from one small synthetic truth; every patient is invented.

``TRUTH`` is what each of them must be read as. ``EDITS`` are the one hand edit that a map may need.
"""

import csv
import datetime as dt
import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

N = 24


def truth() -> list[dict[str, Any]]:
    rng = random.Random(20261128)
    rows = []
    for i in range(N):
        baseline = dt.date(2013, 1, 24) + dt.timedelta(days=rng.randrange(900))
        rlt = i % 3 != 0
        surgery = baseline + dt.timedelta(days=rng.randrange(250, 400) if rlt else rng.randrange(20, 60)) if i % 5 else None
        died = i % 7 == 0
        last = baseline + dt.timedelta(days=rng.randrange(700, 2200))
        rows.append(
            {
                "id": f"P{i + 1:02d}",
                "group": "rlt" if rlt else "upfront_surgery",
                "age": rng.randrange(35, 80),
                "sex": "FM"[rng.randrange(2)],
                "site": ("head", "body", "tail")[rng.randrange(3)],
                "baseline": baseline,
                "surgery": surgery,
                "last": last,
                "died": died,
                "size": rng.randrange(120, 900) / 10,
                "ki67": rng.randrange(10, 190) / 10,
                "margin": ("R0", "R1")[rng.randrange(2)] if surgery else "",
                "sum": rng.randrange(200, 1200) / 10,
                "scan": baseline + dt.timedelta(days=100 + i),
                "scan_sum": rng.randrange(100, 1000) / 10,
                "new": i % 11 == 0,
                "nodes": bool(i % 2),
            }
        )
    rows[3]["ki67"] = "<3"
    rows[4]["ki67"] = "10-15"
    rows[5]["ki67"] = None
    rows[6]["age"] = None
    return rows


TRUTH = truth()


def _date(day: dt.date | None, form: str) -> str:
    return "" if day is None else day.strftime(form)


def _comma(value: Any) -> str:
    return "" if value is None else str(value).replace(".", ",")


def italian_excel(folder: Path) -> Path:
    """cp1252, semicolons, gg/mm/aaaa, decimal commas, sì/no, "<3", "10-15"."""
    head = [
        "Codice paziente",
        "Braccio",
        "Età (anni)",
        "Sesso",
        "Sede tumore",
        "Data diagnosi",
        "Data intervento",
        "Data ultimo follow-up",
        "Deceduto",
        "Diametro max (mm)",
        "Ki67 pre (%)",
        "Linfonodi positivi",
    ]
    sites = {"head": "testa", "body": "corpo", "tail": "coda"}
    rows = [
        [
            r["id"],
            "PRRT" if r["group"] == "rlt" else "Chirurgia",
            r["age"] if r["age"] else "n.d.",
            {"F": "femmina", "M": "maschio"}[r["sex"]],
            sites[r["site"]],
            _date(r["baseline"], "%d/%m/%Y"),
            _date(r["surgery"], "%d/%m/%Y"),
            _date(r["last"], "%d/%m/%Y"),
            "sì" if r["died"] else "no",
            _comma(r["size"]),
            _comma(r["ki67"]),
            "sì" if r["nodes"] else "no",
        ]
        for r in TRUTH
    ]
    return _csv(folder / "italian.csv", head, rows, ";", "cp1252")


def excel_leftovers(folder: Path) -> Path:
    """``sep=;``, a mark of UTF-8, two empty columns and empty rows at the end, month first, sizes in cm."""
    head = [
        "id",
        "arm",
        "age",
        "sex",
        "diagnosis date",
        "date of surgery",
        "last contact",
        "dead",
        "tumor size (cm)",
        "MIB-1 before",
        "",
        "",
    ]
    rows = [
        [
            r["id"],
            {"rlt": "Lu-177", "upfront_surgery": "Upfront"}[r["group"]],
            r["age"] or "",
            r["sex"],
            _date(r["baseline"], "%m/%d/%Y"),
            _date(r["surgery"], "%m/%d/%Y"),
            _date(r["last"], "%m/%d/%Y"),
            "Y" if r["died"] else "N",
            f"{r['size'] / 10:.2f}",
            r["ki67"] if r["ki67"] is not None else "",
            "",
            "",
        ]
        for r in TRUTH
    ]
    return _csv(folder / "leftovers.csv", head, [*rows, [""] * 12, [""] * 12], ";", "utf-8-sig", "sep=;\r\n")


def german_tabs(folder: Path) -> Path:
    """Tabs, UTF-16, TT.MM.JJJJ, decimal commas, ja/nein, weiblich."""
    head = [
        "Pat-Nr",
        "Gruppe",
        "Alter",
        "Geschlecht",
        "Datum Baseline",
        "OP-Datum",
        "Letzter Kontakt",
        "verstorben",
        "Größe mm",
        "Ki-67 vor",
    ]
    rows = [
        [
            r["id"],
            "PRRT" if r["group"] == "rlt" else "Operation",
            r["age"] or "unbekannt",
            {"F": "weiblich", "M": "männlich"}[r["sex"]],
            _date(r["baseline"], "%d.%m.%Y"),
            _date(r["surgery"], "%d.%m.%Y"),
            _date(r["last"], "%d.%m.%Y"),
            "ja" if r["died"] else "nein",
            _comma(r["size"]),
            _comma(r["ki67"]),
        ]
        for r in TRUTH
    ]
    return _csv(folder / "german.txt", head, rows, "\t", "utf-16")


def excel_book(folder: Path) -> Path:
    """.xlsx with a title above the header, a second sheet, real dates, a per cent format; margins without their rule."""
    import openpyxl

    book = openpyxl.Workbook()
    notes = book.active
    notes.title = "Note"
    notes.append(["PanNET"])
    sheet = book.create_sheet("Casistica")
    sheet.append(["Casistica PanNET, dati sintetici"])
    sheet.append([])
    sheet.append(
        [
            "ID",
            "Gruppo",
            "Età",
            "Sesso",
            "Data basale",
            "Data intervento",
            "Ultimo contatto",
            "Stato",
            "Dimensione (mm)",
            "Ki67 biopsia",
            "Margine",
        ]
    )
    for r in TRUTH:
        ki67 = r["ki67"] / 100 if isinstance(r["ki67"], float) else r["ki67"]
        sheet.append(
            [
                r["id"],
                "PRRT" if r["group"] == "rlt" else "chirurgia upfront",
                r["age"],
                r["sex"],
                r["baseline"],
                r["surgery"],
                r["last"],
                "deceduto" if r["died"] else "vivo",
                r["size"],
                ki67,
                r["margin"] or None,
            ]
        )
        sheet.cell(sheet.max_row, 10).number_format = "0.0%"
    path = folder / "casistica.xlsx"
    book.save(path)
    return path


def spss(folder: Path) -> Path:
    """.sav with value labels, 99 declared missing for age and undeclared for Ki-67."""
    import pandas as pd
    import pyreadstat

    frame = pd.DataFrame(
        {
            "pat": [r["id"] for r in TRUTH],
            "arm": [1.0 if r["group"] == "rlt" else 2.0 for r in TRUTH],
            "age": [float(r["age"] or 99) for r in TRUTH],
            "sex": [1.0 if r["sex"] == "M" else 2.0 for r in TRUTH],
            "basdate": [r["baseline"] for r in TRUTH],
            "opdate": [r["surgery"] for r in TRUTH],
            "fudate": [r["last"] for r in TRUTH],
            "exitus": [float(r["died"]) for r in TRUTH],
            "size": [r["size"] for r in TRUTH],
            "ki67": [r["ki67"] if isinstance(r["ki67"], float) else 99.0 for r in TRUTH],
        }
    )
    path = folder / "spss.sav"
    pyreadstat.write_sav(
        frame,
        str(path),
        column_labels={
            "pat": "Patient ID",
            "arm": "Group planned",
            "age": "Age",
            "sex": "Sex",
            "basdate": "Baseline date",
            "opdate": "Date of surgery",
            "fudate": "Last follow-up date",
            "exitus": "Died",
            "size": "Tumour size mm",
            "ki67": "Ki-67 before, %",
        },
        variable_value_labels={
            "arm": {1.0: "PRRT", 2.0: "Upfront surgery"},
            "sex": {1.0: "male", 2.0: "female"},
            "exitus": {1.0: "yes", 0.0: "no"},
        },
        missing_ranges={"age": [{"lo": 99, "hi": 99}]},
    )
    return path


def stata(folder: Path) -> Path:
    """.dta with value labels and dates as text day-month-year with the month's name."""
    import pandas as pd
    import pyreadstat

    frame = pd.DataFrame(
        {
            "id": [r["id"] for r in TRUTH],
            "group": [1 if r["group"] == "rlt" else 0 for r in TRUTH],
            "age": [r["age"] for r in TRUTH],
            "sex": [r["sex"] for r in TRUTH],
            "baseline_date": [_date(r["baseline"], "%d%b%Y") for r in TRUTH],
            "surgery_date": [_date(r["surgery"], "%d-%b-%Y") for r in TRUTH],
            "last_date": [_date(r["last"], "%d-%b-%Y") for r in TRUTH],
            "died": [int(r["died"]) for r in TRUTH],
            "size_before_mm": [r["size"] for r in TRUTH],
        }
    )
    frame["baseline_date"] = [_date(r["baseline"], "%d %b %Y") for r in TRUTH]
    path = folder / "stata.dta"
    pyreadstat.write_dta(frame, str(path), variable_value_labels={"group": {1: "Lu-177", 0: "surgery"}})
    return path


def redcap(folder: Path) -> Path:
    """REDCap: a data dictionary, an event for baseline, scans as a repeated instrument out of order."""
    words = ["Variable / Field Name", "Form Name", "Field Type", "Field Label", "Choices, Calculations, OR Slider Labels"]
    fields = [
        ["record_id", "base", "text", "Record ID", ""],
        ["strategy", "base", "radio", "Group", "1, PRRT then surgery | 2, Upfront surgery"],
        ["eta", "base", "text", "Age", ""],
        ["sesso", "base", "dropdown", "Sex", "1, Male | 2, Female"],
        ["d_base", "base", "text", "Baseline date", ""],
        ["d_op", "base", "text", "Date of surgery", ""],
        ["d_last", "base", "text", "Last follow-up date", ""],
        ["vital", "base", "radio", "Died", "1, Yes | 0, No"],
        ["sld", "base", "text", "Sum of diameters, mm", ""],
        ["scan_date", "imaging", "text", "Scan date", ""],
        ["scan_sld", "imaging", "text", "Follow-up sum", ""],
        ["scan_new", "imaging", "yesno", "New lesion", ""],
    ]
    _csv(folder / "dictionary.csv", words, fields, ",", "utf-8")
    head = [
        "record_id",
        "redcap_event_name",
        "redcap_repeat_instrument",
        "redcap_repeat_instance",
        "strategy",
        "eta",
        "sesso",
        "d_base",
        "d_op",
        "d_last",
        "vital",
        "sld",
        "scan_date",
        "scan_sld",
        "scan_new",
    ]
    rows = []
    for r in TRUTH:
        rows.append(
            [
                r["id"],
                "base_arm_1",
                "",
                "",
                1 if r["group"] == "rlt" else 2,
                r["age"] or "",
                1 if r["sex"] == "M" else 2,
                _date(r["baseline"], "%Y-%m-%d"),
                _date(r["surgery"], "%Y-%m-%d"),
                _date(r["last"], "%Y-%m-%d"),
                int(r["died"]),
                r["sum"],
                "",
                "",
                "",
            ]
        )
        later = r["scan"] + dt.timedelta(days=90)
        rows.append([r["id"], "base_arm_1", "imaging", 1, *[""] * 8, _date(later, "%Y-%m-%d"), r["scan_sum"] + 5, 0])
        rows.append([r["id"], "base_arm_1", "imaging", 2, *[""] * 8, _date(r["scan"], "%Y-%m-%d"), r["scan_sum"], int(r["new"])])
    return _csv(folder / "redcap.csv", head, rows, ",", "utf-8")


def sdtm(folder: Path) -> Path:
    """SDTM: DM, TU, TR in cm and mm, a target that was not measured at one visit."""
    study = folder / "sdtm"
    study.mkdir()
    _csv(
        study / "dm.csv",
        ["USUBJID", "AGE", "SEX", "ARM", "RFSTDTC", "RFENDTC", "DTHFL"],
        [
            [
                r["id"],
                r["age"] or "",
                r["sex"],
                "PRRT" if r["group"] == "rlt" else "SURGERY",
                _date(r["baseline"], "%Y-%m-%d"),
                _date(r["last"], "%Y-%m-%d"),
                "Y" if r["died"] else "",
            ]
            for r in TRUTH
        ],
        ",",
        "utf-8",
    )
    tu, tr = [], []
    for r in TRUTH:
        tu += [[r["id"], "T1", "TARGET"], [r["id"], "NT1", "NON-TARGET"]]
        tr += [
            [r["id"], "T1", "LDIAM", f"{r['sum'] / 10:g}", "cm", _date(r["baseline"], "%Y-%m-%d")],
            [r["id"], "NT1", "LDIAM", "50", "mm", _date(r["baseline"], "%Y-%m-%d")],
            [r["id"], "T1", "LDIAM", f"{r['scan_sum']:g}", "mm", _date(r["scan"], "%Y-%m-%d") + "T10:30"],
        ]
    _csv(study / "tu.csv", ["USUBJID", "TULNKID", "TUORRES"], tu, ",", "utf-8")
    _csv(study / "tr.csv", ["USUBJID", "TRLNKID", "TRTESTCD", "TRSTRESN", "TRSTRESU", "TRDTC"], tr, ",", "utf-8")
    return study


def _csv(path: Path, head: list[str], rows: list[list[Any]], delimiter: str, encoding: str, before: str = "") -> Path:
    stream = io.StringIO(newline="")
    writer = csv.writer(stream, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(head)
    writer.writerows(rows)
    path.write_bytes((before + stream.getvalue()).encode(encoding))
    return path


EXPORTS: dict[str, Callable[[Path], Path]] = {
    "italian": italian_excel,
    "leftovers": excel_leftovers,
    "german": german_tabs,
    "xlsx": excel_book,
    "spss": spss,
    "stata": stata,
    "redcap": redcap,
    "sdtm": sdtm,
}
EDITS: dict[str, tuple[str, str]] = {"xlsx": ('margin_rule_mm = "?"', "margin_rule_mm = 1")}
