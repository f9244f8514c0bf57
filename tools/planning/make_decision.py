"""Make ``src/neorlt/planning/data/decision.json`` and ``resectability.json``: base rates of the decision, each with its source.

Usage: ``python tools/planning/make_decision.py``. Counts and percentages were read in the abstracts named; where none was found
the entry is an assumption with a wide interval, and belongs to a ``cause`` that the decision sweeps. ``[derived]`` is arithmetic on
printed figures, done here.
"""

# ruff: noqa: E501

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit, logit, xlogy
from scipy.stats import binom

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "src/neorlt/planning/data"
READ, DERIVED, ASSUMED = "by construction", "by construction", "assumption"


def entry(family: str, parameters: list[float], cause: str, label: str, source: str, unit: str = "") -> dict[str, Any]:
    return {"family": family, "parameters": parameters, "unit": unit, "cause": cause, "label": label, "source": source}


def hazard_per_year(p: float, years: float) -> float:
    return float(-np.log(p) / years)


GENC = "Genc 2018, doi 10.1245/s10434-018-6518-2 (280 resected G1-2, abstract)"
LOW, HIGH = hazard_per_year(0.90, 5), hazard_per_year(0.55, 5)
KI67_LOW, KI67_HIGH = 2.0, 9.0
SLOPE = float(np.log(HIGH / LOW) / np.log(KI67_HIGH / KI67_LOW))

