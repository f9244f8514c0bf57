"""``neorlt calibrate``: refit the response model and write what a posterior needs to be shipped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neorlt.core.run import result_folder, write_json


def calibrate_command(out: str | Path, sbc: int | None = None, seed: int | None = None) -> dict[str, Any]:
    """Refit from scratch into a new folder ``out``: ``posterior.npz``, ``posterior.json``, ``run.json``.

    With ``sbc`` that many replicates of simulation-based calibration are run too. Needs the extra ``calibrate``.

    Raises
    ------
    InputError
        If ``out`` holds something that neorlt did not write.
    MissingExtraError
        If numpyro or arviz is missing.
    """
    from neorlt.response import sampling
    from neorlt.response.calibrate import SEED, calibrate

    seed = SEED if seed is None else seed
    sampling.need_numpyro()
    sampling.use_processors()
    with result_folder(Path(out), "calibrate", options={"sbc": sbc}, seed=seed) as folder:
        report, content, _ = calibrate(seed)
        if sbc:
            from neorlt.response.sbc import run_sbc

            report["sbc"] = run_sbc(sbc, seed)
        (folder / "posterior.npz").write_bytes(content)
        write_json(folder / "posterior.json", report)
    return report
