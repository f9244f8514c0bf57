"""Make ``docs/gallery/who-gains-from-rlt-first.md``: schemes x patients x what a trial would add, the blood by number of cycles, and how
the decision answered the patients of the check of sense.

Usage: ``python tools/planning/make_gallery.py``. Patients are synthetic.
"""

# ruff: noqa: E501

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from scipy.stats import beta

from neorlt.planning.decision.decide import decide
from neorlt.planning.decision.document import decision_document
from neorlt.planning.decision.options import Kind
from neorlt.planning.patient import patient_from
from neorlt.planning.scheme import parse_scheme
from neorlt.response import blood
from neorlt.response.parameters import draw_parameters
from neorlt.trials.value import trial_table

ROOT = Path(__file__).resolve().parents[2]
OUT = ROOT / "docs/gallery/who-gains-from-rlt-first.md"
BASE = {"age_y": 58, "sex": "F", "egfr_ml_min": 85, "platelets_e9_per_l": 230, "neutrophils_e9_per_l": 4.1, "haemoglobin_g_dl": 13.0,
    "krenning": 4,
        "performance_status": 0, "functioning": False}
VEIN = {"name": "SMV", "contact_deg": 220, "irregular": True, "reconstructible": True}
ARTERY = {"name": "SMA", "contact_deg": 90}
PATIENTS = {
    "untouched, 20 mm, Ki-67 1 %, 70 y": ({"age_y": 70}, [("pancreas-tail", 20, 1, [])]),
    "untouched, 45 mm, Ki-67 8 %": ({}, [("pancreas-tail", 45, 8, [])]),
    "borderline head, 45 mm, Ki-67 8 %": ({}, [("pancreas-head", 45, 8, [VEIN, ARTERY])]),
    "borderline head, 45 mm, Ki-67 3 %": ({}, [("pancreas-head", 45, 3, [VEIN, ARTERY])]),
    "artery encased 270°, 55 mm, Ki-67 4 %": ({}, [("pancreas-body", 55, 4, [{"name": "SMA", "contact_deg": 270}])]),
    "two liver metastases, 35 mm, Ki-67 5 %": ({}, [("pancreas-tail", 35, 5, []), ("liver", 18, 5, []), ("liver", 14, 5, [])]),
}
SCHEMES = ("4 x 7.4 GBq Lu-177 every 8 weeks", "2 x 7.4 GBq Lu-177 every 8 weeks",
           "2 x 7.4 GBq Lu-177 every 8 weeks + 2 x 2.8 GBq Y-90 every 8 weeks")
SHORT = ("4 x 177Lu", "2 x 177Lu", "2 x 177Lu + 2 x 90Y")
# published: any line of grade 3-4 under 177Lu-DOTATATE
PUBLISHED = (
    (4, 34, 320, "Bergsma 2016, doi 10.1007/s00259-015-3193-4: platelets, white cells or haemoglobin, most 4 cycles of 7.4 GBq (abstract)"),
    (4, 4, 111, "US label, NETTER-1: platelets 1, neutrophils 3, haemoglobin 0 of 111 (added up: at most)"),
)


def patient(changes: dict, lesions: list):
    rows = []
    for k, (site, size, ki67, vessels) in enumerate(lesions):
        rows.append({"id": "primary" if k == 0 else f"liver-{k}", "site": site, "longest_diameter_mm": size, "ki67_pct": ki67,
            "suv_max": 30,
                     "vessels": vessels})
    return patient_from({"id": "synthetic", "baseline": BASE | changes, "lesion": rows}, "gallery")


