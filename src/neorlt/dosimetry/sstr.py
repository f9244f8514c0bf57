"""Somatostatin-receptor kinetics with peptide mass: the semi-physiological model of Siebinga 2023.

Peptide (µg) leaves the blood by excretion and by flows into spleen, kidneys, tumour and other receptor-bearing organs
that saturate as their receptors fill, and into the rest of the body. The more tumour, the less reaches the spleen (sink
effect). Used for patients without serial images and for "what if" questions (peptide amount, activity, tumour
volume); the result is a prediction from nine patients' kinetics, never a measurement.

Source: Siebinga H et al., EJNMMI Phys 2023;10:48, doi 10.1186/s40658-023-00565-4. Equations and constants are checked by
a regression case of our own, which is not the paper's output.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.core.tables import read_json
from neorlt.dosimetry import rosenbrock

Floats = NDArray[np.float64]
BOUND = ("spleen", "kidneys", "tumour", "sstr-organs")
COMPARTMENTS = ("blood", *BOUND, "rest")
"""Order of the compartment axis. ``kidneys`` are both kidneys."""
REFERENCE_TUMOUR_ML = 80.0
END_H = 1000.0
_CHUNK = 2048


@dataclass(frozen=True)
class SstrPatients:
    """Parameters of many patients, each ``(patient,)``; flows per hour, capacities in µg of peptide.

    Build with :func:`patients`.
    """

    peptide_ug: Floats
    excretion_per_h: Floats
    flow_per_h: Floats
    """``(4, patient)`` in the order of :data:`BOUND`, before the unbound fraction."""
    capacity_ug: Floats
    """``(4, patient)``."""
    degradation_per_h: Floats
    """``(4, patient)``."""
    rest_flow_per_h: Floats
    rest_degradation_per_h: Floats
    fraction_unbound: Floats
    volume_ml: Floats
    """``(4, patient)``."""

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if not np.all(np.isfinite(value)) or np.any(value <= 0):
                raise ValueError(f"{field.name} must be finite and above 0")

    @property
    def n_patients(self) -> int:
        """Number of patients."""
        return len(self.peptide_ug)

    def take(self, part: slice) -> SstrPatients:
        """A run of patients."""
        return SstrPatients(**{field.name: getattr(self, field.name)[..., part] for field in fields(self)})


@dataclass(frozen=True)
class SstrKinetics:
    """What became of the peptide.

    ``time_h`` ``(t,)``; ``amount_ug`` ``(t, compartment, patient)`` without decay; ``excreted_ug`` and ``degraded_ug``
    ``(t, patient)``; ``residence_h`` ``(compartment, patient)``: time-integrated activity per administered activity
    (MBq·h per MBq) for the nuclide's decay.
    """

    time_h: Floats
    amount_ug: Floats
    excreted_ug: Floats
    degraded_ug: Floats
    residence_h: Floats
    patients: SstrPatients

    def mass_balance(self) -> float:
        """Largest relative error of the peptide's mass over time and patients."""
        total = self.amount_ug.sum(axis=1) + self.excreted_ug + self.degraded_ug
        return float(np.max(np.abs(total / self.patients.peptide_ug - 1.0)))

    def dose_gy(self, compartment: str, activity_mbq: ArrayLike, energy_mev: float, density_g_per_cm3: float = 1.0) -> Floats:
        """Absorbed dose ``(patient,)`` if ``energy_mev`` per decay stays in a receptor-bearing compartment."""
        row = BOUND.index(compartment)
        mass_g = self.patients.volume_ml[row] * density_g_per_cm3
        decays = np.asarray(activity_mbq) * 1e6 * self.residence_h[row + 1] * 3600.0
        return np.asarray(decays * energy_mev * 1.602176634e-13 / (mass_g / 1000.0))


def _parameters() -> dict[str, Any]:
    table: dict[str, Any] = read_json("dosimetry", "siebinga2023.json")["parameters"]
    return table


