"""Red-marrow dose, two ways that disagree: from blood samples and from images of vertebrae.

Blood-based doses of 177Lu-DOTATATE are several times lower than image-based ones (Bergsma 2016: 0.067 ± 0.007 Gy/GBq
from blood and whole-body planar images; from vertebrae a median of 0.33 Gy a treatment,
EJNMMI Res 2024 s13550-024-01077-7, 59 patients). Both are given side by side with that sentence; neither is corrected to
the other.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core.draws import generator
from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.dosimetry.objects import Dose

Floats = NDArray[np.float64]
MARROW_EXTRACELLULAR_FRACTION = 0.19
"""Extracellular fluid fraction of red marrow (Sgouros 1993, J Nucl Med 34:689); RMBLR = 0.19 / (1 − haematocrit)."""
ABSORBED_FRACTION = (0.57, 1.0)
"""Electrons of marrow's own activity that stay in marrow, lowest and highest believed, all between alike (assumption).

1 lets none into trabecular bone and is an upper bound. The lower end is what OLINDA's S-values of red marrow to itself hold of 177Lu's
electron energy: 1.15e-5 mGy/(MBq s) in 1170 g (man) and 1.49e-5 in 900 g (woman), photons of the marrow in it; read in a third party's
transcription (PyTheranostics, ``dosimetry/phantomdata``), not in OLINDA. None was found of other nuclides: theirs is that of 177Lu.
"""
ABSORBED_FRACTION_SOURCE = (
    "assumption: even between 0.57, which OLINDA's S-values of red marrow to itself mean for 177Lu (read in a transcription), and 1, "
    "the upper bound; no source says where between them"
)
JOULE_PER_MEV = 1.602176634e-13
DISAGREEMENT = (
    "Marrow doses from blood and from images disagree several-fold in the literature "
    "(0.067 Gy/GBq from blood and planar images, Bergsma 2016; median 0.33 Gy a treatment from vertebrae, EJNMMI Res 2024): "
    "they are shown side by side and not averaged."
)


@dataclass(frozen=True)
class MarrowDose:
    """``draws_gy`` ``(draw,)`` of one method."""

    method: str
    draws_gy: Floats
    label: Label
    note: str = DISAGREEMENT


def marrow_to_blood_ratio(haematocrit: ArrayLike) -> Floats:
    """Red-marrow-to-blood concentration ratio 0.19 / (1 − haematocrit) for an agent that does not bind in marrow.

    Raises
    ------
    InputError
        For a haematocrit outside 0.1 to 0.7.
    """
    value = np.asarray(haematocrit, dtype=np.float64)
    if np.any((value < 0.1) | (value > 0.7)):
        raise InputError(
            "haematocrit is out of range", expected="0.1 to 0.7", found=str(value), remedy="give a fraction, not per cent"
        )
    return np.asarray(MARROW_EXTRACELLULAR_FRACTION / (1.0 - value))


def absorbed_fraction_draws(n_draws: int, seed: int) -> Floats:
    """Part of the marrow's own electron energy that stays in marrow, ``(draw,)``: even between :data:`ABSORBED_FRACTION`."""
    return np.asarray(generator(seed, "marrow absorbed fraction").uniform(*ABSORBED_FRACTION, n_draws))


def is_vertebra(name: str) -> bool:
    """Whether a region's name is that of a vertebra or of marrow itself."""
    return bool(re.search(r"vertebra|lumbar|marrow|\b[lt]-?\d{1,2}\b", name.lower()))


def marrow_dose_from_blood(
    blood_mbq_h_per_ml: ArrayLike,
    haematocrit: ArrayLike,
    electron_energy_mev: float,
    *,
    absorbed_fraction: ArrayLike = 1.0,
    remainder_gy: ArrayLike = 0.0,
) -> MarrowDose:
    """Self-dose from blood: ratio × blood concentration × absorbed fraction, plus photons of the remainder.

    Parameters
    ----------
    blood_mbq_h_per_ml
        Time-integrated activity concentration of whole blood, ``(draw,)`` or a number.
    haematocrit
        Fraction.
    electron_energy_mev
        Electron energy per decay of the nuclide.
    absorbed_fraction
        Of the electrons, in marrow; 1 is an upper bound (see :data:`ABSORBED_FRACTION`).
    remainder_gy
        Cross-dose of the rest of the body (from the voxel kernel), ``(draw,)`` or a number.
    """
    concentration = marrow_to_blood_ratio(haematocrit) * np.asarray(blood_mbq_h_per_ml, dtype=np.float64)
    density_kg_per_ml = 1.03e-3  # red marrow, ICRP 89
    own = np.asarray(absorbed_fraction) * concentration * 3600e6 * electron_energy_mev * JOULE_PER_MEV / density_kg_per_ml
    return MarrowDose("blood", np.atleast_1d(own + np.asarray(remainder_gy)), Label.ASSUMPTION)


def marrow_dose_from_vertebrae(vertebra: Dose, *, marrow_fraction: float = 1.0) -> MarrowDose:
    """Image-based: the mean dose of a contoured vertebral body stands for its marrow.

    ``marrow_fraction`` above 1 concentrates the activity in the marrow; 1 spreads it over the vertebra.
    """
    if not marrow_fraction > 0:
        raise ValueError("marrow_fraction must be above 0")
    return MarrowDose("vertebrae", vertebra.draws_gy * marrow_fraction, Label.MEASURED)


def blood_concentration_from_kinetics(residence_h: ArrayLike, activity_mbq: float, blood_volume_ml: float = 4000.0) -> Floats:
    """Time-integrated blood concentration from the receptor model's blood compartment, MBq·h/ml."""
    return np.asarray(np.asarray(residence_h, dtype=np.float64) * activity_mbq / blood_volume_ml)
