"""``neorlt calibrate``: refit the response model, check a centre's lesions against it, or let a centre's table update its study level."""

from __future__ import annotations

import hashlib
import json
import shutil
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.core.run import result_folder, write_json
from neorlt.core.zips import DAMAGED

Floats = NDArray[np.float64]


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
    if leave_out is not None and (table is not None or import_likelihood):
        raise InputError("--leave-out refits, --with and --import-likelihood weigh the draws of the shipped fit, which saw every study",
                         remedy="give one of them")
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
    from neorlt.response import centre
    from neorlt.response.own_posterior import DRAWS_FILE, REPORT_FILE, lineage, packed

    shipped, parent = tables.read_npz("response", "posterior.npz"), lineage()
    name, n = str(parent["descends_from"]), len(next(iter(shipped.values())))
    others = [_read_likelihood(path, name, n) for path in imported]
    named = [(str(path), values) for path, values in zip(imported, others, strict=True)]
    for i, (one, values) in enumerate(named):
        refuse_twice(one, values, named[:i])
    lesions = None if table is None else centre.read_table(table)
    found = centre.update(lesions, shipped, seed, np.sum(others, axis=0) if others else None)
    if found.log_likelihood is not None:
        refuse_twice(str(table), found.log_likelihood, named)
    report: dict[str, Any] = {"posterior_hash": name, "study_effect": found.study_effect, **found.trust}
    if lesions is not None and lesions.alike:
        report["warnings"] = [centre.twice(lines) for lines in lesions.alike]
    if others:
        report["imported_files"] = [hashlib.sha256(values.tobytes()).hexdigest() for values in others]
    if export is not None and found.log_likelihood is not None:
        with export.open("wb") as stream:
            np.savez(stream, log_likelihood=found.log_likelihood, posterior=np.array(name))
        report["exported"] = str(export)
    if out is None:
        return report
    content, digest = packed(found.posterior)
    report |= {**parent, "posterior_hash": digest, "name": Path(out).resolve().name, "lesions": 0 if lesions is None else lesions.n,
               "imported": len(others), "n_draws": n}
    with result_folder(Path(out), "calibrate", inputs=[path for path in (table, *imported) if path is not None], seed=seed) as folder:
        (folder / DRAWS_FILE).write_bytes(content)
        write_json(folder / REPORT_FILE, report)
    return report


SAME_NATS = 0.01
"""Two likelihoods that differ by less than this at every draw are of the same lesions: the sums of one table in another order differ by
rounding, those of two tables by whole units at some draw."""


def refuse_twice(one: str, values: Floats, others: Sequence[tuple[str, Floats]]) -> None:
    """Refuse lesions that would count twice: a file or table whose log likelihood ``(draw,)`` another says of every draw.

    Raises
    ------
    InputError
        With both names.
    """
    for other, again in others:
        if np.all(np.abs(values - again) <= SAME_NATS):
            raise InputError("the same lesions would count twice", expected="every centre's likelihood once",
                             found=f"{other} and {one}", where=one, remedy="leave one of them out")


def _read_likelihood(path: Path, name: str, n: int) -> Floats:
    """The log likelihood ``(draw,)`` of a file that another centre exported against the posterior ``name``."""
    asked = "a file of: neorlt calibrate --with TABLE.csv --export-likelihood FILE.npz"
    if _holds_arms(path):
        raise InputError("these are counts of arms, not a likelihood a draw", where=str(path), expected=asked,
                         found="likelihood.json of neorlt cohort",
                         remedy="such counts belong to no posterior: they enter the next fit as a study")
    remedy = "ask that centre for the file that its --export-likelihood wrote"
    if (odd := _not_an_archive(path)) is not None:
        raise InputError("this is no exported likelihood", where=str(path), expected=asked, found=odd,
                         remedy="give your own lesions with --with TABLE.csv" if odd == TEXT else remedy)
    try:
        with np.load(path, allow_pickle=False) as file:
            held = {key: file[key] for key in file.files}
    except (*DAMAGED, OSError) as error:
        raise InputError("the exported likelihood is damaged", where=str(path), expected=asked, found=str(error), remedy=remedy) from error
    if set(held) != {"log_likelihood", "posterior"}:
        raise InputError("this is no exported likelihood", where=str(path), expected=asked,
                         found=f"an archive of {', '.join(sorted(held)[:4]) or 'nothing'}", remedy=remedy)
    other, values = str(held["posterior"]), held["log_likelihood"]
    if other != name or values.shape != (n,):
        raise InputError("the likelihood belongs to another posterior", where=str(path), expected=f"{n} draws of {name[:12]}",
                         found=f"{values.size} of {other[:12]}", remedy="export it again with this version")
    if values.dtype.kind != "f" or not np.all(np.isfinite(values)):
        raise InputError("the exported likelihood is damaged", where=str(path), expected=f"{n} finite numbers",
                         found=f"{int(np.isfinite(values).sum()) if values.dtype.kind == 'f' else 0} of them", remedy=remedy)
    return np.asarray(values, np.float64)


TEXT = "a text file"


def _not_an_archive(path: Path) -> str | None:
    """What a file is that is no archive of numpy; None where it is one."""
    if not path.is_file():
        return "a folder" if path.is_dir() else "no such file"
    try:
        if zipfile.is_zipfile(path):
            return None
        path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return "a file of another kind"
    except OSError as error:
        return error.strerror or str(error)
    return TEXT


def _holds_arms(path: Path) -> bool:
    """Whether a file is what ``neorlt cohort --export-likelihood`` writes."""
    from neorlt.cohorts.contributions import FORMAT

    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(document, dict) and document.get("format") == FORMAT
