#!/usr/bin/env bash
# Cumulative hazard of four patients of whom three have the event at one time (needed for multiple imputation of covariates).
# Guess: Nelson-Aalen adds events over patients at risk: 3/4 at the first time.
# Seen: by default 1/4 + 1/3 + 1/2 = 1.083 (the events are taken one after another); `nelson_aalen_smoothing=False` gives 3/4.
. "$(dirname "$0")/_start.sh" lifelines==0.30.3 numpy==2.4.6 pandas==2.3.3
check <<'PY'
from lifelines import NelsonAalenFitter

times, events = [1, 1, 1, 2], [1, 1, 1, 1]
default, plain = (NelsonAalenFitter(nelson_aalen_smoothing=s).fit(times, events).cumulative_hazard_.iloc[1, 0] for s in (True, False))
usual = NelsonAalenFitter().fit(times, events).cumulative_hazard_.iloc[1, 0]
print(f"hazard at the first time: default {usual:.4f}, without smoothing {plain:.4f}")
holds = abs(usual - (1 / 4 + 1 / 3 + 1 / 2)) < 1e-9 and abs(plain - 0.75) < 1e-9 and usual == default
PY
