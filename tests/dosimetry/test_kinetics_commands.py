"""Predicted doses on the command line: what-if by receptor kinetics, and from a baseline PET; never called a measurement."""

from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from neorlt.cli import app
from neorlt.core.errors import InputError
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry import sstr
from neorlt.dosimetry.fit import physical_half_life_h
from neorlt.dosimetry.s_values import sphere_s_gy_per_mbq_h
from neorlt.jobs.kinetics import from_pet, what_if

run = CliRunner().invoke


def test_activity_scales_the_dose_and_nothing_else() -> None:
    answer = what_if(instead={"activity_gbq": [3.7]}, n_draws=60)
    reference, half = answer["settings"]
    for organ in ("tumour", "kidneys", "spleen"):
        assert half[organ]["ratio_of_dose"]["median"] == pytest.approx(0.5)
        assert half[organ]["gy_per_gbq"] == reference[organ]["gy_per_gbq"]


def test_more_peptide_fills_the_receptors_and_more_tumour_takes_from_the_spleen() -> None:
    answer = what_if(peptide_ug=50, instead={"peptide_ug": [400], "total_tumour_ml": [1000]}, n_draws=80)
    _, full, sink = answer["settings"]
    assert full["tumour"]["ratio_of_dose"]["ci90"][1] < 1.0
    assert sink["spleen"]["ratio_of_dose"]["median"] < 0.95
    assert sink["tumour"]["ratio_of_dose"]["median"] == pytest.approx(1.0, abs=0.1)


def test_the_dose_is_residence_times_the_sphere_of_its_mass() -> None:
    answer = what_if(tumour_ml=30.0, nuclide="Y-90", n_draws=50, seed=3)["settings"][0]
    half_life = physical_half_life_h("Y-90")
    people = sstr.patients(peptide_ug=150, tumour_ml=30, total_tumour_ml=30, n_draws=50, seed=3)
    residence = sstr.simulate(people, half_life_h=half_life).residence_h
    tumour = residence[3] * 1000 * sphere_s_gy_per_mbq_h("Y-90", 30 * SOFT_TISSUE_G_PER_CM3)
    assert answer["tumour"]["gy_per_gbq"]["median"] == pytest.approx(float(np.median(tumour)))
    kidney_g = people.volume_ml[1, 0] / 2 * SOFT_TISSUE_G_PER_CM3
    kidney = residence[2] / 2 * 1000 * sphere_s_gy_per_mbq_h("Y-90", kidney_g)
    assert answer["kidneys"]["gy_per_gbq"]["median"] == pytest.approx(float(np.median(kidney)))


def test_pet_keeps_its_spread_and_says_what_it_is() -> None:
    answer = from_pet([20.0, 60.0], activity_gbq=5.0, n_draws=4000)
    low, high = answer["lesions"]
    assert high["gy_per_gbq"]["median"] > low["gy_per_gbq"]["median"]
    assert low["dose_gy"]["median"] == pytest.approx(5 * low["gy_per_gbq"]["median"])
    assert low["gy_per_gbq"]["ci90"][1] / low["gy_per_gbq"]["ci90"][0] > 2.5
    assert answer["r_squared"] == pytest.approx(0.44)
    assert "not a measurement" in answer["notice"]
    assert answer["label"] != "measured"


def test_words_on_the_command_line() -> None:
    shown = run(app, ["kinetics", "what-if", "--try-peptide-ug", "50,300", "--try-activity-gbq", "3.7"])
    assert shown.exit_code == 0, shown.output
    assert shown.output.startswith("Predicted from")
    assert "not a measurement" in " ".join(shown.output.split())
    assert "peptide 300 µg" in shown.output
    document = json.loads(run(app, ["kinetics", "what-if", "--try-tumour-ml", "20", "--json"]).output)
    assert document["settings"][1]["changed"] == {"tumour_ml": 20.0}
    shown = run(app, ["kinetics", "pet", "--suv", "15, 40", "--volume-ml", "20,5", "--nuclide", "Y-90"])
    assert shown.output.startswith("Predicted from PET")
    assert "assumption" in shown.output
    assert json.loads(run(app, ["kinetics", "pet", "--suv", "15", "--json", "--suv-median", "10"]).output)["suv_reference"]["median"] == 10


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: what_if(peptide_ug=0), "not above 0"),
        (lambda: what_if(instead={"dose_gy": [1]}), "unknown question"),
        (lambda: what_if(nuclide="I-131"), "no therapy is planned"),
        (lambda: from_pet([1.0, 2.0], volume_ml=[3.0]), "do not match"),
        (lambda: from_pet([10.0], nuclide="Y-90"), "volume"),
        (lambda: from_pet([10.0], activity_gbq=0), "activity is not above 0"),
        (lambda: from_pet([10.0], suv_log_sd=-1.0), "out of range"),
        (lambda: from_pet([-1.0]), "SUV is not above 0"),
    ],
)
def test_wrong_questions_are_refused(call: object, words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()  # type: ignore[operator]
