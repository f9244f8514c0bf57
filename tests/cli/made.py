"""The files of :mod:`doors`: one small study, one patient, one of each other thing that a command reads. Needs neorlt alone."""

from __future__ import annotations

import json
from pathlib import Path
from types import ModuleType

import numpy as np
from by_path import load
from centre_folder import write_centre

TESTS = Path(__file__).resolve().parents[1]
ROOT = TESTS.parent


def make(folder: Path) -> dict[str, Path]:
    """Write every file into a folder; name to path."""
    small = load(TESTS / "web" / "small.py")
    study, patient = small.write_small(folder)
    files = {"study": study, "patient": patient, "labels": folder / "labels.nii.gz", "records": TESTS / "data/evidence/pubmed.nbib",
             "registration": TESTS / "data/evidence/nct_v1.json",
             "cohort": ROOT / "examples/cohort/synthetic_cohort.csv"}
    _regions(small, files["labels"])
    files["phantom"] = _phantom(folder / "phantom")
    files["review"], files["record"] = _review(folder / "review", files["records"])
    texts = {
        "names": json.dumps({"1": "liver", "2": "spleen", "3": "kidney-left", "4": "kidney-right", "5": "tumour-1"}),
        "scheme": 'name = "one"\n[[cycle]]\nweek = 0\nactivity_gbq = { "Lu-177" = 7.4 }\n',
        "update": 'week = 6\nplatelets_e9_per_l = 180\n[[lesion]]\nid = "tumour-1"\nlongest_diameter_mm = 40\n',
        "nuclide": 'name = "Xx-100"\nhalf_life_h = 46.5\nsource = "invented"\nbeta_per_decay = 1.0\n'
                   "[[beta_minus]]\nendpoint_mev = 0.7\nper_decay = 1.0\ndaughter_z = 63\n",
        "therapy": 'name = "Tb-161"\n[therapy]\nactivity_gbq = 5.5\nsource = "invented"\n',
        "s_values": _s_values(),
        "s_masses": "organ,mass_g\nspleen,150\n",
        "counts": "study,events,total,design\na,16,17,series\nb,10,12,series\nc,4,8,series\nd,43,58,series\n",
        "trial": (ROOT / "examples/trials/neolupanet.toml").read_text().replace("n_draws = 1000", "n_draws = 50"),
    }
    texts |= {
        "notes": "Radioligand therapy before surgery was given to 12 patients.\n",
        "dictionary": "Variable / Field Name,Form Name,Field Type\nage_y,baseline,text\n",
        "curves": "\n".join(["patient,region,time_h,activity_mbq", *(
            f"p{p},kidney-left,{t},{100 * 0.5 ** (t / (45 + 3 * p)):.3f}" for p in range(8) for t in (4, 24, 96, 168))]) + "\n",
        "blood": "time_h,kbq_per_ml\n0.5,90\n2,60\n24,5\n72,2\n",
        "scans": "activity_mbq,counts,seconds\n500,9000000,1800\n",
    }
    endings = {"names": "json", "s_values": "csv", "s_masses": "csv", "counts": "csv", "notes": "txt", "dictionary": "csv",
               "curves": "csv", "scans": "csv", "blood": "csv"}
    for name, text in texts.items():
        files[name] = folder / f"{name}.{endings.get(name, 'toml')}"
        files[name].write_text(text, encoding="utf-8")
    from neorlt.jobs.cohort import map_command
    from neorlt.jobs.dose import run_dose
    from neorlt.jobs.kinetics import own_population
    from neorlt.jobs.plan import run_plan

    files["plan"] = folder / "plan"
    files["centre"] = write_centre(folder / "centre")
    run_plan(None, patient, files["plan"], schemes=["2 x 7.4 GBq Lu-177 every 8 weeks"], n_draws=200, posterior=files["centre"])
    run_dose(study, folder / "dose", labels=files["labels"], label_names=files["names"], psf_fwhm_mm=8.0, n_draws=50)
    files["previous"] = folder / "dose" / "dose.json"
    files["map"] = folder / "map.toml"
    map_command(files["cohort"], files["map"])
    own_population(files["curves"], folder / "population")
    files["population"] = folder / "population" / "population.toml"
    return files


def _s_values() -> str:
    from neorlt.nuclides.nuclide import get_nuclide

    lutetium, mass_g = get_nuclide("Lu-177"), 150.0
    own = 0.1602176634 * (lutetium.electron_energy_mev + 0.12 * lutetium.photon_energy_mev) / mass_g
    return f"# nuclide: Lu-177\n# phantom: invented\n# unit: mGy/MBq-s\nTarget,Spleen\nSpleen,{own!r}\n"


def _regions(small: ModuleType, out: Path) -> None:
    """The study's own regions as a label map."""
    from neorlt.imaging.nifti import write_nifti
    from neorlt.imaging.volume import Unit, Volume

    grid = small._grid("labels")
    labels = np.zeros(grid.shape, np.float32)
    for number, name in enumerate(("liver", "spleen", "kidney-left", "kidney-right", "tumour-1"), start=1):
        labels[small._ellipsoid(grid, *small.PARTS[name][:2])] = number
    write_nifti(Volume(labels, grid, Unit.HU, "SEG"), out)


def _phantom(folder: Path) -> Path:
    from datetime import datetime

    from neorlt.dicom.identity import Identity, make_uid
    from neorlt.dicom.write_pet import write_pet
    from neorlt.imaging.study import Administration
    from neorlt.imaging.volume import Grid, Unit, Volume

    held = np.load(TESTS / "data/imaging/nema_iq/nema_iq_crop.npz")
    array = held["stored"].astype(np.float32) * float(held["slope"])
    time = datetime(2026, 1, 5, 10, 0)
    frame = make_uid("doors", "phantom")
    who = Identity(patient_id="phantom", patient_name="PHANTOM", birth_date=None, sex="O", age_y=None, weight_kg=10.0, size_m=None,
                   study_uid=make_uid("doors", "phantom study"), study_time=time, frame_of_reference_uid=frame)
    write_pet(Volume(array, Grid(array.shape, held["affine"], frame), Unit.BQ_PER_ML, "PT", time, "F-18", "NEMA phantom"), folder, who,
              administration=Administration("F-18", 50.0, time, "FDG"), decay_correction="START", acquisition_time=time,
              frame_duration_s=600, description="NEMA phantom", series_number=1)
    return folder


def _review(folder: Path, records: Path) -> tuple[Path, Path]:
    from neorlt.evidence.review import ReviewFolder
    from neorlt.jobs.evidence.review import import_command, status_command

    status_command(folder, new=True)
    import_command(folder, [records])
    with ReviewFolder(folder) as review:
        return folder, Path(next(iter(review.records())))
