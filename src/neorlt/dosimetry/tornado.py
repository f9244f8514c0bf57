"""Which part of the chain matters: each uncertainty alone, after the EANM guidance, for a tornado plot."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from neorlt.dosimetry.objects import Dose
from neorlt.dosimetry.uncertainty import DEFAULT, UncertaintySettings, recovery_cv

Z90 = 1.6448536
"""Half-width of a central 90 % interval in standard deviations."""


@dataclass(frozen=True)
class TornadoBar:
    """Dose when one part alone moves to its 5th and 95th percentile; ``share`` of the variance of the log dose."""

    part: str
    low_gy: float
    high_gy: float
    share: float
    advice: str

    def as_json(self) -> dict[str, Any]:
        """Plain numbers."""
        return {"part": self.part, "low_gy": self.low_gy, "high_gy": self.high_gy, "share": self.share, "advice": self.advice}


_ADVICE = {
    "curve fit and counts": "add or move a time point; lengthen the acquisition",
    "recovery (blur)": "measure the blur in a phantom with `neorlt recovery`",
    "contour": "contour on a sharper image",
    "calibration": "recalibrate camera and dose calibrator against a traceable source",
    "S-value": "use Monte Carlo on the patient's CT",
    "between cycles": "image the next cycle too: no better picture of this one tells it",
}


def _log_variance_of_own(dose: Dose) -> float:
    """Variance of the log of what all points of the region share: blur and contour, as they were drawn."""
    curve = dose.tia.curve
    if curve.own_draws is not None:
        return float(np.var(np.log(curve.own_draws)))
    return float(np.log1p(curve.own_cv)) ** 2


def tornado(dose: Dose, *, fwhm_mm: float, settings: UncertaintySettings = DEFAULT, between_cycles: bool = False) -> tuple[TornadoBar, ...]:
    """Bars of one region's dose, largest first.

    Parameters
    ----------
    dose
        From :func:`~neorlt.dosimetry.region_dose.region_doses`.
    fwhm_mm
        Blur that the curve was corrected with; 0 without correction.
    settings
        As given to the dose.
    between_cycles
        Whether the dose stands for a further cycle of the same activity, which differs by the scatter between cycles.
    """
    curve = dose.tia.curve
    own = _log_variance_of_own(dose)
    edge = float(np.log1p(curve.volume_cv))
    common = np.log1p(curve.shared_cv) ** 2 + own + (curve.contour_power * edge) ** 2
    fit = max(float(np.var(np.log(dose.tia.draws_mbq_h))) - float(common), 0.0)
    blur = recovery_cv(curve.volume_ml, fwhm_mm, settings.psf_fwhm_sd_mm) if fwhm_mm > 0 else 0.0
    # A larger contour raises the mass and, by less, the activity found in it: one draw, so the dose moves by the difference; its
    # place moves what spills in and out.
    sharp = min(float(np.log1p(blur)) ** 2, own)
    contour = ((1.0 - curve.contour_power) * edge) ** 2 + own - sharp
    variances = {
        "curve fit and counts": fit,
        "recovery (blur)": sharp,
        "contour": contour,
        "calibration": float(np.log1p(curve.shared_cv)) ** 2,
        "S-value": float(np.log1p(settings.s_value_cv)) ** 2,
    }
    if between_cycles:
        variances["between cycles"] = settings.between_cycle_log_sd**2
    total = sum(variances.values())
    middle = float(np.median(dose.draws_gy))
    bars = [
        TornadoBar(
            part,
            middle * float(np.exp(-Z90 * np.sqrt(v))),
            middle * float(np.exp(Z90 * np.sqrt(v))),
            v / total if total else 0.0,
            _ADVICE[part],
        )
        for part, v in variances.items()
    ]
    return tuple(sorted(bars, key=lambda bar: -bar.share))


def tornado_rows(
    doses: Sequence[Dose], *, fwhm_mm: float, settings: UncertaintySettings = DEFAULT, between_cycles: bool = False
) -> dict[str, list[dict[str, Any]]]:
    """Bars of every region, for JSON and figures."""
    found = {}
    for dose in doses:
        bars = tornado(dose, fwhm_mm=fwhm_mm, settings=settings, between_cycles=between_cycles)
        found[dose.name] = [bar.as_json() for bar in bars]
    return found
