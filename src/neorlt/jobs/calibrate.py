"""``neorlt calibrate``: refit the response model, check a centre's lesions against it, or let a centre's table update its study level."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.core.run import result_folder, write_json


def calibrate_command(
    out: str | Path | None = None, *, leave_out: str | None = None, check: Path | None = None, table: Path | None = None,
    export_likelihood: Path | None = None, import_likelihood: Sequence[Path] = (), seed: int | None = None, dask: str | None = None,
) -> dict[str, Any]:
    """Refit, check or update.

    Without more than ``out``: refit into a new folder (``posterior.npz``, ``posterior.json``, ``run.json``). The chains keep what they have
    done in ``<out>.chains`` beside it, so a run that was stopped goes on from there; they stay where the fit misses the house's rule.

    Parameters
    ----------
    leave_out
        A study that is left out of the fit.
    check
        A centre's table, set against the shipped posterior; nothing is fitted. See :mod:`neorlt.response.centre` for its columns. With
        ``out``: a new folder with ``check.json``, ``check.svg`` (predicted intervals against what was seen, PIT) and ``run.json``.
    table
        A centre's table that updates the effect of its study (``--with``); writes a posterior for that centre.
    export_likelihood
        File that gets the table's likelihood under every draw of the shipped posterior: a number a draw, nothing of a patient.
    import_likelihood
        Such files of other centres: they weigh the draws of what all centres share.
    dask
        Address of a dask scheduler: the chains of a refit run on its workers, the same numbers.

    Raises
    ------
    InputError
        If options do not belong together, a table is bad, or a likelihood belongs to another posterior.
    MissingExtraError
        If arviz is missing.
    """
    from neorlt.response import centre
    from neorlt.response.parameters import draw_parameters

    if dask is not None and (check is not None or table is not None or import_likelihood):
        raise InputError("--dask runs the chains of a refit", remedy="give it with --out alone (and --leave-out)")
    if check is not None:
        if table is not None or leave_out or export_likelihood or import_likelihood:
            raise InputError("--check fits nothing", remedy="give --check TABLE alone (and --out, --json)")
        report = centre.check(centre.read_table(check), draw_parameters(N_CHECK_DRAWS, seed or SEED, "posterior"))
        return report if out is None else _show_check(report, Path(out), check, seed or SEED)
    if table is None and export_likelihood is not None:
        raise InputError("--export-likelihood needs a table", remedy="give --with TABLE.csv")
    if table is not None or import_likelihood:
        return _update(out, table, export_likelihood, import_likelihood, seed or SEED)
    if out is None:
        raise InputError("no folder for the results is given", remedy="give --out DIR, or --check TABLE.csv")
    return _refit(Path(out), leave_out, seed, dask)


N_CHECK_DRAWS = 500
SEED = 1


def _show_check(report: dict[str, Any], out: Path, table: Path, seed: int) -> dict[str, Any]:
    """The check of a centre's lesions as a document and a picture."""
    from neorlt.drawing.svg import standalone
    from neorlt.reporting.figures.centre import draw_check

    with result_folder(out, "calibrate", inputs=[table], options={"check": table.name}, seed=seed) as folder:
        write_json(folder / "check.json", report)
        (folder / "check.svg").write_text(standalone(draw_check(report)), encoding="utf-8")
    return report | {"picture": str(out / "check.svg")}


def _refit(out: Path, leave_out: str | None, seed: int | None, dask: str | None) -> dict[str, Any]:
    from neorlt.core.progress import Told
    from neorlt.response.calibrate import SEED as FIT_SEED
    from neorlt.response.calibrate import calibrate
    from neorlt.response.fitting import need_arviz
    from neorlt.response.studies import fitted

    need_arviz()
    fitted(leave_out)
    seed = FIT_SEED if seed is None else seed
    kept = out.with_name(out.name + ".chains")
    with result_folder(out, "calibrate", options={"leave_out": leave_out}, seed=seed) as folder:
        with Told() as told:
            report, content = calibrate(kept, leave_out=leave_out, seed=seed, progress=told, dask=dask)
        (folder / "posterior.npz").write_bytes(content)
        write_json(folder / "posterior.json", report)
    if report["converged"]:
        shutil.rmtree(kept)  # else an hour's chains would be gone with the only way to see what they lack
    return report


def _update(out: str | Path | None, table: Path | None, export: Path | None, imported: Sequence[Path], seed: int) -> dict[str, Any]:
    """The draws of the shipped posterior weighed by a centre's own table and by other centres' likelihoods."""
    from neorlt.core import draws as core_draws
    from neorlt.response import centre
    from neorlt.response.judging import smooth_weights

    shipped = tables.read_npz("response", "posterior.npz")
    name, n = tables.read_json("response", "posterior.json")["posterior_hash"], len(next(iter(shipped.values())))
    report: dict[str, Any] = {"posterior_hash": name, "study_effect": None}
    free = dict(shipped)
    if imported:
        weight, k = smooth_weights(sum((_read_likelihood(path, name, n) for path in imported), np.zeros(n)))
        index = core_draws.systematic(weight, n, core_draws.generator(seed, "calibrate", "import"))
        free = {key: value[index] for key, value in shipped.items()}
        survivors = float(1 / (weight**2).sum())
        report["imported"] = {"files": len(imported), "effective_draws": survivors, "pareto_k": k, **centre.trust(k, survivors)}
    if table is not None:
        found = centre.update(centre.read_table(table), free, seed)
        report["study_effect"], free = found.report, found.posterior
        if export is not None:
            if imported:
                raise InputError("a likelihood is exported against the shipped posterior", remedy="export without --import-likelihood")
            with export.open("wb") as stream:
                np.savez(stream, log_likelihood=found.log_likelihood, posterior=np.array(name))
            report["exported"] = str(export)
    if out is None:
        return report
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **free)
    report["posterior_hash"] = hashlib.sha256(buffer.getvalue()).hexdigest()
    with result_folder(Path(out), "calibrate", inputs=[path for path in (table, *imported) if path is not None], seed=seed) as folder:
        (folder / "posterior.npz").write_bytes(buffer.getvalue())
        write_json(folder / "posterior.json", report)
    return report


def _read_likelihood(path: Path, name: str, n: int) -> np.ndarray:
    try:
        with np.load(path, allow_pickle=False) as file:
            values, other = np.asarray(file["log_likelihood"], np.float64), str(file["posterior"])
    except (OSError, ValueError, KeyError) as error:
        if _holds_arms(path):
            raise InputError("these are counts of arms, not a likelihood a draw", where=str(path),
                             expected="a file of: neorlt calibrate --with TABLE.csv --export-likelihood FILE.npz",
                             found="likelihood.json of neorlt cohort",
                             remedy="such counts belong to no posterior: they enter the next fit as a study") from error
        raise InputError("this is no exported likelihood", where=str(path), found=str(error),
                         remedy="make it with: neorlt calibrate --with TABLE.csv --export-likelihood FILE.npz") from error
    if other != name or values.shape != (n,):
        raise InputError("the likelihood belongs to another posterior", where=str(path), expected=name[:12], found=other[:12],
                         remedy="export it again with this version")
    return values


def _holds_arms(path: Path) -> bool:
    """Whether a file is what ``neorlt cohort --export-likelihood`` writes."""
    from neorlt.cohorts.contributions import FORMAT

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("format") == FORMAT
