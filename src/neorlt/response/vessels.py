"""Vessel contact in degrees as a tumour shrinks: a sphere that touches a cylinder, and the scar it may leave.

The tumour's cut through the vessel's axis is a circle of radius R, the vessel's a circle of radius r, their centres
a distance d apart. The baseline contact fixes d; shrinkage draws the tumour's outline towards its centre. The angle
of the vessel's wall that lies inside the tumour is the contact. Contact stays with a probability (a fibrotic residue)
for which no data exist: *assumption*, together with the vessel radii.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.core import tables
from neorlt.core.errors import InputError
from neorlt.response.parameters import ROOM


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


def widest_contact_deg(tumour_radius_mm: ArrayLike, vessel_radius_mm: ArrayLike) -> NDArray[np.float64]:
    """The widest contact that a sphere of this radius can make with the vessel, degrees."""
    big, small = np.asarray(tumour_radius_mm, np.float64), np.asarray(vessel_radius_mm, np.float64)
    part = np.rad2deg(2 * np.arcsin(np.clip(big / small, 0, 1))) - 1e-6
    return np.asarray(np.where(big >= small, 360.0, part))
