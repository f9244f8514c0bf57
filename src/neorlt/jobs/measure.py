"""``neorlt measure``: SUV and size of lesions, and the response between studies."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from neorlt.clinic.by_chance import noise_document
from neorlt.core.errors import InputError
from neorlt.dicom.read import read_study
from neorlt.imaging.measures import Diameter, RegionUptake, longest_diameter, measure_region
from neorlt.imaging.region import Region
from neorlt.imaging.response import follow_studies
from neorlt.imaging.study import Study
from neorlt.imaging.suv import suv_images
from neorlt.imaging.uptake import against_organs, normal_uptake
from neorlt.imaging.volume import Volume


def measure_command(
    study_folder: Path,
    *,
    labels: Path | None = None,
    label_names: Mapping[int, str] | Path | None = None,
    follow_up: Path | Sequence[Path] = (),
    krenning: bool = False,
    ledger: bool = False,
) -> dict[str, Any]:
    """Measure every lesion of a study on every PET: SUV, volume, longest and perpendicular diameter.

    With ``follow_up``, one or more later studies of the same patient in order of time, their lesions are measured too and
    the response is given: that of the last study, with those before it under ``series``.

    Parameters
    ----------
    krenning
        Give the Krenning scale read on PET. It was written for planar images and is only restated for PET, so it is left
        out unless asked for; the product label's rule (at least the liver's uptake) is always given.
    ledger
        Give the scale ledger too: every step from stored numbers to the images' units.

    Returns
    -------
    dict
        ``lesions`` (one entry per lesion and PET: ``id``, ``study``, ``time``, ``volume_ml``, ``longest_diameter_mm``,
        ``perpendicular_diameter_mm``, ``slice_mm``, ``ends_mm``, ``suv_max``, ``suv_mean``, ``suv_peak``,
        ``total_lesion_uptake_ml``, ``tumour_to_liver``, ``tumour_to_spleen``, ``at_least_liver``, ``krenning_score``,
        ``reason``), ``response``, ``warnings``, ``sources``, ``patient``, ``roles`` (``name``, ``role``,
        ``why``, ``volume_ml``, ``source`` of every region); with ``ledger`` also ``ledger``
        (``image``, ``step``, ``tag``, ``value``, ``unit``, ``from``).

    Raises
    ------
    InputError
        If a study cannot be read, or the first holds no lesion, or the studies are of different patients.

    """
    study = read_study(Path(study_folder), labels=labels, label_names=label_names)
    document = measure_study(study, krenning=krenning)
    if ledger:
        document["ledger"] = [row.as_json() for row in study.ledger]
    folders = [Path(follow_up)] if isinstance(follow_up, str | Path) else [Path(f) for f in follow_up]
    if not folders:
        return document
    later = [read_study(folder) for folder in folders]
    followed = follow_studies([study, *later])
    responses = [found.as_json() for found in followed]
    for number, one in enumerate(later, start=1):
        if one.lesions():
            document["lesions"] += [{**row, "study": number} for row in measure_study(one, krenning=krenning)["lesions"]]
        document["warnings"] += [f"Follow-up {number}: {w}" for w in one.warnings]
        document["sources"] += [f"Follow-up {number}: {s}" for s in one.sources]
    sizes = [size.before_mm for size in followed[-1].sizes if size.target]
    noise = noise_document(len(later) + 1, sizes) if sizes else None
    document["response"] = {**responses[-1], "series": responses, "by_noise_alone": noise}
    document["response_reason"] = None
    return document


def response_sentences(response: Mapping[str, Any]) -> list[str]:
    """Say a response of the measured document in words."""
    said = []
    for number, one in enumerate(response["series"], start=1):
        change = "" if one["sum_change_pct"] is None else f" ({one['sum_change_pct']:+z.0f} %)"
        said.append(
            f"Follow-up {number}: RECIST 1.1 {one['recist']}, sum {one['sum_before_mm']:.0f} to {one['sum_after_mm']:.0f} mm{change}; "
            f"Choi {one['choi'] or 'not given: ' + str(one['choi_reason'])}; "
            f"mRECIST {one['mrecist'] or 'not given: ' + str(one['mrecist_reason'])}."
        )
        said += [f"  new: {name}" for name in one["new"]] + [f"  not drawn any more: {name}" for name in one["gone"]]
        said += [f"  {note}" for note in one["notes"]]
    if response.get("by_noise_alone"):
        said.append(response["by_noise_alone"]["sentence"])
    return said


def measure_study(study: Study, *, krenning: bool = False) -> dict[str, Any]:
    """Return the document of :func:`measure_command` for a study that is read already."""
    lesions = study.lesions()
    if not lesions:
        raise InputError(
            "the study holds no lesion to measure",
            found=f"{len(study.regions)} regions, none of them a lesion" if study.regions else "no region",
            remedy="add an RTSTRUCT or SEG with the lesions, or give --regions LABELS.nii.gz with --names",
        )
    images = suv_images(study)
    sizes = {lesion.name: longest_diameter(lesion) for lesion in lesions}
    rows = []
    for image in images or (None,):
        organs = {} if image is None else {name: normal_uptake(image, study, name) for name in ("liver", "spleen")}
        for lesion in lesions:
            uptake = None if image is None else measure_region(image, lesion)
            row = _row(lesion, sizes[lesion.name], image, uptake, None if image is not None else "the study holds no PET")
            rows.append(row | against_organs(uptake, organs, krenning))
    rows.sort(key=lambda row: [lesion.name for lesion in lesions].index(row["id"]))
    return {
        "patient": study.patient_key,
        "lesions": rows,
        "response": None,
        "response_reason": "one set of contours: response needs lesions measured in two studies (--follow-up)",
        "roles": study.role_rows(),
        "warnings": list(study.warnings),
        # the formula with every number used stands beside what was read
        "sources": [*study.sources, *(note for image in images for note in image.notes if "SUVbw =" in note)],
    }


def _row(lesion: Region, size: Diameter, image: Volume | None, uptake: RegionUptake | None, reason: str | None) -> dict[str, Any]:
    return {
        "id": lesion.name,
        "nuclide": image.nuclide if image is not None else None,
        "study": 0,
        "time": image.time.isoformat() if image is not None and image.time is not None else None,
        "volume_ml": lesion.volume_ml,
        "longest_diameter_mm": size.longest_mm,
        "perpendicular_diameter_mm": size.perpendicular_mm,
        "slice_mm": size.slice_mm,
        "ends_mm": [list(end) for end in size.ends_mm],
        "suv_max": None if uptake is None else uptake.maximum,
        "suv_mean": None if uptake is None else uptake.mean,
        "suv_peak": None if uptake is None else uptake.peak,
        "total_lesion_uptake_ml": None if uptake is None else uptake.total,
        "source": lesion.source,
        "reason": reason,
    }
