"""The same analysis as a plain pandas and lifelines script would do it: ``TABLE IMPUTATIONS``."""

import sys
import warnings

import numpy as np
import pandas as pd
from lifelines import AalenJohansenFitter, CoxPHFitter, KaplanMeierFitter
from lifelines.statistics import logrank_test, proportional_hazard_test
from lifelines.utils import restricted_mean_survival_time
from sklearn.experimental import enable_iterative_imputer  # noqa: F401 - lets IterativeImputer be imported
from sklearn.impute import IterativeImputer
from sklearn.linear_model import LogisticRegression

warnings.filterwarnings("ignore")
d = pd.read_csv(sys.argv[1])
for c in [c for c in d if c.endswith("_date")]:
    d[c] = pd.to_datetime(d[c])
M = 365.25 / 12
d["time"] = (d.last_date - d.baseline_date).dt.days / M
d["event"] = (d.died == "yes").astype(int)
d["rlt"] = (d.group == "rlt").astype(int)
rec = d.recurrence_date
d["pfs"] = (rec.fillna(d.last_date) - d.baseline_date).dt.days / M
d["cause"] = np.where(rec.notna(), 1, np.where(d.event == 1, 2, 0))
op = d[d.surgery_date.notna() & ~(rec < d.surgery_date)]
rfs = (op.recurrence_date.fillna(op.last_date) - op.surgery_date).dt.days / M
rcause = np.where(op.recurrence_date.notna(), 1, np.where(op.event == 1, 2, 0))
for t, e, g, c in (
    (d.time, d.event, d.rlt, None),
    (d.pfs, (d.cause > 0).astype(int), d.rlt, d.cause),
    (rfs, (rcause > 0).astype(int), op.rlt, pd.Series(rcause, op.index)),
):
    for k in (0, 1):
        km = KaplanMeierFitter().fit(t[g == k], e[g == k])
        median = km.median_survival_time_
        restricted_mean_survival_time(km, t=60)
        if c is not None:
            AalenJohansenFitter().fit(t[g == k], c[g == k], 1)
    logrank_test(t[g == 1], t[g == 0], e[g == 1], e[g == 0])
    x = pd.DataFrame({"t": t, "e": e, "rlt": g})
    m = CoxPHFitter().fit(x, "t", "e")
    proportional_hazard_test(m, x, time_transform="km")
X = pd.DataFrame(
    {
        "rlt": d.rlt,
        "age": d.age_y,
        "male": (d.sex == "M").astype(int),
        "size": np.log2(d.size_before_mm),
        "ki": np.log2(d.ki67_before_pct.clip(lower=0.5)),
        "nodes": (d.nodes_positive == "yes").astype(int),
        "liver": (d.liver_metastases == "yes").astype(int),
        "t": d.time,
        "e": d.event,
    }
)
cc = X.dropna()
CoxPHFitter().fit(cc, "t", "e")
z = cc.drop(columns=["rlt", "t", "e"])
p = LogisticRegression(C=1e6, max_iter=500).fit((z - z.mean()) / z.std(), cc.rlt).predict_proba((z - z.mean()) / z.std())[:, 1]
w = cc[["rlt", "t", "e"]].assign(w=np.where(cc.rlt == 1, 1 - p, p))
CoxPHFitter().fit(w, "t", "e", weights_col="w", robust=True)
for s in range(int(sys.argv[2])):
    f = pd.DataFrame(IterativeImputer(sample_posterior=True, max_iter=1, random_state=s).fit_transform(X), columns=X.columns)
    CoxPHFitter().fit(f, "t", "e")
r = d[d.rlt == 1]
cut = ((r.surgery_date - r.baseline_date).dt.days / M).where(lambda v: v < r.time)
a = pd.DataFrame({"start": 0.0, "stop": cut.fillna(r.time), "e": np.where(cut.notna(), 0, r.event), "op": 0})
b = pd.DataFrame({"start": cut, "stop": r.time, "e": r.event, "op": 1})[cut.notna()]
tv = pd.concat([a, b])
tv = tv[tv.stop > tv.start]
CoxPHFitter().fit(tv, "stop", "e", entry_col="start")
