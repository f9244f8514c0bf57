"""Make the shipped table of mono-energetic electron point kernels in water by Monte Carlo.

Usage: ``python tools/nuclides/make_electron_kernels.py [--histories N] [--seed S]`` (needs a C compiler; about ten
minutes on two cores). Writes ``src/neorlt/nuclides/data/electron_kernels.npz``: for every energy the CSDA range, the
radiated fraction, the cumulative fraction of the *collision-deposited* energy inside r/R (R the CSDA range) and the
spectrum of the radiated energy (shares in bins of photon energy over initial energy; each row sums to 1).
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
from bremsstrahlung import engine_table  # noqa: E402

TABLE = HERE.parents[1] / "src" / "neorlt" / "nuclides" / "data" / "electron_kernels.npz"
ENERGIES_MEV = np.geomspace(0.010, 2.5, 33)
R_OVER_CSDA = np.linspace(0.0, 1.2, 241)


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--histories", type=int, default=40_000)
    parser.add_argument("--seed", type=int, default=2026)
    parser.add_argument("--out", type=Path, default=TABLE)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        program = Path(work) / "electron_kernel"
        source = str(HERE / "electron_kernel.c")
        subprocess.run(["cc", "-O3", "-march=native", "-ffast-math", "-o", str(program), source, "-lm"], check=True)

        def run(energy: float) -> dict:
            command = [str(program), f"{energy:.8g}", str(options.histories), str(options.seed)]
            result = subprocess.run(command, input=engine_table(energy), capture_output=True, text=True, check=True)
            print(f"{energy:.4f} MeV", file=sys.stderr)
            return json.loads(result.stdout)

        with ThreadPoolExecutor(os.cpu_count()) as pool:
            rows = list(pool.map(run, ENERGIES_MEV[::-1]))[::-1]
    deposited = np.array([row["cumulative"] for row in rows])
    deposited = np.concatenate([np.zeros((len(rows), 1)), deposited], axis=1)
    # Photons below 1 % of the initial energy are counted as continuous: they share the first bin.
    spectrum = np.array([row["spectrum"] for row in rows])
    spectrum[:, 0] += np.array([row["radiated"] for row in rows]) - spectrum.sum(axis=1)
    defect = max(abs(row["cumulative"][-1] + row["beyond"] + row["radiated"] - 1) for row in rows)
    print(f"largest energy defect {defect:.1e}", file=sys.stderr)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(
        options.out,
        energy_mev=ENERGIES_MEV,
        csda_g_per_cm2=np.array([row["csda_g_cm2"] for row in rows]),
        radiated_fraction=np.array([row["radiated"] for row in rows]),
        r_over_csda=R_OVER_CSDA,
        cumulative=(deposited / deposited[:, -1:]).astype(np.float32),
        bremsstrahlung_share=(spectrum / spectrum.sum(axis=1, keepdims=True)).astype(np.float32),
        histories=np.array(options.histories),
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