def patients(
    *,
    peptide_ug: ArrayLike,
    tumour_ml: ArrayLike,
    total_tumour_ml: ArrayLike,
    n_draws: int | None = None,
    seed: int = 0,
) -> SstrPatients:
    """Patients of the model's population.

    Parameters
    ----------
    peptide_ug
        Administered peptide, about 50–400 µg.
    tumour_ml
        Volume of the tumour that is asked for.
    total_tumour_ml
        Volume of all tumours (the sink).
    n_draws
        Draws of the between-patient variability (log-normal excretion and receptor capacities); the typical patient
        where left out. Inputs must then be single numbers or ``(n_draws,)``.
    seed
        Seed of the draws.

    Raises
    ------
    InputError
        If an amount or volume is not above 0, or the tumour is larger than all tumours together.
    """
    table = _parameters()
    peptide, tumour, total = np.broadcast_arrays(
        np.asarray(peptide_ug, np.float64), np.asarray(tumour_ml, np.float64), np.asarray(total_tumour_ml, np.float64)
    )
    shape = (n_draws,) if n_draws is not None else np.atleast_1d(peptide).shape
    peptide, tumour, total = (np.broadcast_to(v, shape).astype(np.float64) for v in (peptide, tumour, total))
    if np.any(peptide <= 0) or np.any(tumour <= 0):
        raise InputError("a peptide amount or tumour volume is not above 0", remedy="give µg and ml above 0")
    if np.any(tumour > total * (1 + 1e-9)):
        raise InputError("one tumour is larger than all tumours together", remedy="give total_tumour_ml for all lesions")

    def value(name: str) -> float:
        return float(table[name]["value"])

    def varied(name: str) -> Floats:
        if n_draws is None:
            return np.full(shape, value(name))
        log_sd = np.sqrt(np.log1p(float(table[name]["iiv_cv"]) ** 2))
        return np.asarray(value(name) * np.exp(log_sd * core_draws.generator(seed, "sstr", name).standard_normal(shape)))

    spleen_l, kidney_l, sstr_l, _rest_l = (float(v) for v in table["organ_volumes_l"]["value"])
    volume_ml = np.stack([np.full(shape, spleen_l * 1e3), np.full(shape, kidney_l * 1e3), tumour, np.full(shape, sstr_l * 1e3)])
    bmax = np.stack([varied(f"{name}_bmax_nmol_l") for name in ("spleen", "kidney", "tumour", "sstr_organs")])
    flow = np.stack(
        [
            value("spleen_flow_per_h") * np.exp(-value("sink_per_l") * total / 1000.0),
            np.full(shape, value("kidney_flow_per_h")),
            value("tumour_flow_per_h") * (tumour / REFERENCE_TUMOUR_ML) ** value("tumour_volume_exponent"),
            np.full(shape, value("sstr_organs_flow_per_h")),
        ]
    )
    degradation = np.full((4, *shape), value("degradation_per_h"))
    degradation[BOUND.index("tumour")] = value("tumour_degradation_per_h")
    return SstrPatients(
        peptide_ug=peptide,
        excretion_per_h=varied("excretion_per_h"),
        flow_per_h=flow,
        capacity_ug=bmax * value("molar_mass_g_mol") / 1000.0 * volume_ml / 1000.0,
        degradation_per_h=degradation,
        rest_flow_per_h=np.full(shape, value("rest_flow_per_h")),
        rest_degradation_per_h=np.full(shape, value("degradation_per_h")),
        fraction_unbound=np.full(shape, value("fraction_unbound")),
        volume_ml=volume_ml,
    )


def step_sizes_h(end_h: float = END_H, first_h: float = 0.05, growth: float = 1.25, longest_h: float = 25.0) -> Floats:
    """Step sizes that resolve the first minutes in blood and stride over the slow washout."""
    sizes = []
    h, total = first_h, 0.0
    while total + h < end_h:
        sizes.append(h)
        total += h
        h = min(h * growth, longest_h)
    sizes.append(end_h - total)
    return np.array(sizes)


