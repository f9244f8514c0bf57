"""``neorlt calibrate-camera``: counts to Bq/ml from scans of a phantom, as ``calibration.toml``."""

from __future__ import annotations

import tempfile
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from neorlt.core.errors import InputError
from neorlt.core.run import result_folder, write_json

if TYPE_CHECKING:
    from neorlt.dosimetry.camera_calibration import CalibrationScan

PHANTOM = "phantom.toml"
_KEYS = {"nuclide", "activity_mbq", "measured_at", "activity_relative_sd", "source"}


def calibrate_camera_command(
    phantom: Path, out: Path, *, nuclide: str | None = None, activity_relative_sd: float | None = None
) -> dict[str, Any]:
    """Write ``calibration.toml`` and ``calibration.json``; returns the document.

    Parameters
    ----------
    phantom
        A CSV of ``activity_mbq,counts,seconds``; or a folder with the phantom's SPECT in counts (one scan, or several while it decays)
        and ``phantom.toml``: ``nuclide``, ``activity_mbq``, ``measured_at`` (date and time), ``activity_relative_sd``, ``source``.
    nuclide, activity_relative_sd
        Needed with a CSV; over ``phantom.toml`` else.

    Raises
    ------
    InputError
        For what lacks or cannot be read.
    """
    from neorlt.dosimetry.camera_calibration import calibrate_camera, read_scans
    from neorlt.nuclides.nuclide import get_nuclide

    phantom = Path(phantom)
    facts: dict[str, Any] = {}
    if phantom.is_dir():
        facts = read_facts(phantom)
        name = get_nuclide(nuclide or facts["nuclide"]).name
        scans = spect_scans(phantom, name, float(facts["activity_mbq"]), facts["measured_at"])
        source = str(facts["source"])
    else:
        if nuclide is None:
            raise InputError("the nuclide of the scans is not stated", where=phantom.name, remedy="give --nuclide, for example Lu-177")
        name, scans, source = get_nuclide(nuclide).name, read_scans(phantom), f"scans of {phantom.name}"
    sd = activity_relative_sd if activity_relative_sd is not None else facts.get("activity_relative_sd")
    if sd is None:
        raise InputError(
            "the uncertainty of the phantom's activity is not stated", expected="a relative standard uncertainty such as 0.02",
            remedy="give --activity-sd, or activity_relative_sd in phantom.toml",
        )
    found = calibrate_camera(scans, activity_relative_sd=float(sd))
    document = {"nuclide": name, "source": source, **found.as_json()}
    with result_folder(out, "calibrate-camera", inputs=[phantom]) as work:
        (work / "calibration.toml").write_text(calibration_toml(document), encoding="utf-8")
        write_json(work / "calibration.json", document)
    return document


def calibration_toml(document: dict[str, Any]) -> str:
    """The file that stands beside a study's images in counts."""
    dead = document["dead_time_us"]
    known = "not known" if dead is None else f"{dead:.2f} +- {document['dead_time_sd_us']:.2f} us (paralysable); not corrected in images"
    text = str(document["source"]).replace("\\", "/").replace('"', "'")
    return (
        f"# Made by neorlt calibrate-camera. Put it beside the SPECT in counts.\n# Dead time: {known}.\n"
        f"cps_per_mbq = {document['cps_per_mbq']:.6g}\nrelative_sd = {document['relative_sd']:.4g}\n"
        f'nuclide = "{document["nuclide"]}"\nsource = "{text}"\n'
        '# A factor that the camera keeps in a private attribute was applied, and is to be in the images too.\npixel_scale = "apply"\n'
    )


def read_facts(folder: Path) -> dict[str, Any]:
    """What ``phantom.toml`` says of the phantom.

    Raises
    ------
    InputError
        If it lacks, or says too little.
    """
    from neorlt.core.toml_file import read_toml, refuse_unknown

    facts = read_toml(folder / PHANTOM, "the phantom's description", "write phantom.toml: nuclide, activity_mbq, measured_at, source")
    refuse_unknown(facts, _KEYS, PHANTOM)
    activity, moment = facts.get("activity_mbq"), facts.get("measured_at")
    good = isinstance(activity, int | float) and not isinstance(activity, bool) and activity > 0 and isinstance(moment, datetime)
    if not good or not facts.get("nuclide") or not facts.get("source"):
        raise InputError(
            "the phantom's description is incomplete", where=PHANTOM, remedy="complete it",
            expected='nuclide = "Lu-177", activity_mbq = 500.0, measured_at = 2026-03-02T09:00:00, source = "dose calibrator"',
        )
    return facts


def spect_scans(folder: Path, nuclide: str, activity_mbq: float, measured_at: datetime) -> list[CalibrationScan]:
    """Count rate of every SPECT in a folder, with the phantom's activity at its time.

    The images go the road of every SPECT in counts, with a calibration of 1 cps/MBq: what then reads as MBq are counts per second.
    """
    import os

    from neorlt.dicom.read import read_study
    from neorlt.dosimetry.camera_calibration import CalibrationScan
    from neorlt.nuclides.nuclide import get_nuclide

    half_life = get_nuclide(nuclide).half_life_h
    with tempfile.TemporaryDirectory(prefix="neorlt-") as name:
        work = Path(name)
        for number, file in enumerate(sorted(p for p in folder.rglob("*") if p.is_file() and p.suffix.lower() not in (".toml", ".csv"))):
            os.symlink(file.resolve(), work / f"{number:05d}-{file.name}")
        (work / "calibration.toml").write_text(
            f'cps_per_mbq = 1.0\nrelative_sd = 0.01\nnuclide = "{nuclide}"\nsource = "counts per second"\n'
            'pixel_scale = "apply"\n', encoding="utf-8")
        (work / "settings.toml").write_text(
            '[correction]\nreason = "a phantom: its activity and the moment it was measured at"\n'
            f"injected_activity_mbq = {activity_mbq!r}\ninjection_time = {measured_at.isoformat()}\n", encoding="utf-8")
        study = read_study(work)
    scans = []
    for image in study.therapy_images():
        if image.time is None:
            raise InputError("a scan of the phantom has no time", remedy="give the acquisition date and time (0008,0022), (0008,0032)")
        hours = (image.time - measured_at).total_seconds() / 3600.0
        counts_per_second = float(image.array.sum(dtype=float)) * image.grid.voxel_ml / 1e6
        # the variance of a reconstruction is not its counts: one second stands for all, and the scans' scatter for their noise
        now_mbq = activity_mbq * 2.0 ** (-hours / half_life)
        scans.append(CalibrationScan(f"SPECT of {image.time:%Y-%m-%d %H:%M}", now_mbq, counts_per_second, 1.0))
    return scans
