"""Vessel contact in degrees as a tumour shrinks: a sphere that touches a cylinder, and the scar it may leave.

The tumour's cut through the vessel's axis is a circle of radius R, the vessel's a circle of radius r, their centres
a distance d apart. The baseline contact fixes d; shrinkage draws the tumour's outline towards its centre. The angle
of the vessel's wall that lies inside the tumour is the contact. Contact stays with a probability (a fibrotic residue)
for which no data exist: *assumption*, together with the vessel radii.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core import draws as core_draws
from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.response.parameters import ROOM, Parameters


def vessel_radius_mm(name: str) -> float:
    """Usual outer radius of a named vessel (assumption; unknown names get the table's default)."""
    radii = tables.read_json(ROOM, "vessels.json")["radius_mm"]
    return float(radii.get(name.upper(), radii["default"]))


def centre_distance_mm(contact_deg: ArrayLike, tumour_radius_mm: ArrayLike, vessel_radius_mm: ArrayLike) -> NDArray[np.float64]:
    """Distance between tumour centre and vessel axis that gives this contact.

    The wall's points at angle theta from the line of centres lie inside the tumour while
    ``d^2 + r^2 - 2 d r cos(theta) <= R^2``; the contact is twice the largest such theta.
    """
    half = np.deg2rad(np.asarray(contact_deg, np.float64)) / 2
    big, small = np.asarray(tumour_radius_mm, np.float64), np.asarray(vessel_radius_mm, np.float64)
    inside = big**2 - (small * np.sin(half)) ** 2
    if np.any(inside < 0):
        raise InputError("a contact angle cannot belong to a tumour this small beside this vessel",
                         remedy="check the contact in degrees and the tumour's diameter")
    return np.asarray(small * np.cos(half) + np.sqrt(inside))


def contact_deg(distance_mm: ArrayLike, tumour_radius_mm: ArrayLike, vessel_radius_mm: ArrayLike) -> NDArray[np.float64]:
    """Contact angle in degrees, 0 (apart) to 360 (wall all round inside the tumour)."""
    d = np.maximum(np.asarray(distance_mm, np.float64), 1e-9)
    big, small = np.asarray(tumour_radius_mm, np.float64), np.asarray(vessel_radius_mm, np.float64)
    cosine = (d**2 + small**2 - big**2) / (2 * d * small)
    return np.asarray(np.rad2deg(2 * np.arccos(np.clip(cosine, -1.0, 1.0))))


@dataclass(frozen=True)
class VesselContact:
    """Contact ``(world, time)`` in degrees: ``latent`` by geometry alone, ``seen`` with the scar that may stay."""

    name: str
    baseline_deg: float
    latent_deg: NDArray[np.float32]
    seen_deg: NDArray[np.float32]
    residue: NDArray[np.bool_]
    """``(world,)`` whether this vessel keeps its contact as scar."""

    def p_below(self, limit_deg: float, n_replicates: int = 1) -> NDArray[np.float64]:
        """Probability per draw ``(draw, time)`` that the contact seen is at most ``limit_deg``."""
        below = self.seen_deg <= limit_deg
        return np.asarray(below.reshape(-1, n_replicates, below.shape[-1]).mean(axis=1))


def resectability(contacts: list[VesselContact], irregular: ArrayLike, *, head: bool = True) -> NDArray[np.int_]:
    """Class of resectability ``(world, time)`` by :mod:`neorlt.clinic.vessels` on the contacts seen.

    Codes are those of :class:`neorlt.clinic.vessels.Resectability` (0 is resectable). An irregular outline stays
    irregular while the contact lasts (assumption). ``irregular`` ``(vessel,)``.
    """
    from neorlt.clinic.vessels import resectability_code, vessel_codes

    if not contacts:
        raise InputError("no vessel contact is given", remedy="list the lesion's vessels with name and contact_deg")
    degrees = np.stack([contact.seen_deg for contact in contacts], axis=-1)
    codes = vessel_codes([contact.name for contact in contacts])
    return np.asarray(resectability_code(codes, degrees, np.asarray(irregular, bool), head=head), np.int_)


def vessel_course(
    parameters: Parameters, name: str, baseline_deg: float, diameter_mm: NDArray[np.float32], baseline_diameter_mm: float,
    *, seed: int = 0, radius_mm: float | None = None, n_replicates: int = 1,
) -> VesselContact:
    """Follow the contact of one vessel while the tumour changes.

    Parameters
    ----------
    parameters
        Give the probability of a fibrotic residue per draw.
    name
        The vessel, for example ``"SMV"``; its radius comes from the table unless given.
    baseline_deg
        Contact at baseline, 0-360.
    diameter_mm
        ``(world, time)`` latent diameters of the tumour.
    baseline_diameter_mm
        Diameter at baseline.
    seed, radius_mm, n_replicates
        Seed, outer radius of the vessel, replicates per draw on the world axis.
    """
    if not 0 <= baseline_deg <= 360:
        raise InputError("vessel contact is out of range", expected="0 to 360 degrees", found=f"{baseline_deg:g}", where=name,
                         remedy="give the contact in degrees of the vessel's circumference")
    worlds = diameter_mm.shape[0]
    residue_p = parameters.repeat(n_replicates).fibrotic_residue_probability
    rng = core_draws.generator(seed, ROOM, "vessel", name)
    residue = rng.uniform(size=worlds) < residue_p
    if baseline_deg == 0:
        latent = np.zeros(diameter_mm.shape)
        return VesselContact(name, 0.0, latent.astype(np.float32), latent.astype(np.float32), np.zeros(worlds, bool))
    small = vessel_radius_mm(name) if radius_mm is None else radius_mm
    distance = centre_distance_mm(baseline_deg, baseline_diameter_mm / 2, small)
    latent = contact_deg(distance, np.asarray(diameter_mm, np.float64) / 2, small)
    seen = np.where(residue[:, None], np.maximum(latent, baseline_deg), latent)
    return VesselContact(name, baseline_deg, latent.astype(np.float32), seen.astype(np.float32), np.asarray(residue))
