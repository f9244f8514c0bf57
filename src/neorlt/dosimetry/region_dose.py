"""Absorbed dose of organs and lesions from their time-integrated activities, as joint draws, with BED for one cycle."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from neorlt.core import draws as core_draws
from neorlt.core.errors import InputError
from neorlt.core.tissue import SOFT_TISSUE_G_PER_CM3
from neorlt.dosimetry.bed import DoseRate, bed_gy, repair_parameters
from neorlt.dosimetry.body import body_region_of, ct_of
from neorlt.dosimetry.curves import BODY_LESS_REGIONS, therapy_times_h
from neorlt.dosimetry.density import FLOOR_G_PER_CM3, density_from_ct
from neorlt.dosimetry.derive import derived_tia
from neorlt.dosimetry.fit import fit_curves
from neorlt.dosimetry.objects import Dose, TimeActivity, TimeIntegratedActivity
from neorlt.dosimetry.population import REST_OF_BODY
from neorlt.dosimetry.s_table import SValueTable, with_table
from neorlt.dosimetry.s_values import RegionSValues, local_s_values, region_s_values, settled_occupancies, surface_mm2
from neorlt.dosimetry.uncertainty import DEFAULT, UncertaintySettings
from neorlt.imaging.region import Region, RegionKind
from neorlt.imaging.resample import region_on
from neorlt.imaging.study import Study
from neorlt.imaging.volume import Volume
from neorlt.nuclides.nuclide import get_nuclide

Floats = NDArray[np.float64]


def region_doses(
    study: Study,
    tias: Sequence[TimeIntegratedActivity],
    *,
    seed: int,
    n_draws: int | None = None,
    settings: UncertaintySettings = DEFAULT,
    nuclide: str | None = None,
    s_table: SValueTable | None = None,
    rest: TimeIntegratedActivity | None = None,
    local: bool = False,
    also: Sequence[str] = (),
) -> tuple[Dose, ...]:
    """Mean absorbed dose of each region of ``tias``, cross-dose included.

    S-values come from :mod:`neorlt.dosimetry.s_values`; the rest of the body is a source too. The mass is the contour's
    volume (less what lesions fill of an organ) times the density from CT (1.04 g/cm³ without one) and carries the
    uncertainty of the contour.

    Parameters
    ----------
    study
        Gives grid, regions, CT and the injected activity.
    tias
        Time-integrated activities of regions of the study, with equal numbers of draws.
    seed
        Seed of what is drawn here (mass, S-value).
    n_draws
        Checked against the draws in ``tias`` where given.
    settings
        Contour and S-value uncertainty.
    nuclide
        Only to be given where it differs from that of the images (a derived plan).
    s_table
        The user's S-values; they take the place of ours for the organs that they name.
    rest
        Of the rest of the body, from :func:`rest_of_body`; fitted here where left out.
    local
        Whether each dose carries that by local deposition too (``Dose.local``): electrons and alphas stop where they start, photons
        and neighbours give nothing.
    also
        Other therapy nuclides: each dose then carries that of the same biology with them, by their own S-values (``Dose.others``).

    Raises
    ------
    InputError
        If a region of ``tias`` is not in the study, or draws differ in number.
    """
    by_name = {region.name: region for region in study.regions}
    unknown = [tia.name for tia in tias if tia.name not in by_name]
    if unknown or not tias:
        raise InputError("a region is not in the study", found=", ".join(unknown) or "no region", remedy="use names of the study")
    counts = {len(tia.amplitude_mbq) for tia in tias} | ({n_draws} if n_draws is not None else set())
    if len(counts) != 1:
        raise InputError(
            "regions have different numbers of draws", found=str(sorted(counts)), remedy="fit all with the same n_draws"
        )
    n = counts.pop()
    regions = [by_name[tia.name] for tia in tias]
    image = study.therapy_images()[0]
    occupancies = settled_occupancies(regions, image.grid)
    body = body_mask(study, image)
    density = _densities(study, image, occupancies)
    volume_ml = np.array([tia.curve.volume_ml for tia in tias])
    surfaces = np.array([surface_mm2(region) for region in regions])
    isotope = nuclide or tias[0].nuclide
    if s_table is not None and s_table.nuclide != get_nuclide(isotope).name:
        raise InputError(
            "the S-value table is of another nuclide", expected=isotope, found=s_table.nuclide, remedy="give the table of this nuclide"
        )
    if body is not None:
        rest = rest or rest_of_body(study, [tia.curve for tia in tias], seed=seed, n_draws=n)

    def doses_of(
        name: str, curves: Sequence[TimeIntegratedActivity], remainder: TimeIntegratedActivity | None, deposited: bool = False
    ) -> tuple[Dose, ...]:
        if deposited:
            s = local_s_values(name, volume_ml * density, n_sources=len(tias) + (body is not None))
        else:
            s = region_s_values(name, image.grid, occupancies, volume_ml, surfaces, density, body)
            if s_table is not None and s_table.nuclide == get_nuclide(name).name:
                s = with_table(s, s_table, [region.name for region in regions], volume_ml * density)
        sources = [np.asarray(curve.draws_mbq_h) for curve in curves]
        if body is not None:
            sources.append(np.zeros(n) if remainder is None else np.asarray(remainder.draws_mbq_h))
        injected = study.therapy_administration().activity_mbq
        return _assemble(curves, regions, s, np.stack(sources, axis=1), volume_ml * density, injected, seed, settings, name)

    found = doses_of(isotope, tias, rest)
    if local:
        found = tuple(replace(one, local=flat) for one, flat in zip(found, doses_of(isotope, tias, rest, deposited=True), strict=True))
    for other in also:
        if get_nuclide(other).name != get_nuclide(isotope).name:
            again = doses_of(other, [derived_tia(t, other) for t in tias], None if rest is None else derived_tia(rest, other))
            found = tuple(
                replace(one, others=(*one.others, replace(new, method=f"{new.method}; derived from {isotope} by exchange of decay")))
                for one, new in zip(found, again, strict=True)
            )
    return found


def _assemble(
    tias: Sequence[TimeIntegratedActivity],
    regions: Sequence[Region],
    s: RegionSValues,
    sources_mbq_h: Floats,
    mass_g: Floats,
    injected_mbq: float,
    seed: int,
    settings: UncertaintySettings,
    nuclide: str,
) -> tuple[Dose, ...]:
    n = len(sources_mbq_h)
    s_factor = np.exp(np.log1p(settings.s_value_cv) * core_draws.generator(seed, "s-value").standard_normal(n))
    doses = []
    for i, (tia, region) in enumerate(zip(tias, regions, strict=True)):
        # The same contour that the activity was found in: one cause, one draw.
        own = s.s_gy_per_mbq_h[i, i] * s_factor / tia.curve.volume_factor(seed, n)
        others = np.delete(np.arange(sources_mbq_h.shape[1]), i)
        cross = sources_mbq_h[:, others] @ s.s_gy_per_mbq_h[i, others] * s_factor
        self_gy = own * sources_mbq_h[:, i]
        dose = self_gy + cross
        # Cross-dose is small and comes at about the region's own pace: BED uses the region's kinetics for all of it.
        amplitude = tia.amplitude_mbq * own[:, None] * (dose / self_gy)[:, None]
        repair = repair_parameters(region.name, region.kind is RegionKind.LESION)
        bed = bed_gy([DoseRate(0.0, amplitude, tia.rate_per_h)], repair.alpha_beta_gy, repair.repair_half_time_h)
        doses.append(
            Dose(
                name=region.name,
                nuclide=nuclide,
                mass_g=float(mass_g[i]),
                tia=tia,
                draws_gy=dose,
                bed_gy=np.asarray(bed),
                method=s.method_of(i),
                injected_mbq=injected_mbq,
                self_fraction=float(np.median(self_gy / dose)),
                flags=tia.flags,
            )
        )
    return tuple(doses)


def rest_of_body(
    study: Study, curves: Sequence[TimeActivity], *, seed: int, n_draws: int, occasion: str = ""
) -> TimeIntegratedActivity | None:
    """Time-integrated activity of what the images hold outside the regions; None where that is nothing.

    Total activity of each image less the activity of the regions at that time, with the population's belief about the shape: at
    early times, which no late image has seen, the images alone set no bound.
    """
    images = study.therapy_images()
    total = np.array([float(v.array.sum(dtype=np.float64)) * v.grid.voxel_ml / 1e6 for v in images])
    known = np.sum([curve.activity_mbq for curve in curves], axis=0)
    left = total - known
    if not np.any(left > 0.005 * total):
        return None
    curve = TimeActivity(
        name=BODY_LESS_REGIONS,
        nuclide=str(images[0].nuclide),
        volume_ml=float(np.prod(images[0].grid.shape)) * images[0].grid.voxel_ml,
        time_h=therapy_times_h(study),
        activity_mbq=np.maximum(left, 0.0),
        sd_mbq=0.05 * total,
        uncorrected_mbq=np.maximum(left, 0.0),
        shared_cv=curves[0].shared_cv,
    )
    return fit_curves([curve], n_draws=n_draws, seed=seed, priors=[REST_OF_BODY], occasion=occasion)[0]


def body_mask(study: Study, image: Volume) -> NDArray[np.bool_] | None:
    """Voxels of the body on an image's grid, or None."""
    body = body_region_of(study, image.grid.frame_of_reference)
    return None if body is None else np.asarray(region_on(body, image.grid) >= 0.5)


def density_map(study: Study, image: Volume) -> Volume | None:
    """Density in g/cm³ on an image's grid from the study's CT (averaged over its voxels), or None."""
    from neorlt.imaging.resample import resample_conserving

    ct = ct_of(study, image.grid.frame_of_reference)
    if ct is None:
        return None
    density = density_from_ct(ct)
    averaged = resample_conserving(density, image.grid)
    # Outside the CT's field of view there is no density, not air: soft tissue.
    return averaged.with_array(np.where(averaged.array > 0, averaged.array, SOFT_TISSUE_G_PER_CM3))


def _densities(study: Study, image: Volume, occupancies: list[NDArray[np.float32]]) -> Floats:
    """Mean density of each region ``(region,)`` in g/cm³."""
    density = density_map(study, image)
    if density is None:
        return np.full(len(occupancies), SOFT_TISSUE_G_PER_CM3)
    means = [
        float(np.average(density.array, weights=occupancy)) if occupancy.any() else SOFT_TISSUE_G_PER_CM3
        for occupancy in occupancies
    ]
    return np.asarray(np.maximum(np.array(means), FLOOR_G_PER_CM3))