ENTRIES: dict[str, dict[str, Any]] = {
    # ---- operation
    "p_operative_death": entry("logitnormal", [0.015, 0.5], "operative risk", DERIVED,
        "deaths 5/480 pancreatoduodenectomies (doi 10.1016/j.surg.2020.11.015), 1/123 (two centres), 1/49 (doi 10.3390/curroncol28040268), "
        "0/168 (doi 10.1001/archsurg.142.4.347), 1.7 % nationally (doi 10.1016/j.jss.2010.04.017), 3-6 % in a review "
        "(doi 10.1007/s00268-015-3328-6); abstracts; distal operation at 60 years; the width spans them"),
    "log_or_death_head": entry("normal", [0.4, 0.3], "operative risk", DERIVED,
        "6 % after pancreatoduodenectomy, 4 % after distal operation (doi 10.1007/s00268-015-3328-6, abstract)"),
    "log_or_death_per_decade": entry("normal", [0.4, 0.2], "operative risk", DERIVED,
        "2.9, 5.3, 15.4 % below 70, at 70-79, from 80 (326 patients, one centre), no difference in Sweden (Ann Surg Open 1:e015): "
        "odds ratio 1 to 5 over two decades; above 60 years only"),
    "log_or_death_per_ps": entry("normal", [0.6, 0.25], "operative risk", ASSUMED,
        "a point of ECOG performance status; the nearest figure is an odds ratio of 4.1 of complications for a Charlson index of 3 "
        "(doi 10.1016/j.jss.2010.04.017)"),
    "log_or_death_egfr_below_30": entry("normal", [0.7, 0.3], "operative risk", ASSUMED, "no figure was found"),
    "p_severe_complication": entry("logitnormal", [0.22, 0.4], "complications", DERIVED,
        "Clavien-Dindo III or more after distal operation: 12.1 % minimally invasive, 24.8 % open (doi 10.1002/jso.25481); 12-48 % over "
        "all series read (abstracts)"),
    "log_or_severe_head": entry("normal", [0.6, 0.3], "complications", DERIVED,
        "33 % after pancreatoduodenectomy (doi 10.1016/j.surg.2020.11.015); odds ratio 3.13 (1.32-7.41) in another series"),
    "log_or_severe_vessel": entry("normal", [0.63, 0.3], "complications", DERIVED,
        "48 % with and 33 % without vein resection (doi 10.1016/j.surg.2020.11.015, abstract) [derived]"),
    "p_any_complication": entry("logitnormal", [0.58, 0.35], "complications", READ,
        "any complication after distal operation 58 % of 72 (doi 10.1007/s00268-015-3341-9, abstract, two centres); a composite of 29.6 % in a "
        "national sample (doi 10.1016/j.jss.2010.04.017)"),
    "log_or_any_head": entry("normal", [float(logit(52 / 65) - logit(0.58)), 0.35], "complications", DERIVED,
        "52 of 65 after pancreatoduodenectomy against 58 % (doi 10.1007/s00268-015-3341-9, abstract)"),
    "p_fistula": entry("logitnormal", [0.10, 0.4], "complications", DERIVED,
        "grade B or C: 13/166 (doi 10.14701/ahbps.24-215), 5/49 (doi 10.3390/curroncol28040268); abstracts"),
    "logit_r0_untouched": entry("normal", [1.73, 0.15], "margin", DERIVED, "R0 866/1020 (doi 10.1016/j.surg.2018.08.015, abstract)"),
    "logit_r0_per_contact": entry("positive", [1.8, 0.8], "margin", DERIVED,
        "16/23 R0 at operation without RLT where most had organ or vessel infiltration (doi 10.1016/j.surg.2017.11.007), taken as half a "
        "unit of contact (assumption); no R0 by degrees was found"),
    "p_explored_and_left": entry("beta", [0.5, 30.5], "operability", DERIVED,
        "no contact: rare (assumption); 1/30 aborted after CAPTEM (doi 10.1097/MPA.0000000000001500)"),
    "logit_explored_per_contact": entry("positive", [2.0, 0.7], "operability", ASSUMED, "no figure was found"),
    "p_decline": entry("beta", [3.5, 27.5], "operability", DERIVED,
        "3 of 30 declined the operation after neoadjuvant CAPTEM (doi 10.1097/MPA.0000000000001500, abstract); taken for any treatment "
        "before surgery"),
    "p_operable_untouched": entry("logitnormal", [0.97, 0.4], "operability", ASSUMED,
        "no vessel touched and judged resectable: no figure was found"),
    "contact_of_the_series": entry("lognormal", [1.2, 0.2], "operability", ASSUMED,
        "contact, in units of a half circumference of an artery, at which the published rate of becoming resectable holds: the series "
        "print no degrees"),
    # ---- after the operation
    "recurrence_per_year": entry("lognormal", [LOW, 0.2], "recurrence", DERIVED,
        f"5-year recurrence-free survival of 90 % at Ki-67 up to 5 %, taken at 2 % (assumption) [derived]; {GENC}"),
    "recurrence_per_log_ki67": entry("normal", [SLOPE, 0.25], "recurrence", DERIVED,
        f"55 % at Ki-67 6-20 %, taken at 9 % (assumption), against 90 % [derived]; {GENC}"),
    "log_hr_recurrence_per_doubling": entry("normal", [0.4, 0.2], "recurrence", ASSUMED,
        f"baseline size; over 4 cm is an independent factor without a printed ratio; {GENC}"),
    "log_hr_recurrence_r1": entry("normal", [float(np.log(1.8)), 0.207], "margin", READ,
        "1.8 (1.2-2.7), doi 10.1016/j.surg.2018.08.015 (abstract)"),
    "log_hr_recurrence_vessel": entry("normal", [float(np.log(np.log(0.49) / np.log(0.59))), 0.25], "recurrence", DERIVED,
        "3-year progression-free 49 against 59 % matched, with and without vein resection (doi 10.1016/j.surg.2020.11.015) [derived]; "
        "vessel contact at baseline"),
    "log_hr_recurrence_liver": entry("normal", [float(np.log(2.7)), 0.4], "recurrence", DERIVED,
        "30 % free of recurrence five years after resection of neuroendocrine liver metastases (HPB 2022, S1365-182X(22)01509-X, abstract), "
        "at Ki-67 5 %, 45 mm and some with vessel contact [derived]; stage IV against III 2.2, against II 8.0 in one national database "
        "(doi 10.4143/crt.2019.023, abstract)"),
    "log_hr_recurrence_nodes": entry("normal", [float(np.log(3.995 / (1 - 0.245 + 0.245 * 3.995))), 0.3], "recurrence", DERIVED,
        "involved against clear nodes 3.995 (P = 0.003, independent of grade and size; 100 resections 2004-2014, abstract, "
        "soolun.net/periodical/2f9d3d04d2b76dec51f2a87e138ad63c), 3.87 (3.00-4.99) for death over 98 series (doi "
        "10.1245/s10434-020-08850-7, abstract), divided by the mean over patients of whom 24.5 % have involved nodes (52 series, Ann Surg "
        "Oncol 2024, Clarke, abstract): the base rate is theirs [derived]"),
    "death_after_recurrence_per_year": entry("lognormal", [float(np.log(2) / (44.9 / 12)), 0.35], "recurrence", READ,
        f"median 44.9 months; {GENC}"),
    "death_per_log_ki67": entry("normal", [0.4, 0.2], "recurrence", ASSUMED,
        "direction from 10-year disease-specific survival of 91 and 26 % below and above Ki-67 5 % (Genc 2018); size an assumption"),
    "log_hr_unmodelled": entry("normal", [0.0, 0.3], "unmodelled effect of RLT", ASSUMED,
        "what RLT does to recurrence beyond the margin: centred on none; standard deviations of 0.1, 0.3 and 0.6 are shown"),
    # ---- not operated, waiting
    "metastasis_per_year": entry("lognormal", [0.004, 0.7], "metastasis while waiting", DERIVED,
        "0 of 122 tumours up to 2 cm in 17 and 34 months (PANDORA, Br J Surg 2021;108:888; PMID 24057286): 97.5 % limit about 1.5 % a year "
        "[derived]; taken at 20 mm and Ki-67 2 %"),
    "metastasis_per_log_size": entry("normal", [2.0, 0.5], "metastasis while waiting", ASSUMED,
        "none found above 2 cm; as tumour area"),
    "metastasis_per_log_ki67": entry("normal", [0.9, 0.25], "metastasis while waiting", ASSUMED, "none found; near that of recurrence"),
    "log_hr_metastasis_rlt": entry("normal", [float(np.log(0.4)), 0.35], "systemic treatments", DERIVED,
        "progression during treatment before surgery 4.3 % (0.7-7.9) of 468 (doi 10.3389/fonc.2022.981575, abstract; search to 2021) beside about "
        "11 % in eight months untreated at 55 mm, Ki-67 3.5 % and liver metastases in 60 % [derived]: of what would show itself while waiting"),
    "log_hr_metastasis_captem": entry("normal", [float(np.log(0.4)), 0.35], "systemic treatments", DERIVED,
        "as for RLT: the pooled series are of both; 1 of 30 under CAPTEM (doi 10.1097/MPA.0000000000001500)"),
    "progression_per_year": entry("lognormal", [float(np.log(2) / 1.5), 0.3], "progression unresected", DERIVED,
        "untreated, Ki-67 3 %: median 18 months, from a growth of 2.7 % of volume a month to a fifth more diameter (CLARINET placebo, doi "
        "10.1186/s12885-018-5257-x) [derived]"),
    "progression_per_log_ki67": entry("normal", [0.63, 0.2], "progression unresected", DERIVED,
        "32.8 against 11.9 months under somatostatin analogue, Ki-67 up to 10 and from 10 % (doi 10.1530/ERC-15-0490, "
        "10.1002/onco.13633), taken at 3 and 15 % [derived]"),
    "log_hr_progression_ssa": entry("normal", [float(np.log(18 / 32.8)), 0.25], "systemic treatments", DERIVED,
        "32.8 months (doi 10.1530/ERC-15-0490) against 18 [derived]"),
    "log_hr_progression_rlt": entry("normal", [float(np.log(0.48)), 0.3], "systemic treatments", DERIVED,
        "median 27 months at Ki-67 5 %: middle of 20-39 months over eight series (doi 10.2147/OTT.S202867), 24.5 and 20.7 months of two "
        "trials in disease that had progressed, 36 months (Minczeles 2022) [derived]; the usual course"),
    "log_hr_progression_captem": entry("normal", [float(np.log(0.52)), 0.35], "systemic treatments", DERIVED,
        "25 months at Ki-67 5 %: 22.7 in disease that had progressed (doi 10.1200/JCO.22.01013), 28.2 (doi 10.1097/MPA.0000000000001500) "
        "[derived]"),
    "death_after_progression_per_year": entry("lognormal", [float(np.log(2) / 2.8), 0.35], "progression unresected", DERIVED,
        "between 37.7 months from entry of patients who had progressed (placebo arm of RADIANT-3 with crossover, doi "
        "10.1200/JCO.2016.68.0702) and 2.5 years (5.5 alive less 3.0 without progression after RLT, Minczeles 2022) [derived]"),
    # ---- chemotherapy before surgery
    "captem_log_diameter": entry("normal", [-0.18, 0.08], "systemic treatments", DERIVED,
        "response 13/30 (doi 10.1097/MPA.0000000000001500) and 6.4 % of 47 primaries (doi 10.3390/curroncol33020111): between them"),
    "captem_log_diameter_sd": entry("fixed", [0.25], "", ASSUMED, "spread between patients"),
    "p_captem_grade34_blood": entry("beta", [5.0, 20.0], "systemic treatments", ASSUMED, "figures were cut off in what was read"),
    "p_captem_neoplasm": entry("beta", [1.0, 150.0], "second neoplasm", ASSUMED, "no figure was found"),
    # ---- harm of RLT beyond blood and kidney
    "p_second_neoplasm": entry("logitnormal", [0.029, 0.35], "second neoplasm", READ,
        "haematopoietic neoplasm 8/274 (doi 10.2967/jnumed.117.189712); 2.3 % of NETTER-1 (label), 25/521 where most had radiosensitising "
        "chemotherapy (doi 10.1007/s00259-019-04389-2); lifetime after the usual course"),
    "neoplasm_log_or_per_decade": entry("normal", [0.2, 0.15], "second neoplasm", ASSUMED,
        "age was tested and not found (doi 10.2967/jnumed.117.189712); background incidence rises with age"),
    "neoplasm_latency_months": entry("lognormal", [41.0, 0.15], "second neoplasm", READ,
        "median 41, range 15-84 months (doi 10.2967/jnumed.117.189712)"),
    "neoplasm_death_per_year": entry("lognormal", [0.55, 0.3], "second neoplasm", ASSUMED, "median survival about 15 months"),
    # ---- quality of life
    "u_disease_free": entry("normal", [0.87, 0.03], "utilities", ASSUMED,
        "no utility after pancreatectomy was found; population value at sixty"),
    "u_loss_watching": entry("positive", [0.05, 0.03], "utilities", ASSUMED,
        "a known tumour in place: quality of life poorer than the reference population (PANDORA, Br J Surg 2021;108:888; size not read)"),
    "u_loss_insufficiency_head": entry("positive", [0.06, 0.03], "utilities", DERIVED,
        "between none (QLQ-C30 global 83 of 100 a median of 133 months after surgery, doi 10.3390/cancers17193205) and 0.10 (a published model "
        "keeps 0.89-0.90 of the years after a Whipple operation, PMC2949077 table T3) [derived]"),
    "u_loss_insufficiency_tail": entry("positive", [0.04, 0.02], "utilities", ASSUMED,
        "as after a head operation, less: exocrine insufficiency mostly follows head operations (118/276), diabetes 68/276 (doi "
        "10.3390/jcm8101611)"),
    "u_stable": entry("normal", [0.77, 0.03], "utilities", READ, "unresected and stable: 0.77 (doi 10.3111/13696998.2012.670175, abstract)"),
    "u_progressing": entry("normal", [0.61, 0.04], "utilities", READ, "progressing: 0.61 (doi 10.3111/13696998.2012.670175, abstract)"),
    "stable_share_after_recurrence": entry("normal", [0.60, 0.08], "utilities", DERIVED,
        "a recurrence is held by a first systemic treatment for about 27 (see progression under RLT) of 44.9 months (Genc 2018) [derived]"),
    "stable_share_after_progression": entry("normal", [0.30, 0.08], "utilities", DERIVED,
        "the next treatment holds for 11 (doi 10.1056/NEJMoa1009290) of 37.7 months (doi 10.1200/JCO.2016.68.0702) [derived]"),
    "u_neoplasm": entry("normal", [0.5, 0.08], "utilities", ASSUMED, "no figure was found"),
    "u_loss_hormone": entry("positive", [0.12, 0.05], "utilities", ASSUMED, "symptoms of a functioning tumour; no figure was found"),
    "qaly_loss_operation": entry("positive", [0.033, 0.012], "utilities", DERIVED,
        "worse for at least two months (doi 10.1245/s10434-015-5077-z); 0.2 for two months (assumption)"),
    "qaly_loss_severe": entry("positive", [0.05, 0.02], "utilities", ASSUMED, "0.2 for three more months"),
    "qaly_loss_blood": entry("positive", [0.02, 0.01], "utilities", ASSUMED, "grade 3-4 counts"),
    "qaly_loss_kidney_per_year": entry("positive", [0.05, 0.02], "utilities", ASSUMED, "eGFR below 30 ml/min"),
    "u_loss_rlt": entry("positive", [0.02, 0.01], "utilities", ASSUMED, "during the cycles"),
    "u_loss_captem": entry("positive", [0.08, 0.03], "utilities", ASSUMED,
        "during treatment; advanced disease with hand-foot syndrome 0.58 against 0.77 (doi 10.3111/13696998.2012.670175)"),
    "u_loss_ssa": entry("positive", [0.01, 0.005], "utilities", ASSUMED, "monthly injections"),
    # ---- frailty
    "log_hr_background_per_ps": entry("normal", [0.5, 0.15], "background", ASSUMED,
        "background mortality for a point of performance status above 0; no figure was found"),
    "log_hr_background_egfr_below_45": entry("normal", [0.4, 0.15], "background", ASSUMED, "no figure was found"),
}
FIXED = {
    "weeks_to_operation": {"value": 4.0, "label": ASSUMED, "source": "an operation now: no figure was found"},
    "captem_weeks": {"value": 26.0, "label": ASSUMED, "source": "six months of CAPTEM, surgery at their end"},
    "observe_growth_mm": {"value": 5.0, "label": ASSUMED, "source": "watching ends where the tumour has grown by 5 mm (PANDORA counted 5 mm a year)"},
    "observe_latest_months": {"value": 120.0, "label": ASSUMED, "source": "after ten years of watching nobody is operated on"},
    "ki67_reference_pct": {"value": KI67_LOW, "label": ASSUMED, "source": "middle of the group up to 5 %"},
    "progression_ki67_reference_pct": {"value": 3.0, "label": ASSUMED, "source": "middle of CLARINET"},
    "size_reference_mm": {"value": 30.0, "label": ASSUMED, "source": "middle of the resected series"},
    "recurrence_limit_per_year": {"value": 1.5, "label": ASSUMED, "source": "no hazard above this: outside the data"},
    "neoplasm_latency_log_sd": {"value": 0.45, "label": DERIVED, "source": "15-84 months as the central 94 % (doi 10.2967/jnumed.117.189712)"},
    "discount_per_year": {"value": 0.03, "label": "convention", "source": "convention of health economics"},
    "gompertz": {"male": [-9.7814, 0.08748], "female": [-10.5011, 0.09225], "label": DERIVED,
                 "source": "hazard a year exp(a + b age), fitted to the US life table of 2014 at ages 40-95 (R survival survexp.us): life "
                 "expectancy within 0.6 years from 50 to 80"},
}
# study, group, events, n: rows marked `fit` of the table of resectability; overlapping groups once
RESECTABILITY = {
    "became_resectable": [("parghane_2021", "mumbai_tata", 15, 57)],
    "operated": [("minczeles_2022", "rotterdam", 26, 49), ("opalinska_2021", "krakow", 4, 9), ("barber_2012", "melbourne", 1, 5)],
}
RESECTABILITY_NOTE = (
    "RLT before surgery. became_resectable: unresectable by vessel contact (NCCN, ductal cancer), 7/23 and 8/34 of one series; operated: locally "
    "advanced, inoperable or oligometastatic. The 23 operated of Partelli 2018 are left out: only the operated were counted. NEOLUPANET is never fitted."
)
MU = np.linspace(-5, 5, 401)
TAU = np.linspace(0.0, 3.0, 61)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(41)


