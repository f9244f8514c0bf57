"""The folder of a centre's posterior: ``posterior.npz`` beside ``posterior.json`` and ``run.json``, written and read on one road."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError
from neorlt.core.manifest import hash_file
from neorlt.core.output import RUN_FILE
from neorlt.core.zips import DAMAGED
from neorlt.response.own import Centre, CentrePosterior
from neorlt.response.parameters import LEVEL_NAMES, MODEL_VERSION, STUDY_NAMES, TUMOUR_NAMES, calibration_report, is_calibrated

FORMAT = "neorlt-centre-posterior/1"
DRAWS_FILE, REPORT_FILE = "posterior.npz", "posterior.json"
SHIPPED_NAMES = frozenset({*TUMOUR_NAMES, "fibrosis_fraction", *LEVEL_NAMES})
AGAIN = "make it again with this version: neorlt calibrate --with TABLE.csv --out DIR"


def packed(draws: Mapping[str, NDArray[Any]]) -> tuple[bytes, str]:
    """The content of ``posterior.npz`` and its SHA-256."""
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{name: np.asarray(value, np.float32) for name, value in draws.items()})
    return buffer.getvalue(), hashlib.sha256(buffer.getvalue()).hexdigest()


def lineage() -> dict[str, Any]:
    """What ``posterior.json`` says of the model and of the shipped posterior whose draws were weighed."""
    report = calibration_report()
    if report is None or not is_calibrated():
        raise InputError("no posterior is shipped that a centre's could descend from", remedy="install a version with a calibration")
    return {"format": FORMAT, "model_version": MODEL_VERSION, "fingerprint": report["fingerprint"],
            "descends_from": report["posterior_hash"]}


def read_posterior(folder: Path) -> CentrePosterior:
    """Read and check the folder that ``neorlt calibrate --with TABLE.csv --out DIR`` wrote.

    Raises
    ------
    InputError
        If it is no such folder, is damaged, of another version of the model, or descends from another posterior than the shipped one.
    """
    folder = Path(folder)
    report = _report(folder)
    found = _hash(folder / DRAWS_FILE)
    if found != report["posterior_hash"]:
        raise InputError("the draws are not those that the posterior's report names", expected=f"SHA-256 {report['posterior_hash'][:12]}",
                         found=found[:12], where=str(folder / DRAWS_FILE), remedy=AGAIN)
    _refuse_changed(folder)
    draws = _draws(folder / DRAWS_FILE, int(report["n_draws"]), with_study=report["lesions"] > 0)
    return CentrePosterior(Centre(**{key: report[key] for key in CENTRE_KEYS}), draws)


CENTRE_KEYS = ("name", "posterior_hash", "descends_from", "lesions", "imported", "effective_draws", "n_draws", "pareto_k", "trusted")


def _hash(path: Path) -> str:
    try:
        return hash_file(path)
    except OSError as error:
        raise InputError("the posterior's draws cannot be read", expected=DRAWS_FILE, found=error.strerror or str(error),
                         where=str(path.parent), remedy=AGAIN) from error


def _report(folder: Path) -> dict[str, Any]:
    """``posterior.json``, of this version, of a posterior that descends from the shipped one."""
    path = folder / REPORT_FILE
    if not path.is_file():
        raise InputError("this is no folder of a centre's posterior", expected=f"{DRAWS_FILE} and {REPORT_FILE}",
                         found="a file" if folder.is_file() else "no such folder" if not folder.exists() else f"no {REPORT_FILE}",
                         where=str(folder), remedy="give the folder of: neorlt calibrate --with TABLE.csv --out DIR")
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError("the posterior's report cannot be read", expected="JSON", found=str(error), where=str(path),
                         remedy=AGAIN) from error
    report = report if isinstance(report, dict) else {}
    if report.get("format") != FORMAT:
        raise InputError("this is no posterior of a centre", expected=FORMAT, where=str(path), remedy=AGAIN,
                         found="a refit of the whole model" if "rhat_max" in report else _short(report.get("format")))
    wanted = lineage()
    for key, problem in (("model_version", "the posterior belongs to another version of the model"),
                         ("descends_from", "the posterior descends from another one than this version ships"),
                         ("fingerprint", "the posterior was made with another response model")):
        if report.get(key) != wanted[key]:
            raise InputError(problem, expected=_short(wanted[key]), found=_short(report.get(key)), where=str(path), remedy=AGAIN)
    number = (int, float)
    kinds: dict[str, Any] = {"name": str, "posterior_hash": str, "lesions": int, "imported": int, "effective_draws": number, "n_draws": int,
                             "pareto_k": (*number, type(None)), "trusted": bool}
    for key, kind in kinds.items():
        value = report.get(key, ...)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
            raise InputError("the posterior's report lacks what is known of it", expected=key, found=_short(report.get(key)),
                             where=str(path), remedy=AGAIN)
    return report


def _short(value: Any) -> str:
    text = str(value)
    return text if len(text) <= 24 else text[:12] + "…"


def _refuse_changed(folder: Path) -> None:
    """Refuse a folder whose files are not those that its ``run.json`` names: the report says whether the draws may be trusted."""
    try:
        outputs = json.loads((folder / RUN_FILE).read_text(encoding="utf-8"))["outputs"]
        stated = {name: str(outputs[name]) for name in (DRAWS_FILE, REPORT_FILE)}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError("how the posterior was made cannot be read", expected=f"the hashes of {DRAWS_FILE} and {REPORT_FILE}",
                         found=str(error), where=str(folder / RUN_FILE), remedy=AGAIN) from error
    for name, sha256 in stated.items():
        if (found := hash_file(folder / name)) != sha256:
            raise InputError("a file of the posterior was changed", expected=f"SHA-256 {sha256[:12]}", found=found[:12],
                             where=str(folder / name), remedy=AGAIN)


def _draws(path: Path, n: int, *, with_study: bool) -> dict[str, NDArray[np.float32]]:
    wanted = SHIPPED_NAMES | (set(STUDY_NAMES) if with_study else set())
    try:
        with np.load(path, allow_pickle=False) as stored:
            draws = {name: np.asarray(stored[name]) for name in stored.files}
    except (*DAMAGED, OSError, AttributeError) as error:
        raise InputError("the posterior's draws cannot be read", expected="an .npz archive of numbers", found=str(error), where=str(path),
                         remedy=AGAIN) from error
    if set(draws) != wanted:
        raise InputError("the posterior's parameters are not those of the model", expected=f"{len(wanted)} names", where=str(path),
                         found=", ".join([*(f"no {name}" for name in sorted(wanted - set(draws))),
                                          *(f"unknown {name}" for name in sorted(set(draws) - wanted))]), remedy=AGAIN)
    for name, value in draws.items():
        finite = int(np.isfinite(value).sum()) if value.dtype.kind == "f" else 0
        if value.shape != (n,) or finite != n:
            raise InputError("a parameter of the posterior cannot be used", expected=f"{n} finite numbers",
                             found=f"{name}: {finite} finite of {value.size}", where=str(path), remedy=AGAIN)
    return draws
