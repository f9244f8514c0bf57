"""``neorlt lesions``: draw lesions on SSTR PET for a reader to judge, and hand them back as a SEG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np

from neorlt.core.anatomy import Organ, organ_of
from neorlt.core.errors import InputError
from neorlt.core.run import result_folder, write_json
from neorlt.dicom.export import drawable
from neorlt.dicom.owner import find_owner
from neorlt.dicom.read import read_study
from neorlt.dicom.write_label_map import write_label_map
from neorlt.dicom.write_seg import write_seg
from neorlt.imaging.measures import longest_diameter, measure_region
from neorlt.imaging.region import Region
from neorlt.imaging.segment import Method, lesion_candidates, relative_threshold, segment_lesion
from neorlt.imaging.study import Study
from neorlt.imaging.suv import ligand_images
from neorlt.imaging.volume import Volume

SEG_FILE, LABEL_FILE = "lesions_seg.dcm", "lesions.nii.gz"
SERIES_NUMBER = 908
LIVER_FACTOR = 1.5
"""Times the mean of normal liver: a usual start for a reader, not a validated rule."""


def lesions_command(
    study_folder: Path,
    out: Path,
    *,
    labels: Path | None = None,
    label_names: Mapping[int, str] | Path | None = None,
    suv: float | None = None,
    organ: str = "liver",
    factor: float = LIVER_FACTOR,
    least_ml: float = 0.5,
    search_liver: bool = False,
    points_mm: Sequence[Sequence[float]] = (),
    method: str = "adaptive",
    value: float = 0.41,
) -> dict[str, Any]:
    """Draw lesions on the first PET of a study and write them to ``out/lesions_seg.dcm``.

    Without points: every connected part above a threshold that lies outside the organs (physiological uptake). With points:
    the lesion round each point by ``method``. Either way they are candidates for a reader.

    Parameters
    ----------
    labels, label_names
        Label map with organs (TotalSegmentator's output, for example) and its names; organs of the study count too.
    suv
        Fixed threshold; left out, ``factor`` times the mean of ``organ``.
    search_liver
        Look inside the liver too: its normal part then counts as background, not as uptake to leave out.
    points_mm
        ``(x, y, z)`` in patient millimetres, one a lesion.
    method, value
        As :func:`neorlt.imaging.segment.segment_lesion`.

    Returns
    -------
    dict
        ``lesions`` (``id``, ``volume_ml``, ``longest_diameter_mm``, ``suv_max``, ``suv_mean``, ``centre_mm``, ``drawn_by``),
        ``threshold_suv``, ``threshold_from``, ``organs_left_out``, ``files``, ``warnings``, ``sources``, ``label``.

    Raises
    ------
    InputError
        Without a PET, without organs where candidates are looked for, without the organ of the threshold, or where nothing
        is found.
    """
    study = read_study(Path(study_folder), labels=labels, label_names=label_names)
    images = ligand_images(study)
    if not images:
        raise InputError("the study holds no PET to draw lesions on", remedy="give a study with an SSTR PET")
    pet = images[0]
    threshold: float | None = None
    how, left_out = f"{method}, round the given points", []
    if points_mm:
        found = [_round_point(pet, number, point, method, value) for number, point in enumerate(points_mm, start=1)]
    else:
        threshold, how = _threshold(study, pet, suv, organ, factor)
        left_out = [r for r in study.organs() if not (search_liver and organ_of(r.name) is Organ.LIVER)]
        if not left_out:
            raise InputError(
                "no organ is drawn, so physiological uptake cannot be left out",
                expected="kidneys, spleen, bladder and the like",
                remedy="give --regions LABELS.nii.gz with --names, or --at points",
            )
        found = lesion_candidates(pet, left_out, threshold, least_ml=least_ml)
        if not found:
            raise InputError(
                f"nothing of {least_ml:g} ml or more lies above SUV {threshold:.3g} outside the organs",
                remedy="lower --suv, --factor or --least-ml, or give --at points",
            )
    owner = find_owner(Path(study_folder), pet.grid.frame_of_reference)
    if owner is None:  # a study of which a PET was read has at least that
        raise InputError("the study's images cannot be found again", remedy="give the folder that holds them")
    found, notes = drawable(found, owner)
    if not found:
        raise InputError("no lesion fills half a voxel of the reference images", remedy="draw larger ones, or lower the threshold")
    with result_folder(out, "lesions", inputs=[Path(study_folder)], options={"threshold": how}) as folder:
        write_seg(found, owner.paths, folder / SEG_FILE, owner.identity, description="Lesions drawn on PET, not yet read",
                  series_number=SERIES_NUMBER)  # fmt: skip
        write_label_map(found, owner.paths, folder / LABEL_FILE)
        document = {
            "lesions": [_row(pet, lesion) for lesion in found],
            "threshold_suv": threshold,
            "threshold_from": how,
            "organs_left_out": [organ.name for organ in left_out],
            "files": [SEG_FILE, LABEL_FILE],
            "warnings": [*study.warnings, *notes],
            "sources": [*study.sources, *(note for note in pet.notes if "SUVbw =" in note)],
            "label": "candidates for a reader to judge: copy the SEG into the study, or correct it in a viewer first",
        }
        write_json(folder / "lesions.json", document)
    return document


def _threshold(study: Study, pet: Volume, suv: float | None, organ: str, factor: float) -> tuple[float, str]:
    if suv is not None:
        return suv, "fixed"
    meant = organ_of(organ)
    reference = next(
        (r for r in study.organs() if r.name.lower() == organ.lower() or (meant is not None and organ_of(r.name) is meant)), None
    )
    if reference is None:
        raise InputError(
            f"the threshold is taken from the {organ}, which is not drawn",
            expected=organ,
            found=", ".join(r.name for r in study.organs()) or "no organ",
            remedy="give --regions LABELS.nii.gz with --names, another --organ, or --suv",
        )
    return relative_threshold(pet, reference, factor), f"{factor:g} times the mean of the {reference.name}"


def _round_point(pet: Volume, number: int, point: Sequence[float], method: str, value: float) -> Region:
    if method not in get_args(Method):
        raise InputError("unknown way to draw a lesion", expected=", ".join(get_args(Method)), found=method, remedy="choose one")
    if len(point) != 3:
        raise InputError("a point needs three numbers", expected="x,y,z in patient mm", found=str(list(point)), remedy="give three")
    x, y, z = point
    return segment_lesion(pet, (x, y, z), name=f"lesion-{number}", method=method, value=value)  # type: ignore[arg-type]


def _row(pet: Volume, lesion: Region) -> dict[str, Any]:
    uptake = measure_region(pet, lesion)
    weight = lesion.occupancy.astype(np.float64)
    index = np.stack(np.nonzero(weight), axis=-1)
    centre = lesion.grid.index_to_mm(np.average(index, axis=0, weights=weight[tuple(index.T)]))
    return {
        "id": lesion.name,
        "volume_ml": lesion.volume_ml,
        "longest_diameter_mm": longest_diameter(lesion).longest_mm,
        "suv_max": uptake.maximum,
        "suv_mean": uptake.mean,
        "centre_mm": [round(float(v), 1) for v in np.ravel(centre)],
        "drawn_by": lesion.source,
    }