def main_table() -> tuple[list[str], list[str]]:
    schemes = [parse_scheme(text, name) for text, name in zip(SCHEMES, SHORT, strict=True)]
    rows = ["| patient | best | against operating now, months: " + " · ".join(SHORT) + " | resected, now and after " + SHORT[0]
            + " | the answer turns at | worth of a trial (RLT against now, 2 x 100; scheme against scheme, 2 x 100; 31 in one arm), "
              "months a patient "
            "at SD 0.1 / 0.3 / 0.6 |", "| --- | --- | --- | --- | --- | --- |"]
    notes = []
    for name, (changes, lesions) in PATIENTS.items():
        found = decide(patient(changes, lesions), schemes, n_draws=4000, max_draws=8000)
        document = decision_document(found)
        value = found.utility
        now = next(i for i, o in enumerate(found.options) if o.kind is Kind.OPERATE_NOW)
        rlt = [i for i, o in enumerate(found.options) if o.kind is Kind.RLT_THEN_SURGERY]
        gains = " · ".join(f"{12 * (value[:, i] - value[:, now]).mean():+.1f}" for i in rlt)
        operated = f"{100 * found.outlook.p_operated[:, now].mean():.0f} % · {100 * found.outlook.p_operated[:, rlt[0]].mean():.0f} %"
        turn = next((f"{r['quantity']} {r['from']:.2g} → {r['to']:.2g}: {r['new_best']}" for r in document["flips"] if r["to"] is not None),
            "none")
        table = trial_table(found)
        by = {row["name"]: " / ".join(f"{m:.2f}" for m in row["months"]) for row in table["rows"]}
        worth = "; ".join(by[key] for key in ("2 x 100, RLT against operating now", "2 x 100, scheme against scheme", "one arm of 31, RLT "
            "then surgery"))
        closed = "" if found.eligible[now] else " (operating now is closed)"
        closed += "" if found.eligible[rlt[0]] else " (RLT is closed)"
        best = found.mildest.name if found.mildest == found.best else f"{found.best.name}; mildest tied: {found.mildest.name}"
        rows.append(f"| {name} | {best} | {gains}{closed} | {operated} | {turn} | {worth} |")
        if document["ceiling"]:
            c = document["ceiling"]
            notes.append(f"- {name}: vessels bound by scar cap the chance of being resectable at {100 * c['p_resectable_at_most']:.0f} % "
                         f"(now {100 * c['p_resectable_now']:.0f} %{', binding' if c['binds_for'] else ''}).")
        print(rows[-1], flush=True)
    return rows, notes


def blood_table() -> list[str]:
    """Any line of grade 3-4 by the number of cycles, cycles withheld by the rule, against what is published."""
    parameters = draw_parameters(1500, 1)
    rng = np.random.default_rng(8)
    counts = {"platelets": 240 * np.exp(0.27 * rng.standard_normal(1500)), "neutrophils": 4.2 * np.exp(0.32 * rng.standard_normal(1500)),
              "haemoglobin": 13.0 * np.exp(0.10 * rng.standard_normal(1500))}
    lymphocytes = 1.7 * np.exp(0.3 * rng.standard_normal(1500))
    rows = ["| cycles of 7.4 GBq | given, mean | any line G3-4 | platelets | published (95 % interval) | verdict |", "| --- | --- | --- | "
        "--- | --- | --- |"]
    for n in (4, 8, 12):
        dose, half_life = blood.marrow_dose_gy(parameters, np.array([[7.4, 0.0]] * n), 1)
        course = blood.blood_course(parameters, dose, half_life, np.arange(n) * 8.0, weeks=26.0 * np.ceil((n * 8 + 40) / 26), seed=1,
            hold=counts,
                                    keep_days=n == 4)
        events34 = blood.p_grade34(course, counts)
        hit = {k: float(v.mean()) for k, v in events34.items()}
        if n == 4:
            said = white_cells(course, counts, lymphocytes, np.asarray(events34["any"]) > 0.5)
        given = (course.given_day >= 0).sum(axis=1).mean()
        known = [row for row in PUBLISHED if row[0] == n]
        if not known:
            rows.append(f"| {n} | {given:.1f} | {100 * hit['any']:.1f} % | {100 * hit['platelets']:.1f} % | none by this number of cycles "
                        f"was found | - |")
        for _, events, total, source in known:
            low, high = beta.ppf([0.025, 0.975], [events, events + 1], [total - events + 1, total - events])
            verdict = "inside" if low <= hit["any"] <= high else f"missed by {100 * (low - hit['any'] if hit['any'] < low else hit['any'] - high):.1f} points"
            rows.append(f"| {n} | {given:.1f} | {100 * hit['any']:.1f} % | {100 * hit['platelets']:.1f} % | {events}/{total} = {100 * events / total:.1f} % "
                        f"({100 * low:.1f}-{100 * high:.1f}); {source} | {verdict} |")
    return [*rows, "", said]


