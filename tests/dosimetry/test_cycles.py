"""Several cycles: sums world by world, BED over real intervals, the fall recovered, contradictions refused; sizes of doubt of the user."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from small_study import INJECTION, ORGANS, make_study, true_tia_mbq_h

from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.documents.dose import read_dose
from neorlt.dosimetry.compute import DoseResult, compute_doses
from neorlt.dosimetry.cycles import cumulate, start_weeks
from neorlt.dosimetry.fit import physical_half_life_h
from neorlt.dosimetry.population import LastCycle
from neorlt.dosimetry.previous import read_previous
from neorlt.dosimetry.uncertainty import DEFAULT, settings_from
from neorlt.imaging.study import Study
from neorlt.jobs.cycles import course_document, course_page, fit_course, update_toml
from neorlt.jobs.dose import dose_document
from neorlt.jobs.study import one_cycle, split_cycles

FALL = 0.2


def _cycle(n: int, images: int = 4) -> Study:
    """The synthetic study ``n`` eight-week intervals later, every uptake down by 20 % a cycle."""
    study = make_study(seed=20 + n)
    later = timedelta(weeks=8 * n)
    spect = study.therapy_images()[:images]
    volumes = [v for v in study.volumes if v.modality != "NM"]
    volumes += [replace(v.with_array(v.array * (1 - FALL) ** n), time=v.time + later) for v in spect]  # type: ignore[operator]
    moved = replace(study.administrations[0], time=INJECTION + later)
    return replace(study, volumes=tuple(volumes), administrations=(moved,))


@pytest.fixture(scope="module")
def course() -> tuple[list[Study], list[DoseResult]]:
    studies = [_cycle(n, images) for n, images in enumerate((4, 3, 3))]
    fitted = fit_course(
        studies, [DEFAULT] * 3, psf_fwhm_mm=None, correct=True, seed=1, n_draws=200, previous=None, population=None
    )
    return studies, [compute_doses(s, seed=1, n_draws=200, fitted=f) for s, f in zip(studies, fitted, strict=True)]


def test_cumulated_dose_and_fall_are_the_truth(course: tuple[list[Study], list[DoseResult]]) -> None:
    studies, results = course
    rows = cumulate([r.doses for r in results], [s.therapy_administration().time for s in studies], ["primary"])
    for organ, row in zip(ORGANS, rows, strict=True):
        first = results[0].doses[[o.name for o in ORGANS].index(organ.name)]
        gy_per_mbq_h = float(np.median(first.draws_gy / first.tia.draws_mbq_h))
        truth = gy_per_mbq_h * true_tia_mbq_h(organ, 7400.0) * sum((1 - FALL) ** n for n in range(3))
        assert np.median(row.dose_gy) == pytest.approx(truth, rel=0.15 if row.is_lesion else 0.06)
        assert row.fall is not None and np.median(row.fall) == pytest.approx(FALL, abs=0.05)
        assert np.all(row.bed_gy > row.dose_gy)
        # what the cycles share does not average out
        assert np.std(np.log(row.dose_gy)) > 0.5 * np.std(np.log(first.draws_gy))


def test_document_page_and_update_of_a_course(course: tuple[list[Study], list[DoseResult]], tmp_path: Path) -> None:
    studies, results = course
    documents = [dose_document(s, r, settings=DEFAULT) for s, r in zip(studies, results, strict=True)]
    document = course_document(studies, results, documents)
    assert [one.week for one in document.cycles] == [0.0, 8.0, 16.0]
    assert {row.name for row in document.cumulated} == {organ.name for organ in ORGANS}
    assert document.fall_per_cycle.lesions is not None
    assert document.fall_per_cycle.lesions.median == pytest.approx(FALL, abs=0.05)
    assert "| primary |" in course_page(document)
    update = update_toml(document)
    assert "week = 16.00" in update and 'id = "primary"' in update and update.count("kidney_dose_gy") == 1
    # three images and a cycle before: its washout is the prior
    assert str(document.cycles[1].regions[0].prior).startswith("the last cycle")
    # what is written is what is read, and the next cycle's prior is that of the last
    assert read_dose(document.text) == document
    (tmp_path / "dose.json").write_text(document.text, encoding="utf-8")
    for tia in results[-1].tias:
        last, read = LastCycle.of(tia, physical_half_life_h(tia.nuclide)), read_previous(tmp_path)[tia.name]
        assert (read.log_mean, read.log_variance) == pytest.approx((last.log_mean, last.log_variance), rel=1e-6)
    swapped = document.as_json()
    swapped["regions"] = swapped["cycles"][0]["regions"]
    with pytest.raises(InputError, match="not those of the last cycle"):
        read_dose(json.dumps(swapped))


def test_a_region_of_some_cycles_only_is_said(course: tuple[list[Study], list[DoseResult]]) -> None:
    studies, results = course
    part = [results[0].doses, tuple(d for d in results[1].doses if d.name != "primary")]
    rows = cumulate(part, [s.therapy_administration().time for s in studies[:2]], ["primary"])
    assert {row.name: row.cycles for row in rows}["primary"] == (1,)
    assert next(row for row in rows if row.name == "primary").fall is None


def test_one_study_with_two_injections_is_two_cycles() -> None:
    one, two = _cycle(0), _cycle(1, 2)
    both = replace(one, volumes=(*one.volumes, *two.therapy_images()), administrations=(*two.administrations, *one.administrations))
    parts = split_cycles(both)
    assert [len(part.therapy_images()) for part in parts] == [4, 2]
    assert [part.therapy_administration().time for part in parts] == [INJECTION, INJECTION + timedelta(weeks=8)]
    assert split_cycles(one) == [one]
    later = replace(both.administrations[0], time=INJECTION + timedelta(weeks=16))
    with pytest.raises(InputError, match="no SPECT"):
        split_cycles(replace(both, administrations=(*both.administrations, later)))


def test_one_of_two_cycles_is_taken_by_its_number() -> None:
    one, two = _cycle(0), _cycle(1, 2)
    both = replace(one, volumes=(*one.volumes, *two.therapy_images()), administrations=(*two.administrations, *one.administrations))
    with pytest.raises(InputError, match="several cycles") as refused:
        compute_doses(both, n_draws=100)
    assert "--cycle 1" in str(refused.value)
    second = one_cycle(both, 2)
    assert second.therapy_administration().time == INJECTION + timedelta(weeks=8)
    assert second.warnings[-1] == "The folder holds 2 cycles; this is cycle 2, injected 2026-04-27 09:00."
    assert [v.time for v in second.therapy_images()] == [v.time for v in two.therapy_images()]
    assert one_cycle(one, 1) is one
    for number in (0, 3):
        with pytest.raises(InputError, match="no such cycle.*2026-03-02 09:00, 2026-04-27 09:00"):
            one_cycle(both, number)


def test_cycles_out_of_order_are_refused() -> None:
    with pytest.raises(InputError, match="not in the order"):
        start_weeks([INJECTION + timedelta(weeks=8), INJECTION])


def test_sizes_of_doubt_are_the_users_with_their_source() -> None:
    own = settings_from({"calibration": 0.05, "blur_mm": 1.2, "source": "phantom scans"})
    assert (own.calibration_cv, own.psf_fwhm_sd_mm, own.s_value_cv) == (0.05, 1.2, DEFAULT.s_value_cv)
    assert own.origins()["calibration_cv"] == (Label.MEASURED, "phantom scans")
    assert own.as_json()["blur_mm"]["label"] == "measured"
    assert own.origins()["s_value_cv"][0] is not Label.MEASURED
    wrong = [({"calibration": 0.05}, "source"), ({"calibration": 2, "source": "x"}, "out of range"), ({"cal": 1}, "unknown key")]
    for table, message in wrong:
        with pytest.raises(InputError, match=message):
            settings_from(table)
