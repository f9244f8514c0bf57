"""``neorlt kinetics``: doses before any image: what another amount of peptide would do, and what a baseline PET lets expect.

Both are predictions, and every document says so in its first line: neither is ever shown as a measurement.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core import draws as core_draws
from neorlt.core.draws import summarise
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry import sstr
from neorlt.dosimetry.fit import physical_half_life_h
from neorlt.dosimetry.pet_to_therapy import NOTICE as PET_NOTICE
from neorlt.dosimetry.pet_to_therapy import SuvReference, lesion_population, predict_from_pet
from neorlt.dosimetry.s_values import sphere_s_gy_per_mbq_h
from neorlt.jobs.nuclides import read_therapy_nuclides
from neorlt.nuclides.therapy import planned_nuclide, therapy_nuclide

SSTR_NOTICE = "Predicted from the receptor kinetics of nine patients (Siebinga 2023): not a measurement of this patient's dose."
SHOWN = ("tumour", "kidneys", "spleen")
QUESTIONS = {"peptide_ug": "µg", "activity_gbq": "GBq", "tumour_ml": "ml", "total_tumour_ml": "ml"}
"""What can be asked, and its unit."""


def _summary(draws: Any) -> dict[str, Any]:
    found: dict[str, Any] = summarise(np.asarray(draws, np.float64)).as_json()
    return found


def _doses(setting: Mapping[str, float], nuclide: str, n_draws: int, seed: int) -> dict[str, dict[str, Any]]:
    """Residence time and dose draws of each shown organ; the same patients in every setting of one seed."""
    people = sstr.patients(
        peptide_ug=setting["peptide_ug"],
        tumour_ml=setting["tumour_ml"],
        total_tumour_ml=setting["total_tumour_ml"],
        n_draws=n_draws,
        seed=seed,
    )
    kinetics = sstr.simulate(people, half_life_h=physical_half_life_h(nuclide))
    found = {}
    for name in SHOWN:
        row = sstr.BOUND.index(name)
        mass_g = float(people.volume_ml[row, 0]) * SOFT_TISSUE_G_PER_CM3
        # Both kidneys are one compartment; each holds half, and a beta of 90Y leaves each as it leaves one.
        one = mass_g / 2.0 if name == "kidneys" else mass_g
        residence = kinetics.residence_h[row + 1]
        per_gbq = residence * 1000.0 * sphere_s_gy_per_mbq_h(nuclide, one) * (one / mass_g)
        found[name] = {"residence_h": residence, "gy_per_gbq": per_gbq, "dose_gy": per_gbq * setting["activity_gbq"]}
    return found


def what_if(
    *,
    peptide_ug: float = 150.0,
    activity_gbq: float = 7.4,
    tumour_ml: float = 80.0,
    total_tumour_ml: float | None = None,
    instead: Mapping[str, Sequence[float]] | None = None,
    nuclide: str = "Lu-177",
    nuclide_files: Sequence[Path] = (),
    n_draws: int = core_draws.N_DRAWS,
    seed: int = 1,
) -> dict[str, Any]:
    """Dose of one cycle by the receptor model, and what changes with one input changed.

    Parameters
    ----------
    peptide_ug, activity_gbq, tumour_ml, total_tumour_ml
        The setting that is compared with; all tumours together are the tumour itself where left out.
    instead
        Other values of :data:`QUESTIONS`, each tried alone.
    nuclide
        A nuclide of the registry of therapies; ``nuclide_files`` add others to it.
    n_draws, seed
        Virtual patients; the same ones in every setting, so that a ratio is of one patient with himself.

    Returns
    -------
    dict
        JSON-able: ``settings``, the first being the reference, each with residence time (h), Gy per GBq and Gy of tumour,
        kidneys and spleen (median and 90 % interval) and, for the others, ``ratio_of_dose`` to the reference.

    Raises
    ------
    InputError
        For an unknown question or nuclide, an amount that is not above 0, or a tumour larger than all together.
    """
    read_therapy_nuclides(nuclide_files)
    reference = {
        "peptide_ug": peptide_ug,
        "activity_gbq": activity_gbq,
        "tumour_ml": tumour_ml,
        "total_tumour_ml": tumour_ml if total_tumour_ml is None else total_tumour_ml,
    }
    asked = dict(instead or {})
    unknown = sorted(set(asked) - set(QUESTIONS))
    if unknown:
        raise InputError("unknown question", expected=", ".join(QUESTIONS), found=", ".join(unknown), remedy="ask one of these")
    settings: list[tuple[dict[str, float], dict[str, float]]] = [({}, reference)]
    for name, values in asked.items():
        settings += [({name: float(v)}, {**reference, name: float(v)}) for v in values]
    if total_tumour_ml is None:
        for changed, setting in settings:
            if "total_tumour_ml" not in changed:
                setting["total_tumour_ml"] = max(setting["total_tumour_ml"], setting["tumour_ml"])
    if any(value <= 0 or not np.isfinite(value) for _, setting in settings for value in setting.values()):
        raise InputError("an amount is not above 0", expected="µg, GBq and ml above 0", remedy="correct the options")
    planned_nuclide(nuclide)
    rows, base = [], _doses(reference, nuclide, n_draws, seed)
    for changed, setting in settings:
        doses = base if not changed else _doses(setting, nuclide, n_draws, seed)
        row: dict[str, Any] = {"changed": changed, "setting": setting}
        for organ, found in doses.items():
            row[organ] = {key: _summary(draws) for key, draws in found.items()}
            if changed:
                row[organ]["ratio_of_dose"] = _summary(found["dose_gy"] / base[organ]["dose_gy"])
        rows.append(row)
    return {
        "notice": SSTR_NOTICE,
        "label": str(Label.ASSUMPTION),
        "nuclide": nuclide,
        "n_draws": n_draws,
        "seed": seed,
        "settings": rows,
        "notes": [
            "The amount of peptide does not follow the activity here: state both.",
            "The tumour is one sphere of the stated volume. All tumours together act on the spleen alone (sink effect).",
        ],
    }


def from_pet(
    suv: Sequence[float],
    *,
    nuclide: str = "Lu-177",
    nuclide_files: Sequence[Path] = (),
    volume_ml: Sequence[float] | None = None,
    activity_gbq: float | None = None,
    suv_median: float | None = None,
    suv_log_sd: float | None = None,
    n_draws: int = core_draws.N_DRAWS,
    seed: int = 1,
) -> dict[str, Any]:
    """Doses that a baseline 68Ga PET lets expect, lesion by lesion.

    Parameters
    ----------
    suv
        SUV of each lesion.
    nuclide
        A nuclide of the registry of therapies; ``nuclide_files`` add others to it.
    volume_ml
        Volume of each lesion; needed for 90Y.
    activity_gbq
        Of one cycle; the usual one of the nuclide where left out, and said to be assumed.
    suv_median, suv_log_sd
        The centre's own distribution of SUVs; an assumption of this project where left out.
    n_draws, seed
        Of the draws.

    Raises
    ------
    InputError
        If an SUV is not above 0, or the volumes do not match.
    """
    read_therapy_nuclides(nuclide_files)
    values = [float(v) for v in suv]
    if volume_ml is not None and len(volume_ml) != len(values):
        raise InputError(
            "SUVs and volumes do not match",
            expected=f"{len(values)} volumes",
            found=str(len(volume_ml)),
            remedy="give one volume for each SUV, in the same order",
        )
    entry = therapy_nuclide(planned_nuclide(nuclide))
    assumed = activity_gbq is None
    if activity_gbq is None:
        activity_gbq = entry.activity_gbq
    if not activity_gbq > 0:
        raise InputError("the activity is not above 0", found=f"{activity_gbq:g}", remedy="give GBq above 0")
    known = SuvReference()
    if suv_median is not None or suv_log_sd is not None:
        median, log_sd = suv_median or known.median, suv_log_sd or known.log_sd
        if not (median > 0 and log_sd > 0):
            raise InputError("the distribution of SUVs is out of range", remedy="give a median and a log-SD above 0")
        known = SuvReference(median, log_sd, Label.MEASURED, "stated by the user")
    prediction = predict_from_pet(values, nuclide=entry.name, volume_ml=volume_ml, reference=known, n_draws=n_draws, seed=seed)
    lesions = []
    for i, value in enumerate(values):
        draws = np.asarray(prediction.gy_per_gbq)[:, i]
        lesions.append(
            {
                "suv": value,
                "volume_ml": None if volume_ml is None else float(volume_ml[i]),
                "gy_per_gbq": _summary(draws),
                "dose_gy": _summary(draws * activity_gbq),
            }
        )
    return {
        "notice": PET_NOTICE,
        "label": str(prediction.label),
        "nuclide": nuclide,
        "activity_gbq": activity_gbq,
        "activity_from": f"assumed: {entry.source}" if assumed else "stated",
        "r_squared": float(lesion_population()["suv_r2"]),
        "suv_reference": {"median": known.median, "log_sd": known.log_sd, "label": str(known.label), "source": known.source},
        "lesions": lesions,
        "n_draws": n_draws,
        "seed": seed,
    }


def own_population(table: Path, out: Path, *, seed: int = 1) -> dict[str, Any]:
    """A centre's own population of curves: writes ``population.toml``, which ``--population`` reads, and returns the document.

    Raises
    ------
    InputError
        If the table cannot be read, or holds too few curves of every kind of region.
    """
    from neorlt.core.run import result_folder, write_json
    from neorlt.dosimetry.population_table import fit_population, population_toml, read_curves

    made, left = fit_population(read_curves(table), seed=seed)
    if not made:
        raise InputError(
            "the table makes no population", expected="5 curves of 3 points or more of one kind of region", found=" ".join(left) or "none",
            where=Path(table).name, remedy="add curves; until then the shipped population stands",
        )
    rows = [one.as_json() for one in made]
    document = {
        "organs": [row for row in rows if row["name"] != "lesion"],
        "lesions": next((row for row in rows if row["name"] == "lesion"), None),
        "warnings": left,
    }
    with result_folder(out, "kinetics population", inputs=[Path(table)], seed=seed) as work:
        (work / "population.toml").write_text(population_toml(made, Path(table).name), encoding="utf-8")
        write_json(work / "population.json", document)
    return document


def best_second_image(
    first_h: float, half_lives_h: Sequence[float] = (), *, nuclide: str = "Lu-177", noise_ratio: float = 1.0,
    nuclide_files: Sequence[Path] = (),
) -> dict[str, Any]:
    """When the second of two images is best, region by region and for all of them at once.

    Parameters
    ----------
    first_h
        Hours after injection of the first image.
    half_lives_h
        Effective half-lives, h; those of the shipped population (kidney, spleen, liver, lesion) where left out.
    nuclide
        Of the population's half-lives.
    noise_ratio
        Relative error of the second reading over that of the first; above 1 where the later image has few counts.

    Returns
    -------
    dict
        JSON-able: ``regions`` (``name``, ``effective_half_life_h``, ``best_h``, ``from_h``, ``to_h`` (None: no end), ``reason``),
        ``for_all_h`` (None where a region has no best time), ``sentence``, ``assumptions``.

    Raises
    ------
    InputError
        If a number is not above 0.
    """
    from neorlt.dosimetry.few_points import usual_half_life_h
    from neorlt.dosimetry.population import POPULATION
    from neorlt.dosimetry.two_point import second_image, second_image_for_all

    read_therapy_nuclides(nuclide_files)
    physical = physical_half_life_h(planned_nuclide(nuclide))
    usual = {name: usual_half_life_h(prior, physical) for name, prior in POPULATION.items()}
    asked = [(f"{value:g} h", float(value)) for value in half_lives_h] or [(n, h) for n, h in usual.items() if h is not None]
    if any(half_life > physical for _, half_life in asked):
        raise InputError("an effective half-life is longer than the physical one", expected=f"up to {physical:.1f} h of {nuclide}",
                         found=", ".join(name for name, half_life in asked if half_life > physical), remedy="give effective half-lives")
    rows: list[dict[str, Any]] = []
    for name, half_life in asked:
        row: dict[str, Any] = {"name": name, "effective_half_life_h": half_life, "best_h": None, "from_h": None, "to_h": None}
        if first_h >= half_life / np.log(2.0) and first_h > 0:
            row["reason"] = "the first image lies after the mean life: every later image helps a little more, none is best"
        else:
            found = second_image(first_h, half_life, noise_ratio)
            row |= {"best_h": found.best_h, "from_h": found.from_h, "to_h": found.to_h if np.isfinite(found.to_h) else None, "reason": None}
        rows.append(row)
    best = [row for row in rows if row["best_h"] is not None]
    both = second_image_for_all(first_h, [half_life for _, half_life in asked], noise_ratio) if len(best) == len(rows) else None
    said = "; ".join(f"{row['name']} {row['best_h']:.0f} h" for row in best) or "none: the first image is too late"
    return {
        "first_h": first_h, "nuclide": nuclide, "noise_ratio": noise_ratio, "regions": rows, "for_all_h": both,
        "half_lives_from": "stated" if half_lives_h else "the shipped population (assumption)",
        "sentence": f"After an image at {first_h:g} h the second is best at: {said}."
                    + ("" if both is None or len(rows) == 1 else f" One for all of them: {both:.0f} h."),
        "label": str(Label.BY_CONSTRUCTION),
        "assumptions": ["one exponential through both images, errors of the readings independent, to first order",
                        "what both images share (calibration, recovery) is not changed by when they are taken"],
    }
