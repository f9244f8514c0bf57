"""The kernels of a patient's course, each written once: plan, search, update, trial, validation and page call these.

Exchange of nuclide, dose of every cycle (fall and scatter), the reader's error, contact and scar, the class of
resectability, the kidneys' limit. Pure functions on arrays: the leading axes are free (draws, lesions, patients), the last ones
are named. Nothing here draws a random number.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.clinic.limits import kidney_bed_limit_gy
from neorlt.clinic.recist import PR_CHANGE
from neorlt.clinic.vessels import ENCASEMENT_ABOVE_DEG, VesselLike, resectability_code, vessel_codes
from neorlt.core import tables
from neorlt.dosimetry.derive import s_value_ratio
from neorlt.nuclides.nuclide import get_nuclide
from neorlt.nuclides.therapy import REFERENCE
from neorlt.response.parameters import FITTED_NUCLIDES, ROOM
from neorlt.response.vessels import centre_distance_mm, contact_deg, vessel_radius_mm, widest_contact_deg

Floats = NDArray[np.floating[Any]]
REFERENCE_CYCLE_GBQ = 7.4
"""Activity of 177Lu of the cycles in which the fall of uptake was seen."""


def population() -> dict[str, dict[str, Any]]:
    """The population table: dose per activity, wash-out, falls, scatter and correlations, each with its source."""
    table: dict[str, dict[str, Any]] = tables.read_json(ROOM, "population.json")
    return table


def fixed(name: str) -> float:
    """A single number of :func:`population`."""
    return float(population()[name]["parameters"][0])


def lognormal(name: str, z: ArrayLike) -> NDArray[np.float64]:
    """Values of a log-normal row of :func:`population` at standard normal ``z``."""
    median, log_sd = population()[name]["parameters"]
    return np.asarray(median * np.exp(log_sd * np.asarray(z, np.float64)))


def patient_dose_z(own: ArrayLike, suv_max: ArrayLike | None = None) -> NDArray[np.float64]:
    """A patient's share of the log dose per activity ``(...)``, standard normal, from own luck and, where known, SUVmax.

    The correlation with log SUVmax is an assumption of :func:`population` and the same for a plan and for a trial.
    """
    z = np.asarray(own, np.float64)
    if suv_max is None:
        return z
    median, log_sd = population()["suv_max"]["parameters"]
    rho = fixed("suv_dose_correlation")
    return np.asarray(rho * np.log(np.asarray(suv_max, np.float64) / median) / log_sd + np.sqrt(1.0 - rho**2) * z)


def share_between_lesions(patient_z: ArrayLike, own_z: ArrayLike) -> NDArray[np.float64]:
    """Standard normal deviation of a lesion from its patient's and its own; broadcasts."""
    shared = fixed("lesion_shared_variance")
    return np.asarray(np.sqrt(shared) * np.asarray(patient_z) + np.sqrt(1.0 - shared) * np.asarray(own_z))


def correlated(z: ArrayLike, shared: float) -> NDArray[np.float64]:
    """Standard normal deviations ``(..., item)`` of which any two have ``shared`` of their variance in common, from independent ones.

    The same joint distribution as a part in common and parts of their own (:func:`share_between_lesions`), with one dimension fewer:
    the first item keeps its own deviation, the second depends on the first two, and so on. An integral over the first alone has one.
    """
    own = np.asarray(z, np.float64)
    n = own.shape[-1]
    return np.asarray(own @ np.linalg.cholesky(np.full((n, n), shared) + (1.0 - shared) * np.eye(n)).T)


