"""Make ``photon_coefficients.csv``: photoelectric and incoherent mass attenuation of four tissues, 8-340 keV.

Run once in an environment with ``xraydb`` (public domain; Elam, Ravel & Sieber 2002, Radiat. Phys. Chem. 63, 121):
``python tools/phantoms/make_photon_table.py``. Compositions by mass: ICRU Report 44 / ICRP 23 (soft tissue, adipose,
cortical bone), as printed in NIST's table of X-ray attenuation media; air by volume of nitrogen, oxygen and argon.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import xraydb

TISSUES = {
    "air": {"N": 0.7553, "O": 0.2318, "Ar": 0.0128, "C": 0.0001},
    "adipose": {"H": 0.114, "C": 0.598, "N": 0.007, "O": 0.278, "Na": 0.001, "S": 0.001, "Cl": 0.001},
    "soft": {"H": 0.102, "C": 0.143, "N": 0.034, "O": 0.708, "Na": 0.002, "P": 0.003, "S": 0.003, "Cl": 0.002, "K": 0.003},
    "bone": {"H": 0.034, "C": 0.155, "N": 0.042, "O": 0.435, "Na": 0.001, "Mg": 0.002, "P": 0.103, "S": 0.003, "Ca": 0.225},
}

energy = np.geomspace(8.0, 340.0, 120)
lines = ["tissue,energy_kev,photoelectric_cm2_per_g,incoherent_cm2_per_g"]
for tissue, parts in TISSUES.items():
    photo = sum(share * xraydb.mu_elam(element, energy * 1000, kind="photo") for element, share in parts.items())
    incoherent = sum(share * xraydb.mu_elam(element, energy * 1000, kind="incoh") for element, share in parts.items())
    lines += [f"{tissue},{e:.5f},{p:.6g},{i:.6g}" for e, p, i in zip(energy, photo, incoherent, strict=True)]
Path(__file__).with_name("photon_coefficients.csv").write_text("\n".join(lines) + "\n")
