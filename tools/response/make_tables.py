"""Make the kidney, vessel and blood tables of ``src/neorlt/response/data/``.

Usage: ``python tools/response/make_tables.py``. Published numbers carry the source they were read in; the slopes of
the blood lines are solved so that a usual course (4 x 7.4 GBq 177Lu every 8 weeks) repeats published rates, once for
each draw of those rates from their own binomial posterior (Jeffreys).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from scipy.optimize import brentq, least_squares
from scipy.stats import norm

ROOT = Path(__file__).resolve().parents[2]
DATA = ROOT / "src/neorlt/response/data"
N_FITS = 200

KIDNEY = {
    "limit_no_risk_gy": {"value": 40.0, "label": "by construction", "source": "convention of the field; Bodei 2008, 28 patients"},
    "limit_risk_gy": {"value": 28.0, "label": "by construction", "source": "convention of the field; Bodei 2008, 28 patients"},
    "relative_change_per_year": {
        "value": -0.018, "label": "by construction",
        "source": "Sabet 2014 PMID 24196919 (74 patients, abstract): mean relative change of GFR a year after the usual course",
    },
    "measured_sd_per_year": {
        "value": 0.189, "label": "by construction",
        "source": "Sabet 2014 PMID 24196919: SD between patients of the measured relative change a year; mostly error of two measurements",
    },
    "true_sd_per_year": {
        "value": 0.047, "log_sd": 0.25, "label": "by construction",
        "source": "solved for the geometric middle of 1/74 (PMID 24196919) and 4/1361 (J Nucl Med 60 suppl 1:567) with eGFR below "
        "30 later on, for patients who start at 81 (SD 16) ml/min; 15/178 lost a fifth (doi 10.1186/s13550-025-01305-8); abstracts "
        "[derived]",
    },
    "sd_per_year_of_age": {
        "value": -0.034, "age_y": 62.0, "label": "by construction",
        "source": "odds ratio 1.07 (1.01-1.14) a year of age for losing a fifth (doi 10.1186/s13550-025-01305-8, 15/178) as a shift of the "
        "slope in its SD [derived]; around 62 years (assumption)",
    },
    "grade3_below_ml_min": {"value": 30.0, "label": "by construction", "source": "CTCAE 5.0 chronic kidney disease"},
}
VESSELS = {
    "radius_mm": {"SMV": 6.0, "PV": 6.5, "SMA": 4.0, "CA": 4.0, "CHA": 2.8, "SV": 4.5, "SPLENIC VEIN": 4.5, "IVC": 11.0,
                  "AORTA": 10.0, "DEFAULT": 4.5, "default": 4.5},
    "label": "assumption",
    "source": "round numbers for adult vessels with their wall; no measurement of a patient stands behind them",
}
BLOOD_FIXED = {
    "feedback": {"value": 0.16, "label": "assumption", "source": "recalled, not checked: an assumption"},
    "red_cell_life_d": {"value": 60.0, "label": "assumption", "source": "mean time a red cell stays in blood under illness"},
    "lymphocyte_recovery_d": {"value": 120.0, "label": "assumption", "source": "slow recovery: months"},
    "shared_variance": {"value": 0.5, "label": "assumption", "source": "share of marrow sensitivity common to a patient's lines"},
    "marrow_lu_gy_per_gbq": {"value": 0.067, "sd": 0.007, "label": "by construction",
                             "source": "Bergsma 2016 10.1007/s00259-015-3193-4 (n = 23, blood-based; abstract)"},
    "marrow_half_life_h": {"value": 48.0, "label": "assumption", "source": "2 d: the value with which a transit time of 19-20 d "
                           "puts the nadir at day 36-38"},
}
# line: baseline (median, log-SD: assumption), (limit of grade 1, events, n), (limit of grade 3, events, n), source
LABEL = "Lutathera label, NETTER-1, n = 111 (label page)"
TARGETS: dict[str, dict[str, Any]] = {
    "platelets": {"baseline": (240.0, 0.27), "grade1": (150.0, 59, 111), "grade3": (50.0, 1, 111), "source": LABEL},
    "neutrophils": {"baseline": (4.2, 0.32), "grade1": (2.0, 29, 111), "grade3": (1.0, 3, 111), "source": LABEL},
    "haemoglobin": {"baseline": (13.0, 0.10), "grade1": (12.5, 90, 111), "grade3": (8.0, 0, 111), "source": LABEL},
    "lymphocytes": {"baseline": (1.7, 0.30), "grade1": None, "grade3": (0.5, 9, 39),
                    "source": "Waldherr 2002 J Nucl Med 43:610 (abstract): grade 3-4 lymphocytopenia 23 % of 39 after "
                    "4 x 1.85 GBq/m2 90Y-DOTATOC every 6 weeks; body surface 1.75 m2 assumed; log-SD as platelets"},
}
BODY_SURFACE_M2 = 1.75
BASELINE_RATES = {
    "resectable": {"events": 15, "total": 57, "source": "Parghane 2021 J Nucl Med 62:1558 (abstract): unresectable by vessels, "
                   "became resectable after 177Lu-DOTATATE; GEP-NET, not pancreas only"},
    "objective_response": {"events": 23, "total": 57, "source": "Parghane 2021 J Nucl Med 62:1558 (abstract): complete or partial "
                           "response on anatomic imaging"},
    "objective_response_90y": {"events": 5, "total": 13, "source": "Waldherr 2002 J Nucl Med 43:610 (abstract): pancreatic tumours, "
                               "WHO criteria, 90Y-DOTATOC"},
    "grade_lower_after_rlt": {"events": 2, "total": 20, "source": "endoabs.46.P28: biopsy against specimen, 13 same, 5 higher"},
}
TMN = {
    "series": {"ErasmusGEP": 0.029, "NETTER1": 0.023, "ERASMUS_MDS": 0.020, "ERASMUS_AL": 0.005, "PeterMac_521": 0.048,
               "WashU_176": 0.045},
    "range": [0.02, 0.05], "latency_median_months": 41, "label": "by construction",
    "source": "J Nucl Med 2018;59:452; Lutathera label; endoabs.98.C32",
}


PERSISTENT = np.array([0.0, 0.03, 0.06, 0.1, 0.15, 0.22, 0.3, 0.4, 0.55, 0.75])
RECOVERED = (40, 59)
"""Patients whose platelets came back, of those in whom they fell below the lower limit (label: 68 %, 40/59 derived)."""
COVARIATES = {
    "log_per_decade": {"value": 0.08, "label": "assumption", "source": "direction: age over 70 (Bergsma 2016); no ratio was read"},
    "log_per_log_egfr": {"value": -0.3, "label": "assumption", "source": "direction: poor renal function (Bergsma 2016, Svensson 2015 doi "
                         "10.1007/s00259-015-3001-1); no ratio was read"},
    "log_per_log_white_cells": {"value": -0.3, "label": "assumption", "source": "direction: low white cells (Bergsma 2016); no "
                                "ratio was read"},
    "age_y": {"value": 63.0, "label": "assumption", "source": "middle of NETTER-1"},
    "egfr_ml_min": {"value": 85.0, "label": "assumption", "source": "middle of the series"},
    "white_cells_e9_per_l": {"value": 6.5, "label": "assumption", "source": "middle of adults"},
}
Curves = tuple[np.ndarray, np.ndarray, np.ndarray]


def nadir_curves() -> dict[str, Curves]:
    """Log slope, and over (persistent share, slope) the log of the lowest count of the usual course (lymphocytes: the 90Y
    course) and of the count half a year after its last cycle.
    """
    from neorlt.nuclides.nuclide import get_nuclide
    from neorlt.response import blood

    slopes = np.geomspace(0.01, 60.0, 512)
    lu, y = get_nuclide("Lu-177"), get_nuclide("Y-90")
    half_life = BLOOD_FIXED["marrow_half_life_h"]["value"]
    bio = np.log(2) / half_life - lu.decay_constant_per_h
    y_rate = bio + y.decay_constant_per_h
    per_gbq = BLOOD_FIXED["marrow_lu_gy_per_gbq"]["value"]
    y_per_gbq = per_gbq * y.electron_energy_mev / lu.electron_energy_mev * (np.log(2) / half_life) / y_rate
    curves: dict[str, Curves] = {}
    for use_y in (False, True):
        n = len(slopes)
        dose = np.full((n, 4, 1), y_per_gbq * 7.4 / 4 * BODY_SURFACE_M2 if use_y else per_gbq * 7.4, np.float32)
        t = np.full((n, 1), np.log(2) / y_rate if use_y else half_life, np.float32)
        gaps = np.array([0, 42, 42, 42] if use_y else [0, 56, 56, 56], np.int32)
        run = blood._compiled(350, BLOOD_FIXED["feedback"]["value"],
                              (BLOOD_FIXED["red_cell_life_d"]["value"], BLOOD_FIXED["lymphocyte_recovery_d"]["value"]), False)
        low, last = [], []
        for share in PERSISTENT:
            marrow = blood.Marrow(dose, t, np.ones((n, 4), np.float32), np.repeat(slopes[:, None], 4, 1).astype(np.float32),
                                  np.full(n, 19.0, np.float32), np.full(n, share, np.float32), np.zeros((n, 3), np.float32))
            shown = run(marrow, gaps)
            low.append(np.asarray(shown.lowest))
            last.append(np.asarray(shown.last))
        for i, line in enumerate(blood.LINES):
            if (line == "lymphocytes") == use_y:
                curves[line] = (np.log(slopes), np.log(np.stack(low)[:, :, i]), np.log(np.stack(last)[:, :, i]))
    return curves


def at_share(curves: Curves, share: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Curves at one persistent share, between those of the grid."""
    k = int(np.clip(np.searchsorted(PERSISTENT, share) - 1, 0, len(PERSISTENT) - 2))
    w = (share - PERSISTENT[k]) / (PERSISTENT[k + 1] - PERSISTENT[k])
    return curves[0], (1 - w) * curves[1][k] + w * curves[1][k + 1], (1 - w) * curves[2][k] + w * curves[2][k + 1]