@functools.cache
def _energy_ratios(over: str, under: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Log mass in g and log dose per decay of one nuclide over the other there: 120 points hold the curve within 0.02 %."""
    mass = np.geomspace(0.01, 2000.0, 120)
    return np.log(mass), np.log([s_value_ratio(under, over, float(m)) for m in mass])


def energy_ratio(mass_g: ArrayLike, over: str = "Y-90", under: str = "Lu-177") -> NDArray[np.float64]:
    """Dose per decay of one nuclide over another in spheres of these masses (sphere S-values, 0.01 to 2000 g)."""
    return np.asarray(np.exp(np.interp(np.log(np.asarray(mass_g, np.float64)), *_energy_ratios(over, under))))


def exchange(
    lu_gy_per_gbq: ArrayLike, washout_per_h: ArrayLike, mass_g: ArrayLike, nuclides: Sequence[str] = FITTED_NUCLIDES
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Dose per activity and effective half-life of every nuclide from those of 177Lu.

    The biological wash-out is kept, the decay exchanged, the energy follows the sphere S-values.

    Parameters
    ----------
    lu_gy_per_gbq, washout_per_h, mass_g
        ``(...)`` dose per activity of 177Lu, one biological rate, mass; broadcast.
    nuclides
        Order of the nuclide axes; 177Lu stands first.

    Returns
    -------
    tuple
        Gy/GBq ``(..., nuclide)`` and hours ``(..., nuclide)``.
    """
    if nuclides[0] != REFERENCE:
        raise ValueError(f"doses are exchanged from {REFERENCE}: it must stand first, found {nuclides[0]}")
    decay = np.array([get_nuclide(name).decay_constant_per_h for name in nuclides])
    rate = np.asarray(washout_per_h, np.float64)[..., None] + decay
    lu = np.asarray(lu_gy_per_gbq, np.float64)
    columns = [lu * np.ones(rate.shape[:-1])]
    columns += [lu * energy_ratio(mass_g, name) * rate[..., 0] / rate[..., i] for i, name in enumerate(nuclides) if i]
    gy = np.stack(np.broadcast_arrays(*columns), axis=-1)
    return gy, np.broadcast_to(np.log(2.0) / rate, gy.shape)


def fall_per_cycle(ki67_pct: ArrayLike) -> NDArray[np.float64]:
    """Fraction of the dose per activity that a lesion of this Ki-67 loses over one cycle of 7.4 GBq of 177Lu, ``(...)``."""
    row = population()["lesion_fall_per_cycle"]
    return np.asarray(np.interp(np.log(np.asarray(ki67_pct, np.float64)), np.log(row["ki67_pct"]), row["parameters"]))


def uptake_left(lu_equivalent_gbq: ArrayLike, fall: ArrayLike) -> NDArray[np.float64]:
    """Dose per activity of each cycle over that of a first cycle of 7.4 GBq, ``(..., cycle)``.

    Uptake is lost in proportion to what was given, not to the number of cycles: ``exp(-k A)`` averaged over each cycle's
    activity, so that 8 × 3.7 GBq lose what 4 × 7.4 GBq lose, and a cycle given in two halves is one cycle.

    Parameters
    ----------
    lu_equivalent_gbq
        ``(..., cycle)`` activity of 177Lu that would give the same dose.
    fall
        ``(...)`` from :func:`fall_per_cycle`.
    """
    given = np.asarray(lu_equivalent_gbq, np.float64)
    k = -np.log1p(-np.asarray(fall, np.float64))[..., None] / REFERENCE_CYCLE_GBQ
    lost = np.maximum(k * given, 1e-12)
    before = np.exp(-k * (np.cumsum(given, axis=-1) - given))
    first = np.maximum(k * REFERENCE_CYCLE_GBQ, 1e-12)
    return np.asarray(before * (-np.expm1(-lost) / lost) / (-np.expm1(-first) / first))


def lesion_cycle_log_sd() -> float:
    """Scatter of a lesion's dose between cycles, log-SD."""
    return fixed("lesion_cycle_log_sd")


def kidney_cycle_log_sd() -> float:
    """Scatter of the kidneys' dose between cycles, log-SD."""
    return fixed("kidney_cycle_log_sd")


def cycle_doses_gy(
    gy_per_gbq: ArrayLike, activity_gbq: ArrayLike, *, fall: ArrayLike = 0.0, scatter_z: ArrayLike | None = None, log_sd: float = 0.0
) -> NDArray[np.float64]:
    """Absorbed dose of every cycle and nuclide, ``(..., cycle, nuclide)``: lesions and organs alike.

    Parameters
    ----------
    gy_per_gbq
        ``(..., nuclide)``.
    activity_gbq
        ``(cycle, nuclide)``, or with leading axes where what is given differs (a cycle that is withheld gives 0).
    fall
        ``(...)`` fraction lost over a cycle of 7.4 GBq (0 for organs).
    scatter_z, log_sd
        ``(..., cycle or more)`` standard normal deviations between cycles and their log-SD; a cycle that was measured has 0.
    """
    gy = np.asarray(gy_per_gbq, np.float64)
    given = np.asarray(activity_gbq, np.float64)
    dose = gy[..., None, :] * given
    factor = np.ones(dose.shape[:-1])
    if np.any(np.asarray(fall) > 0):
        equivalent = dose.sum(axis=-1) / np.maximum(gy[..., None, 0], 1e-12)
        factor = factor * uptake_left(equivalent, fall)
    if scatter_z is not None:
        factor = factor * np.exp(log_sd * np.asarray(scatter_z, np.float64)[..., : dose.shape[-2]])
    return np.asarray(dose * factor[..., None])


def reading_log_sd(sigma_d: ArrayLike) -> NDArray[np.float64]:
    """Log-SD of one reading of a diameter; ``sigma_d`` is that of the change between two readings."""
    return np.asarray(np.asarray(sigma_d, np.float64) / np.sqrt(2.0))


def read_diameter(diameter_mm: Any, sigma_d: Any, baseline_z: Any, reading_z: Any) -> Any:
    """What a reader measures of a latent diameter, beside the baseline diameter as it was measured; broadcasts."""
    return diameter_mm * np.exp(sigma_d / np.float32(np.sqrt(2.0)) * (reading_z - baseline_z))


def response_chance(
    diameter_mm: ArrayLike, base_mm: ArrayLike, sigma_d: ArrayLike, baseline_z: ArrayLike, reading_z: ArrayLike, targets: ArrayLike,
    *, baseline_known: bool = True,
) -> NDArray[np.float64]:
    """Chance of a partial or complete response by size (RECIST 1.1, against baseline), given the latent diameters.

    The reading error of the largest target is integrated in closed form, and that of its baseline too unless it is
    ``baseline_known`` (a measurement since then may have said something of it); those of the others are as drawn.

    Parameters
    ----------
    diameter_mm
        ``(..., lesion)`` latent diameters.
    base_mm
        ``(lesion,)`` diameters as measured at baseline.
    sigma_d
        ``(...)`` log-SD of the change between two readings.
    baseline_z, reading_z
        ``(..., lesion)`` standard normal errors of the baseline reading and of this one.
    targets
        ``(lesion,)`` which lesions are targets; at least one.
    """
    from scipy.special import ndtr

    keep = np.flatnonzero(np.asarray(targets, bool))
    base = np.asarray(base_mm, np.float64)[keep]
    latent = np.asarray(diameter_mm, np.float64)[..., keep]
    errors = [np.asarray(z)[..., keep] for z in (baseline_z, reading_z)]
    sd = np.asarray(sigma_d, np.float64)[..., None]
    largest = int(np.argmax(base))
    others = np.delete(np.arange(len(keep)), largest)
    limit = (1.0 + PR_CHANGE) * base.sum()
    rest = limit - read_diameter(latent[..., others], sd, errors[0][..., others], errors[1][..., others]).sum(axis=-1)
    one = reading_log_sd(sd[..., 0])
    with np.errstate(divide="ignore"):
        z = np.log(np.maximum(rest, 0.0) / np.maximum(latent[..., largest], 1e-9)) / np.maximum(one, 1e-9)
    return np.asarray(ndtr(z + errors[0][..., largest] if baseline_known else z / np.sqrt(2.0)))


def latent_contact_deg(name: str, baseline_deg: ArrayLike, diameter_mm: ArrayLike, baseline_diameter_mm: ArrayLike, *,
                       clip: bool = False) -> NDArray[np.float64]:
    """Contact with one vessel by geometry alone when the tumour has become ``diameter_mm``; broadcasts.

    ``clip`` takes a contact that a sphere this small cannot make as the widest that it can (for virtual patients, whose
    contact and size are drawn); without it such a contact is refused.
    """
    radius = vessel_radius_mm(name)
    baseline, size = np.asarray(baseline_deg, np.float64), np.asarray(baseline_diameter_mm, np.float64)
    start = np.minimum(baseline, widest_contact_deg(size / 2, radius)) if clip else baseline
    distance = centre_distance_mm(start, size / 2, radius)
    latent = contact_deg(distance, np.asarray(diameter_mm, np.float64) / 2, radius)
    return np.asarray(np.where(baseline > 0, latent, 0.0))


def seen_contact_deg(latent_deg: ArrayLike, baseline_deg: ArrayLike, scar: ArrayLike) -> NDArray[np.float64]:
    """Contact seen: a scar keeps at least the contact of the baseline, and hides no growth; broadcasts."""
    latent = np.asarray(latent_deg)
    return np.asarray(np.where(np.asarray(scar, bool), np.maximum(latent, baseline_deg), latent))


def resectability(vessels: Sequence[VesselLike], seen_deg: ArrayLike, *, head: bool) -> NDArray[np.intp]:
    """Class of resectability ``(...)``, codes of :class:`~neorlt.clinic.vessels.Resectability`, by contacts ``(..., vessel)``.

    An irregular outline is the tumour's doing: it is judged to stay only while the contact keeps its baseline extent (an
    assumption). Occluded vessels stay occluded. An unanswered question about outline or occlusion leaves the class by contact
    unchanged; one about reconstruction counts as no: whoever asks looks at both answers.
    """
    seen = np.asarray(seen_deg, np.float64)
    base = np.array([vessel.contact_deg for vessel in vessels])
    irregular, occluded, rebuilt = (np.array([bool(getattr(vessel, name)) for vessel in vessels])
                                    for name in ("irregular", "occluded", "reconstructible"))
    return np.asarray(resectability_code(vessel_codes([vessel.name for vessel in vessels]), seen, irregular & (seen >= base - 1e-6),
                                         occluded, rebuilt, head=head), np.intp)


@dataclass(frozen=True)
class ContactClasses:
    """:func:`resectability` as a table: all that it reads of a contact is one of four states.

    0 apart, 1 touched with less than the baseline's extent, 2 touched with it, 3 encased. A contact only moves up the states as it
    grows, so a scar, which keeps the baseline's contact, keeps at least the baseline's state.
    """

    vessels: tuple[VesselLike, ...]
    head: bool
    table: NDArray[np.intp]
    """``(state of vessel 1, state of vessel 2, ...)`` class."""
    baseline: NDArray[np.intp]
    """``(vessel,)`` state at baseline."""

    def states(self, contact_deg: ArrayLike) -> NDArray[np.intp]:
        """State of each contact ``(..., vessel)``."""
        contact = np.asarray(contact_deg, np.float64)
        base = np.array([vessel.contact_deg for vessel in self.vessels])
        return np.asarray((contact > 0).astype(np.intp) * (1 + (contact >= base - 1e-6)) * (contact <= ENCASEMENT_ABOVE_DEG)
                          + 3 * (contact > ENCASEMENT_ABOVE_DEG), np.intp)

    def number(self, states: NDArray[np.intp]) -> NDArray[np.intp]:
        """Flat number of the states ``(..., vessel)`` in :attr:`table`, ``(...)``."""
        return np.asarray(states @ (4 ** np.arange(len(self.vessels) - 1, -1, -1)), np.intp)

    def with_scar(self, scar: ArrayLike) -> NDArray[np.intp]:
        """Class by the flat number of the states before the scar: ``scar`` names the vessels whose contact stays."""
        states = np.stack(np.unravel_index(np.arange(self.table.size), self.table.shape), axis=-1)
        kept = np.where(np.asarray(scar, bool), np.maximum(states, self.baseline), states)
        return np.asarray(self.table.ravel()[self.number(kept)])


def contact_classes(vessels: Sequence[VesselLike], *, head: bool) -> ContactClasses:
    """The table of :func:`resectability` for one patient's vessels."""
    shape = (4,) * len(vessels)
    states = np.stack(np.unravel_index(np.arange(4 ** len(vessels)), shape), axis=-1)
    base = np.array([vessel.contact_deg for vessel in vessels])
    touched = np.minimum(base, ENCASEMENT_ABOVE_DEG)
    # A contact below that of the baseline, one that reaches it, one that encases.
    examples = np.stack([np.zeros_like(base), touched / 2, np.maximum(touched, 1e-3), np.maximum(base, 360.0)])
    table = resectability(vessels, examples[states, np.arange(len(vessels))], head=head).reshape(shape)
    found = ContactClasses(tuple(vessels), head, table, np.zeros(len(vessels), np.intp))
    return replace(found, baseline=found.states(base))


def kidney_limit_gy(risk_factors: Sequence[str] | None) -> float:
    """Limit of the kidneys' BED: 40 Gy, lowered to 28 Gy where a risk factor is stated.

    Where nobody says (None) the 40 Gy stay, and whoever shows a result says so: a rule does not guess a risk.
    """
    return float(kidney_bed_limit_gy(risk_factors or ()))
