#!/usr/bin/env bash
# Odds ratio and test of a table with an empty cell, 0 of 23 with the event against 4 of 23 (statsmodels.stats.Table2x2, as it comes).
# Guess: 0.5 is added to all four cells for the ratio and its limits, as the documentation says: 0.0922; the test takes the counts as
# they are, p = 0.036.
# Seen: 0.5 goes into the empty cell alone, 0.1033, into the test as well (p = 0.078), and into the caller's own array where that holds
# floats: what is counted from it afterwards has half a patient more. Every table of a rare event with an empty cell is hurt.
. "$(dirname "$0")/_start.sh" statsmodels==0.15.0 numpy==2.4.6 pandas==2.3.3 scipy==1.17.1
check <<'PY'
import numpy as np
from scipy.stats import chi2_contingency
from statsmodels.stats.contingency_tables import Table2x2

counts = np.array([[0.0, 23.0], [4.0, 19.0]])
plain = chi2_contingency(counts, correction=False).pvalue
ratio_of_all_four = 0.5 * 19.5 / (23.5 * 4.5)
table = Table2x2(counts)
ratio, p = float(table.oddsratio), float(table.test_nominal_association().pvalue)
print(f"odds ratio {ratio:.4f} (0.5 in all four cells {ratio_of_all_four:.4f}), p = {p:.3f} (of the counts {plain:.3f})")
print("the caller's array afterwards:", counts.tolist())
holds = abs(ratio - 0.5 * 19 / (23 * 4)) < 1e-12 and plain < 0.05 < p and counts[0, 0] == 0.5 and counts[1, 1] == 19
PY