def recovered(curve: tuple[np.ndarray, np.ndarray, np.ndarray], mu: float, sd: float, baseline: tuple[float, float], limit: float) -> float:
    """Of those whose count fell below the limit, the share in whom it is above half a year after the last cycle."""
    z = np.linspace(-6, 6, 801)
    w = norm.pdf(z)
    at = mu + sd * z
    needed = [(np.log(limit) - np.log(baseline[0]) - np.interp(at, curve[0], column)) / baseline[1] for column in curve[1:]]
    fell, still = norm.cdf(needed[0]), norm.cdf(np.minimum(needed[1], needed[0]))
    return float(1 - (w * still).sum() / (w * fell).sum())


def rate(curve: tuple[np.ndarray, ...], mu: float, sd: float, baseline: tuple[float, float], limit: float) -> float:
    """Probability that baseline times nadir falls below the limit."""
    z = np.linspace(-6, 6, 801)
    w = norm.pdf(z)
    fall = np.interp(mu + sd * z, curve[0], curve[1])
    p = norm.cdf((np.log(limit) - np.log(baseline[0]) - fall) / baseline[1])
    return float((w * p).sum() / w.sum())


def fit(curve: tuple[np.ndarray, ...], target: dict[str, Any], p1: float | None, p3: float, sd: float) -> tuple[float, float]:
    """Solve (mean log slope, log-SD) for the two rates, or the mean alone for one; log-SD within 0.1-1.5."""
    logit = lambda p: np.log(p / (1 - p))  # noqa: E731
    if p1 is None:
        mu = brentq(lambda m: rate(curve, m, sd, target["baseline"], target["grade3"][0]) - p3, -6, 5)
        return float(mu), sd

    def miss(x: np.ndarray) -> list[float]:
        got = [rate(curve, x[0], x[1], target["baseline"], target[k][0]) for k in ("grade1", "grade3")]
        return [logit(np.clip(g, 1e-6, 1 - 1e-6)) - logit(p) for g, p in zip(got, (p1, p3), strict=True)]

    best = least_squares(miss, [np.log(0.5), 0.5], bounds=([-6, 0.1], [4, 1.5]))
    return float(best.x[0]), float(best.x[1])