def simulate(cohort: SstrPatients, *, half_life_h: float, steps_h: Floats | None = None) -> SstrKinetics:
    """Kinetics of one cycle for every patient, in float64.

    Parameters
    ----------
    cohort
        From :func:`patients`.
    half_life_h
        Physical half-life of the nuclide: it weighs the integral, the peptide itself does not decay.
    steps_h
        Step sizes; :func:`step_sizes_h` where left out.
    """
    steps = step_sizes_h() if steps_h is None else steps_h
    decay = np.log(2.0) / half_life_h
    parts = []
    for start in range(0, cohort.n_patients, _CHUNK):
        parts.append(_System(cohort.take(slice(start, start + _CHUNK)), decay).run(steps))
    states = np.concatenate(parts, axis=2)
    return SstrKinetics(
        time_h=np.concatenate([[0.0], np.cumsum(steps)]),
        amount_ug=states[:, :6],
        excreted_ug=states[:, 6],
        degraded_ug=states[:, 7],
        residence_h=states[-1, 9:15] / cohort.peptide_ug,
        patients=cohort,
    )


class _System:
    """States: blood, 4 bound, rest, excreted, degraded, remaining fraction of the nuclide, 6 integrals."""

    def __init__(self, cohort: SstrPatients, decay: float) -> None:
        self.cohort, self.decay = cohort, decay
        self.uptake = cohort.flow_per_h * cohort.fraction_unbound
        self.to_rest = cohort.rest_flow_per_h * cohort.fraction_unbound

    def run(self, steps: Floats) -> Floats:
        start = np.zeros((15, self.cohort.n_patients))
        start[0] = self.cohort.peptide_ug
        start[8] = 1.0
        return rosenbrock.integrate(self.right_side, self.solve, start, steps)

    def right_side(self, y: Floats) -> Floats:
        c = self.cohort
        out = np.empty_like(y)
        blood, bound, rest = y[0], y[1:5], y[5]
        flow = self.uptake * blood * (1.0 - bound / c.capacity_ug)
        lost = c.degradation_per_h * bound
        to_rest, from_rest = self.to_rest * blood, c.rest_degradation_per_h * rest
        excreted = c.excretion_per_h * blood
        out[0] = -excreted - flow.sum(0) - to_rest
        out[1:5] = flow - lost
        out[5] = to_rest - from_rest
        out[6] = excreted
        out[7] = lost.sum(0) + from_rest
        out[8] = -self.decay * y[8]
        out[9:15] = y[:6] * y[8]
        return out

    def solve(self, y: Floats, r: Floats, s: float) -> Floats:
        """Solve (s − J) v = r: an arrow-shaped system (blood against the bound compartments), then what follows from it."""
        c = self.cohort
        gain = self.uptake * (1.0 - y[1:5] / c.capacity_ug)
        back = self.uptake * y[0] / c.capacity_ug
        inner = 1.0 / (s + back + c.degradation_per_h)
        v = np.empty_like(r)
        blood_loss = c.excretion_per_h + gain.sum(0) + self.to_rest
        v[0] = (r[0] + (back * inner * r[1:5]).sum(0)) / (s + blood_loss - (back * inner * gain).sum(0))
        v[1:5] = inner * (r[1:5] + gain * v[0])
        v[5] = (r[5] + self.to_rest * v[0]) / (s + c.rest_degradation_per_h)
        v[6] = (r[6] + c.excretion_per_h * v[0]) / s
        v[7] = (r[7] + (c.degradation_per_h * v[1:5]).sum(0) + c.rest_degradation_per_h * v[5]) / s
        v[8] = r[8] / (s + self.decay)
        v[9:15] = (r[9:15] + v[:6] * y[8] + y[:6] * v[8]) / s
        return v
