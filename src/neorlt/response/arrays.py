"""The plain arrays that go into and come out of :func:`neorlt.response.simulate.simulate`.

Axes: *world* is (draw, replicate) flattened, *lesion* runs over the lesions of one or many patients, *cycle*,
*nuclide* (those of the parameters, :attr:`~neorlt.response.parameters.Parameters.nuclides`) and *time*.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core import draws as core_draws
from neorlt.core import tables
from neorlt.core.anatomy import organ_of_site
from neorlt.core.errors import InputError
from neorlt.core.sensitisers import SENSITISERS
from neorlt.response.parameters import ORIGINS, ROOM, Parameters

HOURS_PER_WEEK = 168.0


def _floats(value: ArrayLike, name: str) -> NDArray[np.float32]:
    array = np.array(value, dtype=np.float32)
    if not np.all(np.isfinite(array)):
        raise InputError(f"{name} holds a value that is not finite", remedy=f"give finite numbers for {name}")
    array.setflags(write=False)
    return array


@dataclass(frozen=True)
class LesionArrays:
    """Baseline of the lesions, each ``(lesion,)``.

    ``patient`` numbers the patient that a lesion belongs to (lesions of one patient share part of their
    sensitivity). ``origin`` numbers the organ of the primary tumour among :data:`neorlt.response.parameters.ORIGINS`;
    left out, it is the pancreas. Growth and sensitivity follow Ki-67 continuously: no class of grade enters.
    """

    volume_ml: NDArray[np.float32]
    ki67_pct: NDArray[np.float32]
    is_liver: NDArray[np.bool_] | None = None
    diameter_mm: NDArray[np.float32] | None = None
    patient: NDArray[np.intp] | None = None
    origin: NDArray[np.intp] | None = None

    def __post_init__(self) -> None:
        volume = _floats(self.volume_ml, "volume_ml")
        n = len(volume)
        if volume.ndim != 1 or np.any(volume <= 0):
            raise InputError("a lesion volume is not above 0 ml", remedy="give every lesion a volume or a diameter")
        object.__setattr__(self, "volume_ml", volume)
        ki67 = _floats(self.ki67_pct, "ki67_pct")
        if np.any((ki67 <= 0) | (ki67 > 100)):
            raise InputError("a Ki-67 is outside 0-100 %", expected="above 0 and up to 100", found=str(ki67.tolist()),
                             remedy="give Ki-67 in per cent")
        object.__setattr__(self, "ki67_pct", ki67)
        if self.diameter_mm is None:
            sphere_mm = 2 * (3 * volume * 1000 / (4 * np.pi)) ** (1 / 3)
            object.__setattr__(self, "diameter_mm", _floats(sphere_mm, "diameter_mm"))
        else:
            object.__setattr__(self, "diameter_mm", _floats(self.diameter_mm, "diameter_mm"))
        defaults: dict[str, NDArray[Any]] = {
            "is_liver": np.zeros(n, bool), "patient": np.zeros(n, np.intp), "origin": np.zeros(n, np.intp)
        }
        for name, default in defaults.items():
            value = getattr(self, name)
            value = default if value is None else np.asarray(value, dtype=default.dtype)
            object.__setattr__(self, name, value)
        for name in ("ki67_pct", "diameter_mm", *defaults):
            if getattr(self, name).shape != (n,):
                raise InputError(f"{name} has another length than volume_ml", expected=str(n),
                                 found=str(getattr(self, name).shape), remedy="give one value a lesion")
        if np.any((self.origins < 0) | (self.origins >= len(ORIGINS))):
            raise InputError("unknown code of an origin", expected=", ".join(ORIGINS), remedy="give one code a lesion")

    @property
    def n_lesions(self) -> int:
        """Number of lesions."""
        return len(self.volume_ml)

    @property
    def diameters_mm(self) -> NDArray[np.float32]:
        """Diameters at baseline, given or those of spheres, ``(lesion,)``."""
        return np.asarray(self.diameter_mm, np.float32)

    @property
    def liver(self) -> NDArray[np.bool_]:
        """Which lesions lie in the liver, ``(lesion,)``."""
        return np.asarray(self.is_liver, bool)

    @property
    def origins(self) -> NDArray[np.intp]:
        """Index into :data:`neorlt.response.parameters.ORIGINS`, ``(lesion,)``."""
        return np.asarray(self.origin, np.intp)


SMALL_INTESTINE = ("small-intestine", "small intestine", "ileum", "jejunum", "midgut", "duodenum")


def origin_code(sites: list[str], stated: str | None = None) -> tuple[int, bool]:
    """Code of the organ of the primary among :data:`neorlt.response.parameters.ORIGINS`, and whether it is known.

    What is stated comes first; else a lesion in the pancreas or the small intestine tells it. Where nothing does, the pancreas is
    assumed: this program is for tumours of the pancreas. A metastasis has its primary's origin, wherever it lies.
    """
    named = (stated or "").strip().lower().replace("_", "-")
    places = [named] if named else [site.lower() for site in sites]
    if any(organ_of_site(place) == "pancreas" for place in places):
        return 0, True
    if any(place.startswith(SMALL_INTESTINE) for place in places):
        return 1, True
    return (2, True) if named else (0, False)


@dataclass(frozen=True)
class ScheduleArrays:
    """What is given, and when it is looked at.

    Attributes
    ----------
    week
        ``(cycle,)`` weeks after baseline, or ``(lesion, cycle)`` where patients differ.
    dose_gy
        ``(world | draw | 1, lesion, cycle, nuclide)`` absorbed dose of the lesion per cycle.
    effective_half_life_h
        ``(world | draw | 1, lesion, nuclide)`` effective half-life in the lesion.
    times_week
        ``(time,)`` weeks after baseline of the read-outs, or ``(lesion, time)``.
    sensitiser
        ``(cycle,)`` codes into :data:`SENSITISERS`; none where left out.
    """

    week: NDArray[np.float32]
    dose_gy: NDArray[np.float32]
    effective_half_life_h: NDArray[np.float32]
    times_week: NDArray[np.float32]
    sensitiser: NDArray[np.intp] | None = None

    def __post_init__(self) -> None:
        for name in ("week", "dose_gy", "effective_half_life_h", "times_week"):
            object.__setattr__(self, name, _floats(getattr(self, name), name))
        n_cycles = self.week.shape[-1]
        codes = np.zeros(n_cycles, np.intp) if self.sensitiser is None else np.asarray(self.sensitiser, np.intp)
        object.__setattr__(self, "sensitiser", codes)
        if self.dose_gy.ndim != 4 or self.dose_gy.shape[2] != n_cycles or not self.dose_gy.shape[3]:
            raise InputError("dose_gy has the wrong axes", expected=f"(draw, lesion, {n_cycles}, nuclide)",
                             found=str(self.dose_gy.shape), remedy="give the dose of every lesion, cycle and nuclide")
        if self.effective_half_life_h.ndim != 3 or self.effective_half_life_h.shape[-1] != self.dose_gy.shape[-1]:
            raise InputError("effective_half_life_h has the wrong axes", expected=f"(draw, lesion, {self.dose_gy.shape[-1]})",
                             found=str(self.effective_half_life_h.shape), remedy="give one half-life a lesion and nuclide")
        if np.any(self.dose_gy < 0) or np.any(self.effective_half_life_h <= 0):
            raise InputError("a dose is negative or a half-life is not above 0 h", remedy="give doses in Gy of 0 or more")
        if np.any(np.diff(self.week, axis=-1) < 0) or np.any(self.week < 0):
            raise InputError("cycle weeks run backwards", found=str(self.week.tolist()), remedy="sort the cycles by week")
        if np.any(np.diff(self.times_week, axis=-1) < 0) or np.any(self.times_week < 0):
            raise InputError("read-out weeks run backwards", remedy="sort the read-out times, 0 or later")
        if codes.shape != (n_cycles,) or np.any((codes < 0) | (codes >= len(SENSITISERS))):
            raise InputError("unknown sensitiser code", expected=", ".join(SENSITISERS), remedy="give one code a cycle")


@dataclass(frozen=True)
class LesionEffects:
    """What differs between lesions in one world, as standard normal numbers ``(world, lesion)``.

    The same effects serve every scheme that is compared: schemes differ by what they do, not by luck.
    """

    alpha_z: NDArray[np.float32]
    growth_z: NDArray[np.float32]
    baseline_z: NDArray[np.float32]
    n_replicates: int
    seed: int

    def __post_init__(self) -> None:
        for name in ("alpha_z", "growth_z", "baseline_z"):
            object.__setattr__(self, name, _floats(getattr(self, name), name))


def draw_lesion_effects(
    parameters: Parameters, patients: LesionArrays | int, n_replicates: int = 1, seed: int = 0,
) -> LesionEffects:
    """Draw the differences between lesions, ``(n_draws * n_replicates, lesion)``.

    Replicates are new lesions in the same world: a probability is a fraction over replicates, and its interval is the
    spread of that fraction over draws.

    Parameters
    ----------
    parameters
        Gives the number of draws.
    patients
        The lesions, or their number (then all are of one patient).
    n_replicates
        Lesions drawn per draw of the parameters.
    seed
        Any whole number.
    """
    n_lesions = patients if isinstance(patients, int) else patients.n_lesions
    patient = np.zeros(n_lesions, np.intp) if isinstance(patients, int) else np.asarray(patients.patient)
    n_worlds = parameters.n_draws * n_replicates
    codes = np.unique(patient, return_inverse=True)[1]
    shared_variance = float(tables.read_json(ROOM, "population.json")["lesion_shared_variance"]["parameters"][0])

    def effect(name: str) -> NDArray[np.float64]:
        rng = core_draws.generator(seed, "response", "lesion", name)
        common = rng.standard_normal((n_worlds, int(codes.max()) + 1))[:, codes]
        own = rng.standard_normal((n_worlds, n_lesions))
        return np.asarray(np.sqrt(shared_variance) * common + np.sqrt(1 - shared_variance) * own)

    baseline = core_draws.generator(seed, "response", "lesion", "baseline").standard_normal((n_worlds, n_lesions))
    return LesionEffects(
        _floats(effect("alpha"), "alpha_z"), _floats(effect("growth"), "growth_z"), _floats(baseline, "baseline_z"),
        n_replicates, seed,
    )


@dataclass(frozen=True)
class Outcome:
    """What the model says, each ``(world, lesion, time)`` unless said otherwise.

    ``relative_volume`` and ``diameter_mm`` are latent; ``diameter_measured_mm`` adds the error of a reader's change from
    the baseline that was measured. ``ki67_pct`` is that of the viable cells,
    ``stroma_fraction`` the share of the volume that is scar or unresponsive, ``surviving_fraction`` the share of
    cells left over what growth alone would have given, ``viable_fraction`` viable cells over the baseline volume.
    """

    times_week: NDArray[np.float32]
    relative_volume: NDArray[np.float32]
    diameter_mm: NDArray[np.float32]
    diameter_measured_mm: NDArray[np.float32]
    ki67_pct: NDArray[np.float32]
    stroma_fraction: NDArray[np.float32]
    surviving_fraction: NDArray[np.float32]
    viable_fraction: NDArray[np.float32]
    n_replicates: int

    @property
    def who_grade(self) -> NDArray[np.int_]:
        """WHO grade 1-3 of the latent Ki-67, ``(world, lesion, time)``."""
        from neorlt.clinic.grade import who_grade

        return np.asarray(who_grade(np.asarray(self.ki67_pct)), dtype=np.int_)
