#!/usr/bin/env bash
# Relative risk of a fistula, 0 of 23 after the therapy against 4 of 23 without it, with its 95 % interval.
# Guess: an upper limit (a score or corrected interval), or an error.
# Seen: 0 to NaN without an error; `odds_ratio` on the same table gives a limit. A table of results shows an empty cell, and a comparison
# with NaN is always False.
. "$(dirname "$0")/_start.sh" scipy==1.17.1 numpy==2.4.6
check <<'PY'
import math
from scipy.stats.contingency import odds_ratio, relative_risk

risk = relative_risk(0, 23, 4, 23).confidence_interval()
odds = odds_ratio([[0, 23], [4, 19]]).confidence_interval()
print("relative risk:", risk, "odds ratio:", odds)
holds = risk.low == 0 and math.isnan(risk.high) and math.isfinite(odds.high)
PY
