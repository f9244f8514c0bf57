#!/usr/bin/env bash
# A time-activity curve of four images (5 % noise, weights of it), fitted with two exponentials, hence four parameters, and with one;
# the better one is chosen by Akaike's criterion.
# Guess: no degree of freedom is left, so the errors are infinite or none, as scipy's curve_fit gives them, and no criterion.
# Seen: every error is 0.0 and the criterion -2295 against 6 of the single exponential: a curve through all points always wins, as
# exact. (The printed report warns; the numbers are 0.0 all the same.) Four images are the usual number in our field.
. "$(dirname "$0")/_start.sh" lmfit==1.3.4 numpy==2.4.6 scipy==1.17.1
check <<'PY'
import numpy as np
from lmfit import Model
from scipy.optimize import curve_fit

def two(hours, a, fast, b, slow):
    return a * np.exp(-fast * hours) + b * np.exp(-slow * hours)

def one(hours, b, slow):
    return b * np.exp(-slow * hours)

hours = np.array([4.0, 24.0, 96.0, 168.0])
mbq = two(hours, 3, 0.06, 5, 0.008) * (1 + 0.05 * np.random.default_rng(1).normal(size=4))
start = {"a": 3, "fast": 0.06, "b": 5, "slow": 0.008}
exact = Model(two).fit(mbq, hours=hours, weights=1 / (0.05 * mbq), **start)
single = Model(one).fit(mbq, hours=hours, weights=1 / (0.05 * mbq), b=5, slow=0.008)
errors = [parameter.stderr for parameter in exact.params.values()]
scipy_errors = np.sqrt(np.diag(curve_fit(two, hours, mbq, list(start.values()), sigma=0.05 * mbq)[1]))
print(f"two exponentials: errors {errors}, Akaike {exact.aic:.0f}; one: {single.aic:.1f}; curve_fit: {scipy_errors}")
holds = all(e is not None and e < 1e-6 for e in errors) and exact.aic < single.aic - 100 and bool(np.isinf(scipy_errors).all())
PY
