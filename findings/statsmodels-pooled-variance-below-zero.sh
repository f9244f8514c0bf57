#!/usr/bin/env bash
# Five series of about 40 patients with like rates, pooled on the logit with random effects after DerSimonian and Laird (combine_effects,
# method_re="dl"); then five that are more alike still.
# Guess: the variance between the series is cut off at zero, as in metafor, meta and RevMan, so random and fixed effect agree.
# Seen: it is left below zero (-0.055). The random effect's standard error is 30 % smaller than the fixed one's; for the second five it
# is NaN, and the pooled rate 36 % instead of 31 %. The default, iterated, is cut off. Few small series often agree more than chance asks.
. "$(dirname "$0")/_start.sh" statsmodels==0.15.0 numpy==2.4.6 pandas==2.3.3 scipy==1.17.1
check <<'PY'
import numpy as np
from statsmodels.stats.meta_analysis import combine_effects

def pooled(events, patients, method="dl"):
    events, patients = np.array(events), np.array(patients)
    result = combine_effects(np.log(events / (patients - events)), 1 / events + 1 / (patients - events), method_re=method)
    return result.tau2, result.summary_frame().loc[["fixed effect", "random effect"], ["eff", "sd_eff"]]

like, alike = ([12, 16, 11, 17, 13], [40, 44, 36, 40, 42]), ([12, 15, 9, 20, 11], [40, 48, 31, 60, 36])
(tau2, few), (tau2_alike, fewer), (tau2_iterated, iterated) = pooled(*like), pooled(*alike), pooled(*like, method="iterated")
print(f"variance between series {tau2:.4f}\n{few}\nmore alike: {tau2_alike:.4f}\n{fewer}\niterated: {tau2_iterated:.4f}\n{iterated}")
narrower = few.loc["random effect", "sd_eff"] < 0.75 * few.loc["fixed effect", "sd_eff"]
moved = abs(fewer.loc["random effect", "eff"] - fewer.loc["fixed effect", "eff"]) > 0.2
holds = tau2 < 0 and narrower and bool(np.isnan(fewer.loc["random effect", "sd_eff"])) and moved and tau2_iterated == 0
PY
