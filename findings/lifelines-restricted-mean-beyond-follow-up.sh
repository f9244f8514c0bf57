#!/usr/bin/env bash
# Restricted mean survival to 10 years where the last patient was censored at 3.
# Guess: an error, or NaN: the curve is not known after 3 years.
# Seen: the last value of the curve is carried on to the horizon without a word, 4.33 years from three patients followed for three.
. "$(dirname "$0")/_start.sh" lifelines==0.30.3 numpy==2.4.6 pandas==2.3.3
check <<'PY'
import warnings
from lifelines import KaplanMeierFitter
from lifelines.utils import restricted_mean_survival_time

with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    value = float(restricted_mean_survival_time(KaplanMeierFitter().fit([1, 2, 3], [1, 1, 0]), t=10))
told = [str(w.message) for w in told if "lifelines" in str(w.filename) or "beyond" in str(w.message)]
print(f"restricted mean to 10: {value:.4f}; warnings: {told}")
holds = abs(value - (1 + 2 / 3 + 8 / 3)) < 1e-6 and not told
PY
