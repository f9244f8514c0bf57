#!/usr/bin/env bash
# Attenuation of water for hard photons of our field: 1077 keV (68Ga), 1157 keV (44Sc), 2614 keV (208Tl, which 212Pb ends in).
# Guess: falling with energy as Compton scatter does, or an error outside the table.
# Seen: right up to 800 keV, then the same number for ever: 0.0787 / cm at 2614 keV, where scatter by the formula of Klein and Nishina gives
# 0.042 and pairs add a little, without a word. xraylib ends with an error there.
. "$(dirname "$0")/_start.sh" xraydb==4.5.8 numpy==2.4.6 scipy==1.17.1
check <<'PY'
import numpy as np
import xraydb

ELECTRONS_PER_CM3, RADIUS_CM = 6.02214e23 * 10 / 18.015, 2.8179e-13


def scattered(kev):
    """Compton scatter of water by Klein and Nishina, per cm."""
    k = kev / 510.999
    part = (1 + k) / k**2 * (2 * (1 + k) / (1 + 2 * k) - np.log(1 + 2 * k) / k) + np.log(1 + 2 * k) / (2 * k) - (1 + 3 * k) / (1 + 2 * k) ** 2
    return 2 * np.pi * RADIUS_CM**2 * part * ELECTRONS_PER_CM3


seen = {kev: float(xraydb.material_mu("water", kev * 1000.0)) for kev in (511, 800, 1077, 1157, 2614)}
for kev, per_cm in seen.items():
    print(f"{kev} keV: {per_cm:.4f} / cm, Compton scatter {scattered(kev):.4f}")
still = seen[800] == seen[1077] == seen[1157] == seen[2614]
holds = abs(seen[511] / scattered(511) - 1) < 0.02 and still and seen[2614] > 1.8 * scattered(2614)
PY
