"""``neorlt crossfire``: which nuclide for this lesion."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from neorlt.nuclides.crossfire import answer_for_lesion, kidney_per_tumour_ratio
from neorlt.nuclides.therapy import gives_alphas
from neorlt.nuclides.user import read_nuclide

KIDNEY_BIOLOGICAL_HALF_LIFE_H = 75.0
TUMOUR_BIOLOGICAL_HALF_LIFE_H = 250.0
"""Wash-out without decay, an example only: with 177Lu's decay, about 51 h effective in the kidney and 97 h in the tumour."""

ALPHA_REASON = (
    "the chain gives {1:.1f} MeV of alphas beside {0:.2f} MeV of electrons per decay: the LET of its electrons would say nothing of its "
    "effect, and the ranges here are those of the parent's electrons"
)


def crossfire_command(
    diameter_mm: Sequence[float],
    nuclides: Sequence[str] = ("Lu-177", "Y-90"),
    *,
    kidney_biological_half_life_h: float = KIDNEY_BIOLOGICAL_HALF_LIFE_H,
    tumour_biological_half_life_h: float = TUMOUR_BIOLOGICAL_HALF_LIFE_H,
    nuclide_file: Path | None = None,
) -> dict[str, Any]:
    """Absorbed fractions, ranges, dose rates and LET of nuclides in spherical lesions, and the price in the kidney.

    ``kidney_gy_per_tumour_gy_over_first`` compares each nuclide with the first one; the half-lives of wash-out are an assumption.
    """
    if nuclide_file is not None:
        read_nuclide(nuclide_file)
    lesions = []
    for diameter in diameter_mm:
        answers = [asdict(a) for a in answer_for_lesion(diameter, nuclides)]
        for answer, name in zip(answers, nuclides, strict=True):
            ratio = kidney_per_tumour_ratio(
                [diameter],
                kidney_biological_half_life_h=kidney_biological_half_life_h,
                tumour_biological_half_life_h=tumour_biological_half_life_h,
                over=name,
                under=nuclides[0],
            )
            answer["kidney_gy_per_tumour_gy_over_first"] = float(ratio[0])
            if gives_alphas(name):
                answer["reason"] = ALPHA_REASON.format(*answer["charged_mev"])
        lesions.append({"diameter_mm": float(diameter), "nuclides": answers})
    return {
        "lesions": lesions,
        "assumed_biological_half_life_h": {"kidney": kidney_biological_half_life_h, "tumour": tumour_biological_half_life_h},
        "label": "physics computed; half-lives of wash-out are an assumption",
        "let": "LET of all beta emitters here is low (0.2 to 1 keV/um); alphas have 50 to 230. A choice between them is one of range.",
    }
