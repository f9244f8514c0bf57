#!/usr/bin/env bash
# Median follow-up by the reverse Kaplan-Meier estimate, eight patients seen every six months, so that deaths and ends of follow-up tie.
# Guess: `reverse=True` is the estimate with events and censorings exchanged, as the method is described: 18 months.
# Seen: 12 months. With `reverse=True` those who die at a time no longer count as at risk when the censorings of that time are taken;
# with the indicator exchanged by hand they do. Without ties both agree. The reported follow-up moves by a visit.
. "$(dirname "$0")/_start.sh" scikit-survival==0.28.0 numpy==2.4.6 pandas==2.3.3 scipy==1.17.1
check <<'PY'
import numpy as np
from sksurv.nonparametric import kaplan_meier_estimator

months = np.array([6.0, 6, 12, 12, 12, 12, 18, 24])
died = np.array([1, 0, 1, 1, 0, 0, 0, 0], bool)

def median(times, curve):
    return float(times[curve <= 0.5][0])

reverse = median(*kaplan_meier_estimator(died, months, reverse=True))
exchanged = median(*kaplan_meier_estimator(~died, months))
apart = months + 0.01 * np.arange(8)
same = np.allclose(*(np.interp(apart, *kaplan_meier_estimator(*given, **how)) for given, how in
                     (((died, apart), {"reverse": True}), ((~died, apart), {}))))
print(f"median follow-up: reverse=True {reverse}, events and censorings exchanged {exchanged}; alike without ties: {same}")
holds = reverse == 12 and exchanged == 18 and same
PY
