"""The blur that the images show at their organs' edges, beside the stated one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_study import FWHM_MM

from neorlt.dosimetry.blur_estimate import BlurEstimate, combine_blur, estimate_blur
from neorlt.dosimetry.compute import compute_doses
from neorlt.imaging.study import Study


def test_edges_tell_the_blur_within_a_millimetre_and_a_wrong_one_is_said(study: Study) -> None:
    found = estimate_blur(study)
    assert found is not None
    assert found.fwhm_mm == pytest.approx(FWHM_MM, abs=1.0)
    assert not found.apart(FWHM_MM, 0.7)
    wrong = compute_doses(replace(study, psf_fwhm_mm=FWHM_MM + 4.0), seed=1, n_draws=50)
    assert any("edges of the organs look blurred" in text for text in wrong.warnings)
    assert wrong.blur is not None and wrong.blur.sd_mm > 1.0
    assert FWHM_MM < wrong.blur.fwhm_mm < FWHM_MM + 4.0


def test_no_edge_no_estimate(study: Study) -> None:
    flat = [v.with_array(np.ones_like(v.array)) if v.modality == "NM" else v for v in study.volumes]
    assert estimate_blur(replace(study, volumes=tuple(flat))) is None
    assert estimate_blur(replace(study, regions=study.lesions())) is None


def test_combination_is_between_both_and_doubts_where_they_differ() -> None:
    edges = BlurEstimate(12.0, 0.6, (("liver", 12.0),))
    same, apart = combine_blur(12.0, 0.6, edges), combine_blur(16.0, 0.6, edges)
    assert same.fwhm_mm == 12.0 and same.sd_mm == pytest.approx(0.6 / np.sqrt(2.0))
    assert apart.fwhm_mm == 14.0 and apart.sd_mm == pytest.approx(2.0)
    alone = combine_blur(12.0, 0.7, None)
    assert (alone.fwhm_mm, alone.sd_mm) == (12.0, 0.7)
