#!/usr/bin/env bash
# A table written as SAS transport by pyreadstat with its defaults, to be read by pandas or handed to an agency.
# Guess: version 5, the one that the agencies ask for and that pandas reads.
# Seen: the default is version 8; pandas says that it is no transport file at all. `file_format_version=5` is needed.
. "$(dirname "$0")/_start.sh" pandas==2.3.3 pyreadstat==1.3.7 numpy==2.4.6
check <<'PY'
import pandas as pd, pyreadstat

table = pd.DataFrame({"VALUE": [1.0, 2.5]})
pyreadstat.write_xport(table, "default.xpt")
pyreadstat.write_xport(table, "five.xpt", file_format_version=5)
try:
    pd.read_sas("default.xpt", format="xport")
    said = "read"
except ValueError as error:
    said = str(error)
print("default:", said, "| version 5:", pd.read_sas("five.xpt", format="xport")["VALUE"].tolist(), "|", open("default.xpt", "rb").read(40))
holds = "not an XPORT" in said and b"LIBV8" in open("default.xpt", "rb").read(80)
PY