def white_cells(course: blood.BloodCourse, counts: dict, lymphocytes: np.ndarray, hit: np.ndarray) -> str:
    """Any line of grade 3-4 after four cycles with white cells and with lymphocytes as lines of their own: what the series counted."""
    neutrophils, lymph = course.counts("neutrophils", counts["neutrophils"]), course.counts("lymphocytes", lymphocytes)
    white = [float(np.mean(hit | ((factor * (neutrophils + lymph)).min(axis=1) < 2.0))) for factor in (1.1, 1.0)]
    with_lymph = float(np.mean(hit | (lymph.min(axis=1) < 0.5)))
    return (f"Where the miss comes from: the table counts neutrophils below 1.0, the series white cells below 2.0. With white cells as the sum of "
            f"neutrophils and lymphocytes (with and without a tenth of others) any line is {100 * white[0]:.1f} to {100 * white[1]:.1f} %, with lymphocytes "
            f"below 0.5 as a line of their own {100 * with_lymph:.1f} %. What is left lies between the trial that the slopes repeat (4 of 111 at most) and the "
            "series: its patients by age, kidneys and white cells were not read.")


def neolupanet_table() -> list[str]:
    """What ``validation/decision_replica.py`` found."""
    rows = ["| outcome | NEOLUPANET | course: mean, central 90 % of a trial of 31 | the trial lies | version 0.1 | what moved it |", "| --- | --- | --- | --- | --- | --- |"]
    for row in json.loads((ROOT / "validation/decision_replica.json").read_text())["replica"]:
        lies = row["lies"] if row["lies"] == "inside" else f"{row['by']:.0f} {row['lies']}"
        rows.append(f"| {row['outcome']} | {row['seen']}/{row['of']} {row['of_whom']} | {row['mean']:.1f} of 31 ({row['ci90'][0]:.0f}-{row['ci90'][1]:.0f}) | "
                    f"{lies} | {row['version_0_1']} | {row['moved_by']} |")
    return rows


def main() -> None:
    """Write the page."""
    rows, notes = main_table()
    face = json.loads((ROOT / "src/neorlt/planning/data/face_validity.json").read_text())
    table = json.loads((ROOT / "src/neorlt/planning/data/resectability.json").read_text())
    loso = ["| endpoint | series left out | events | log score | of the pooled rate of the others | PIT |", "| --- | --- | --- | --- | --- | --- |"]
    for endpoint in ("became_resectable", "operated"):
        for row in table[endpoint]["leave_one_series_out"]:
            pooled = "no other series" if row["pooled_log_score"] is None else f"{row['pooled_log_score']:.2f}"
            loso.append(f"| {endpoint.replace('_', ' ')} | {row['series']} | {row['events']}/{row['n']} | {row['log_score']:.2f} | {pooled} | "
                        f"{row['pit'][0]:.2f}-{row['pit'][1]:.2f} |")
    history = [f"- Run {h['run']}: {h['right']} of {h['of']}. {h['why']}" for h in face["history"]]
    text = ["# Who gains from radioligand therapy first, by which scheme, and which trial would tell", "",
            "Made by `python tools/planning/make_gallery.py`: do not edit. Synthetic patients; `neorlt decide` gives the same for a patient file, "
            "`neorlt trial DESIGN --value` for a design. Months are quality-adjusted, over the rest of life, discounted at 3 %.", "",
            *rows, "", *notes, "",
            "A positive number favours radioligand therapy before the operation. It acts through the margin, through what becomes resectable and through one "
            "effect on recurrence that no study has measured (centred on none): the last column is what a trial would buy. No trial in this table tells "
            "177Lu from 90Y per gray; what is known of that is an assumption.", "",
            "## Blood by number of cycles", "", *blood_table(), "",
            "Slopes repeat the label's rates by line; Bergsma's higher rate is a miss that is counted here and not tuned away.", "",
            "## Becoming resectable: each series left out", "", *loso, "",
            "The published conversion has one series; the operated three. Slopes on contact and shrinkage are not in these counts: they are stated priors.", "",
            "## NEOLUPANET beside the course: a description", "",
            "The trial's results were known before the course was made, and its misses under version 0.1 led to it: this is a description, not a test. No "
            "rate of the course comes from it.", "", *neolupanet_table(), "",
            "Complications of any grade follow the operation alone: no rate by contact was found. Run `python validation/decision_replica.py` for this table.", "",
            "## Does it make sense?", "",
            f"{face['right']} of {face['n']} patients with the options that guidance accepts are answered within them. {face['note']}", "",
            f"Unseen: {face['unseen']['right']} of {face['unseen']['n']}. {face['unseen']['words']} What failed at first:", "",
            *(f"- {text}" for text in face["unseen"]["failed_at_first"]), "", "Since right:", "",
            *(f"- {text}" for text in face["unseen"]["mended_by_a_law"]), "", "How the first 26 came to be right:", "", *history, "",
            "The last change was made after seeing two of these patients: for them the check is no longer a test.", ""]
    OUT.write_text("\n".join(text))


if __name__ == "__main__":
    main()
