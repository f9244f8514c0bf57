"""Write a bundled digital patient: a DICOM study, what DICOM does not hold, and the truth beside it."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from neorlt.core.output import write_atomic
from neorlt.core.progress import stages
from neorlt.core.run import result_folder
from neorlt.core.tables import read_text
from neorlt.imaging.region import RegionKind
from neorlt.phantoms.cases import PET, SPECT, Case, case
from neorlt.phantoms.images import stated_fwhm_mm, study_in_memory
from neorlt.phantoms.truth import truth_document

STAGES = (("imaging the patient", 50.0), ("writing CT and PET", 20.0), ("writing the regions", 20.0), ("writing SPECT", 10.0))


def write_example(name: str, out: Path, *, seed: int = 0) -> dict[str, Any]:
    """Write ``out/study/``, ``out/patient.toml`` and ``out/truth.json`` of the bundled patient ``name``.

    The study holds a CT, the baseline 68Ga-DOTATATE PET, 177Lu-DOTATATE SPECT at 4, 24, 96 and 168 h of cycle 1, regions as
    SEG and RTSTRUCT, and ``settings.toml`` with the blur that the centre's phantom reports. The same seed writes the same
    files; another seed draws other noise on the same truth.

    Returns
    -------
    dict
        ``study``, ``patient`` and ``truth``: the three paths as text.

    Raises
    ------
    InputError
        If there is no example of that name, or ``out`` holds something that neorlt did not write.

    """
    patient = case(name)
    out = Path(out)
    # undated: the same seed writes the same bytes
    with result_folder(out, "example", options={"name": name}, seed=seed, dated=False) as work:
        with stages(*STAGES) as at:
            _write_study(patient, work / "study", seed, at)
        write_atomic(work / "patient.toml", read_text("phantoms", f"{name}_patient.toml"))
        truth = truth_document(name, seed, stated_fwhm_mm())
        write_atomic(work / "truth.json", json.dumps(truth, indent=1) + "\n")
    return {"study": str(out / "study"), "patient": str(out / "patient.toml"), "truth": str(out / "truth.json")}


def _write_study(patient: Case, folder: Path, seed: int, at: Callable[[str], None]) -> None:
    from neorlt.dicom.identity import Identity, make_uid
    from neorlt.dicom.write_ct import write_ct
    from neorlt.dicom.write_nm import write_spect
    from neorlt.dicom.write_pet import write_pet
    from neorlt.dicom.write_rtstruct import write_rtstruct
    from neorlt.dicom.write_seg import write_seg

    frame = make_uid(patient.name, str(seed), "frame")
    study = study_in_memory(patient.name, seed=seed, frame=frame)
    label = f"synthetic-{patient.name}"

    def identity(visit: str, time: datetime) -> Identity:
        return Identity(
            patient_id=label,
            patient_name=f"SYNTHETIC^{patient.name.upper()}",
            birth_date=None,
            sex=study.sex or "",
            age_y=study.age_y,
            weight_kg=study.weight_kg,
            size_m=None,
            study_uid=make_uid(patient.name, str(seed), visit),
            study_time=time,
            frame_of_reference_uid=frame,
        )

    at("writing CT and PET")
    tracer, therapy = study.administrations
    baseline = identity("baseline", tracer.time)
    (ct,) = study.ct_images()
    ct_paths = write_ct(ct, folder / "ct", baseline, description=ct.description, series_number=1)
    (pet,) = study.pet_images()
    assert pet.time is not None
    write_pet(
        pet,
        folder / "pet",
        baseline,
        administration=tracer,
        decay_correction="START",
        acquisition_time=pet.time,
        frame_duration_s=PET.duration_s,
        description=pet.description,
        series_number=2,
    )
    at("writing the regions")
    write_seg(study.regions, ct_paths, folder / "seg.dcm", baseline, description="synthetic regions SEG", series_number=3)
    write_rtstruct(
        # the body's outline has thousands of points a slice and stands in the SEG
        [region for region in study.regions if region.kind is not RegionKind.BODY],
        ct_paths,
        folder / "rtstruct.dcm",
        baseline,
        description="synthetic regions RTSTRUCT",
        series_number=4,
    )
    at("writing SPECT")
    for number, spect in enumerate(study.therapy_images()):
        assert spect.time is not None
        hours = (spect.time - therapy.time).total_seconds() / 3600
        write_spect(
            spect,
            folder / f"spect_{hours:03.0f}h.dcm",
            identity("cycle-1", therapy.time),
            administration=therapy,
            acquisition_time=spect.time,
            frame_duration_s=SPECT.duration_s,
            description=spect.description,
            series_number=10 + number,
        )
    write_atomic(folder / "settings.toml", _settings())


def _settings() -> str:
    return (
        "# Settings of this synthetic study, as a centre would state them.\n"
        "# Blur of the reconstructed SPECT (full width at half maximum), from the recovery of the six spheres\n"
        "# of a NEMA body phantom imaged on the same camera.\n"
        f"psf_fwhm_mm = {stated_fwhm_mm()}\n"
    )