def make_blood() -> dict[str, Any]:
    """Fit all lines; the persistent share from the platelets, for all lines of a patient."""
    curves = nadir_curves()
    rng = np.random.default_rng(20260101)
    lines: dict[str, Any] = {}
    shares: list[float] = []
    for line, target in TARGETS.items():
        log_slope, log_sd = [], []
        for i in range(N_FITS):
            draw = {k: rng.beta(target[k][1] + 0.5, target[k][2] - target[k][1] + 0.5) for k in ("grade1", "grade3") if target[k]}
            if "grade1" in draw:
                draw["grade3"] = min(draw["grade3"], 0.8 * draw["grade1"])
            if line == "platelets":
                back = rng.beta(RECOVERED[0] + 0.5, RECOVERED[1] - RECOVERED[0] + 0.5)

                def miss(share: float, back: float = back, draw: dict[str, float] = draw, target: dict[str, Any] = target) -> float:
                    curve = at_share(curves["platelets"], share)
                    mu, sd = fit(curve, target, draw["grade1"], draw["grade3"], 0.5)
                    return recovered(curve, mu, sd, target["baseline"], target["grade1"][0]) - back

                low, high = float(PERSISTENT[0]), float(PERSISTENT[-1])
                share = low if miss(low) < 0 else high if miss(high) > 0 else float(brentq(miss, low, high, xtol=2e-3))
                shares.append(round(share, 4))
            sd = lines["platelets"]["log_sd"][i] if line == "lymphocytes" else 0.5
            mu, sd = fit(at_share(curves[line], shares[i]), target, draw.get("grade1"), draw["grade3"], sd)
            log_slope.append(round(mu, 4))
            log_sd.append(round(sd, 4))
        lines[line] = {"log_slope": log_slope, "log_sd": log_sd, "label": "by construction", "source": target["source"],
                       "targets": {k: target[k] for k in ("grade1", "grade3")}, "baseline_population": target["baseline"]}
    persistent = {"draws": shares, "label": "by construction", "targets": {"recovered": RECOVERED},
                  "source": f"{LABEL}: platelets came back in 68 % of those in whom they fell, judged half a year after the last cycle "
                  "(assumption); the same share for every line (assumption)"}
    return {**BLOOD_FIXED, "covariates": COVARIATES, "persistent_share": persistent, "lines": lines}


def main() -> None:
    """Write the tables."""
    # Reference BED: the usual course at the population's kidney dose (lognormal median 0.45 Gy/GBq), 50 h effective.
    dose, t_eff, t_rep, ab = 0.45 * 7.4, 50.0, 2.8, 2.6
    bed = 4 * dose * (1 + t_rep / (t_rep + t_eff) * dose / ab)
    kidney = {**KIDNEY, "reference_bed_gy": {"value": round(bed, 2), "label": "assumption",
              "source": "4 x 7.4 GBq at 0.45 Gy/GBq, effective half-life 50 h, alpha/beta 2.6 Gy, repair 2.8 h"}}
    for name, table in (
        ("kidney", kidney), ("vessels", VESSELS), ("baseline_rates", BASELINE_RATES), ("myeloid", TMN), ("blood", make_blood()),
    ):
        (DATA / f"{name}.json").write_text(json.dumps(table, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