def log_posterior(rows: list[tuple[str, str, int, int]]) -> np.ndarray:
    """On the grid of (mean, between-series SD): normal(0, 1.5) and half-normal(0.8) priors, series integrated out."""
    prior = -0.5 * (MU[:, None] / 1.5) ** 2 - 0.5 * (TAU[None, :] / 0.8) ** 2
    total = prior
    for _, _, events, n in rows:
        p = expit(MU[:, None, None] + TAU[None, :, None] * NODES)
        like = np.exp(xlogy(events, p) + xlogy(n - events, 1 - p)) @ (WEIGHTS / WEIGHTS.sum())
        total = total + np.log(like)
    return total - total.max()


def predictive(rows: list[tuple[str, str, int, int]], n: int) -> np.ndarray:
    """Chance of 0..n events in a new series of n."""
    weight = np.exp(log_posterior(rows)) if rows else np.exp(log_posterior([]))
    weight = weight / weight.sum()
    p = expit(MU[:, None, None] + TAU[None, :, None] * NODES)
    w = weight[:, :, None] * (WEIGHTS / WEIGHTS.sum())
    return np.array([(binom.pmf(k, n, p) * w).sum() for k in range(n + 1)])


def leave_one_out(rows: list[tuple[str, str, int, int]]) -> list[dict[str, Any]]:
    table = []
    for study, group, events, n in rows:
        rest = [row for row in rows if row[1] != group]
        chance = predictive(rest, n)
        below = chance[:events].sum()
        pooled = (sum(r[2] for r in rest) + 0.5, sum(r[3] - r[2] for r in rest) + 0.5)
        rate = pooled[0] / sum(pooled)
        table.append({
            "series": study, "events": events, "n": n, "log_score": float(np.log(chance[events])),
            "pit": [float(below), float(below + chance[events])],
            "pooled_rate": float(rate) if rest else None, "pooled_log_score": float(binom.logpmf(events, n, rate)) if rest else None,
        })
    return table


