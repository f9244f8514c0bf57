#!/usr/bin/env bash
# A laboratory value of 0 in a SAS transport file (SDTM data come as XPT), read by pandas.
# Guess: 0.0.
# Seen: 5.397605e-79, so `== 0` is False and a logarithm is -181 instead of refused. pyreadstat reads the same file right.
. "$(dirname "$0")/_start.sh" pandas==2.3.3 pyreadstat==1.3.7 numpy==2.4.6
check <<'PY'
import pandas as pd, pyreadstat

pyreadstat.write_xport(pd.DataFrame({"VALUE": [0.0, 1.0, 2.5]}), "lab.xpt", file_format_version=5)
seen = pd.read_sas("lab.xpt", format="xport")["VALUE"].tolist()
right = pyreadstat.read_xport("lab.xpt")[0]["VALUE"].tolist()
print("pandas:", seen, "pyreadstat:", right)
holds = seen[0] != 0.0 and 0 < seen[0] < 1e-70 and seen[1:] == [1.0, 2.5] and right[0] == 0.0
PY