def logit_draws(rows: list[tuple[str, str, int, int]], n: int, seed: int) -> list[float]:
    """Quantiles of the logit of the rate in a new series."""
    weight = np.exp(log_posterior(rows))
    rng = np.random.default_rng(seed)
    at = rng.choice(weight.size, size=200_000, p=(weight / weight.sum()).ravel())
    i, j = np.unravel_index(at, weight.shape)
    values = MU[i] + TAU[j] * rng.standard_normal(len(i))
    return [round(float(v), 4) for v in np.quantile(values, (np.arange(n) + 0.5) / n)]


def main() -> None:
    """Write the tables."""
    (DATA / "decision.json").write_text(json.dumps({"entries": ENTRIES, "fixed": FIXED}, ensure_ascii=False, indent=1) + "\n")
    found = {name: {"rows": [{"series": r[0], "group": r[1], "events": r[2], "n": r[3]} for r in rows],
                    "logit_quantiles": logit_draws(rows, 200, 11), "leave_one_series_out": leave_one_out(rows)}
             for name, rows in RESECTABILITY.items()}
    document = {**found, "note": RESECTABILITY_NOTE, "label": "by construction",
                "source": "Parghane 2021 J Nucl Med 62:1558; Minczeles 2022 Eur J Nucl Med Mol Imaging; doi 10.3389/fonc.2021.687925; "
                "doi 10.1016/j.ejso.2011.08.129 (abstracts); logit-normal with a level for the series"}
    (DATA / "resectability.json").write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n")
    for name in found:
        print(name, "median", round(float(expit(np.median(found[name]["logit_quantiles"]))), 3), found[name]["leave_one_series_out"])
    print("slope", SLOPE, "logit", logit(0.26))


if __name__ == "__main__":
    main()
