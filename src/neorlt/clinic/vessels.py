"""Resectability by vessel contact, after NCCN: a definition for pancreatic **adeno**carcinoma used as a proxy.

Sources: PMC7603933 table t3 (NCCN 1.2019), PMC8475010 table T2 (level: secondary). No table for neuroendocrine tumours
was found. Abutment is up to 180°, encasement above. Older texts call encasement of the vein borderline in every case and
contact of the first jejunal branch unresectable: not used here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from neorlt.clinic._arrays import agree, floats, is_settled, namespace, tri
from neorlt.core.errors import InputError

ENCASEMENT_ABOVE_DEG = 180.0
PROXY_NOTE = "Resectability follows a definition written for pancreatic adenocarcinoma (NCCN), used as a proxy."


class Resectability(IntEnum):
    """Class by vessel contact; smaller is better."""

    RESECTABLE = 0
    BORDERLINE = 1
    LOCALLY_ADVANCED = 2


class Vessel(IntEnum):
    """Vessels that the rule names; ``OTHER`` (splenic vessels, gastroduodenal artery, branches) does not decide."""

    SMA = 0
    COELIAC = 1
    CHA = 2
    AORTA = 3
    SMV_PV = 4
    IVC = 5
    OTHER = 6

    @property
    def is_artery(self) -> bool:
        """Whether the vessel is a named artery."""
        return self in (Vessel.SMA, Vessel.COELIAC, Vessel.CHA, Vessel.AORTA)


_NAMES: dict[str, Vessel] = {
    "sma": Vessel.SMA, "superior mesenteric artery": Vessel.SMA,
    "ca": Vessel.COELIAC, "coeliac": Vessel.COELIAC, "celiac": Vessel.COELIAC, "coeliac axis": Vessel.COELIAC,
    "celiac axis": Vessel.COELIAC,
    "coeliac trunk": Vessel.COELIAC, "celiac trunk": Vessel.COELIAC, "celiac artery": Vessel.COELIAC,
    "cha": Vessel.CHA, "common hepatic artery": Vessel.CHA,
    "aorta": Vessel.AORTA,
    "smv": Vessel.SMV_PV, "superior mesenteric vein": Vessel.SMV_PV, "pv": Vessel.SMV_PV, "portal vein": Vessel.SMV_PV,
    "smv/pv": Vessel.SMV_PV, "smv-pv": Vessel.SMV_PV, "pv/smv": Vessel.SMV_PV,
    "ivc": Vessel.IVC, "inferior vena cava": Vessel.IVC,
    "gda": Vessel.OTHER, "gastroduodenal artery": Vessel.OTHER, "sv": Vessel.OTHER, "splenic vein": Vessel.OTHER,
    "sa": Vessel.OTHER, "splenic artery": Vessel.OTHER, "first jejunal branch": Vessel.OTHER, "jejunal branch": Vessel.OTHER,
}


class VesselLike(Protocol):
    """What the rule reads of a vessel contact."""

    @property
    def name(self) -> str: ...  # noqa: D102
    @property
    def contact_deg(self) -> float: ...  # noqa: D102
    @property
    def irregular(self) -> bool | None: ...  # noqa: D102
    @property
    def occluded(self) -> bool | None: ...  # noqa: D102
    @property
    def reconstructible(self) -> bool | None: ...  # noqa: D102


@dataclass(frozen=True)
class VesselContact:
    """Contact of the tumour with one vessel.

    ``contact_deg`` of the circumference (0–360); ``irregular`` contour; ``occluded`` or thrombosed; ``reconstructible``
    with a suitable vessel proximal and distal (veins).
    """

    name: str
    contact_deg: float
    irregular: bool = False
    occluded: bool = False
    reconstructible: bool = True

    def __post_init__(self) -> None:
        if not 0.0 <= self.contact_deg <= 360.0:
            raise InputError("a vessel contact is out of range", expected="0 to 360 degrees", found=f"{self.contact_deg:g}",
                             where=f"vessel {self.name}", remedy="give contact_deg in degrees of circumference")
        vessel_code(self.name)


def vessel_code(name: str) -> Vessel:
    """The vessel that a name or abbreviation means.

    Raises
    ------
    InputError
        If the name is not known.
    """
    try:
        return _NAMES[name.strip().lower()]
    except KeyError:
        raise InputError("a vessel name is not known", expected=", ".join(sorted(_NAMES)), found=name,
                         remedy="use one of these names") from None


def vessel_codes(names: Sequence[str]) -> NDArray[np.intp]:
    """Codes of :class:`Vessel` for a list of names."""
    return np.array([vessel_code(name) for name in names], dtype=np.intp)


def resectability_code(
    vessel: ArrayLike, contact_deg: ArrayLike, irregular: ArrayLike | None = False, occluded: ArrayLike | None = False,
    reconstructible: ArrayLike | None = True, *, head: bool = True, gda_intact: bool = False, touch_above_deg: float = 0.0,
) -> Any:
    """Resectability of many draws at once.

    Parameters
    ----------
    vessel
        ``(vessel,)`` codes of :class:`Vessel` (known before the draws; see :func:`vessel_codes`).
    contact_deg
        ``(..., vessel)`` degrees of contact; missing (NaN) is unknown. The list of vessels is taken as complete.
    irregular, occluded, reconstructible
        Broadcast against ``contact_deg``; each true, false or unknown (None, NaN, −1).
    head
        Head or uncinate process; else body or tail.
    gda_intact
        Body and tail only: the gastroduodenal artery is known to be intact, which makes encasement of the coeliac axis
        without the aorta borderline (some panels: locally advanced, which is taken where it is not known).
    touch_above_deg
        A vessel is touched where contact is above this.

    Returns
    -------
    Array
        ``(...)`` values of :class:`Resectability`; −1 where an unknown contact or flag could change the class.
    """
    xp = namespace(contact_deg, irregular, occluded, reconstructible)
    codes = np.asarray(vessel, int)
    contact = floats(xp, contact_deg)
    if codes.ndim != 1 or contact.shape[-1:] != codes.shape:
        raise InputError("vessel codes and contacts do not fit", expected=f"a last axis of {codes.size}",
                         found=str(contact.shape), remedy="give one code for each vessel")
    if codes.size == 0:
        return xp.zeros(contact.shape[:-1], int)
    shape = contact.shape
    uneven, closed, rebuild = (tri(xp, value) for value in (irregular, occluded, reconstructible))
    options: dict[str, Any] = {"head": head, "gda_intact": gda_intact, "touch_above_deg": touch_above_deg}
    missing = xp.isnan(contact)
    mildest = _code(xp, codes, xp.where(missing, 0.0, contact), [xp.broadcast_to(flag, shape) for flag in (
        uneven.true, closed.true, rebuild.may_be_true)], **options)
    settled = all(is_settled(flag) for flag in (irregular, occluded, reconstructible))
    if settled and xp is np and not np.any(missing):
        return mildest
    worst = _code(xp, codes, xp.where(missing, 360.0, contact), [xp.broadcast_to(flag, shape) for flag in (
        uneven.may_be_true, closed.may_be_true, rebuild.true)], **options)
    return agree(xp, mildest, worst)


def _code(
    xp: Any, codes: NDArray[np.intp], contact: Any, flags: list[Any], *, head: bool, gda_intact: bool, touch_above_deg: float
) -> Any:
    """The class where every input is known; it never falls with more contact, an uneven or closed vessel, or one not rebuildable."""
    uneven, closed, rebuildable = flags
    touch = (contact > touch_above_deg) | closed
    encased = (contact > ENCASEMENT_ABOVE_DEG) | closed
    coeliac_touched = _any(xp, touch, codes == Vessel.COELIAC)
    aorta_touched = _any(xp, touch, codes == Vessel.AORTA)
    result = xp.zeros(contact.shape[:-1], int)
    for j, code in enumerate(codes.tolist()):
        touched, around = touch[..., j], encased[..., j]
        if code == Vessel.SMA:
            step = xp.where(around, 2, xp.where(touched, 1, 0))
        elif code == Vessel.COELIAC:
            spared = (not head) and gda_intact
            beyond = xp.where(aorta_touched, 2, 1) if spared else 2
            step = xp.where(around, beyond, xp.where(touched, 1, 0))
        elif code == Vessel.CHA:
            # Borderline only without extension to the coeliac axis (head); contact of both is taken as extension.
            step = xp.where(touched, xp.where(coeliac_touched, 2, 1) if head else 1, 0)
        elif code == Vessel.AORTA:
            step = xp.where(touched, 2, 0)
        elif code == Vessel.SMV_PV:
            involved = around | (touched & uneven[..., j])
            step = xp.where(involved, xp.where(rebuildable[..., j], 1, 2), 0)
        elif code == Vessel.IVC:
            step = xp.where(touched, 1, 0)
        else:
            continue
        result = xp.maximum(result, step)
    return result


def _any(xp: Any, flags: Any, columns: NDArray[np.bool_]) -> Any:
    return xp.any(flags & xp.asarray(columns), axis=-1)


HEAD = ("head", "uncinate", "neck")
"""Parts of the pancreas that the operation of the head takes."""
PARTS = (*HEAD, "body", "tail")


def names_part(site: str) -> bool:
    """Whether a site names a part of the pancreas."""
    return any(part in site.lower() for part in PARTS)


def is_head(site: str) -> bool:
    """Whether a site names the pancreatic head or uncinate process.

    Raises
    ------
    InputError
        If the site names no part of the pancreas.
    """
    if not names_part(site):
        raise InputError("the part of the pancreas is not known", expected="head, uncinate, neck, body or tail", found=site,
                         remedy='name the site as for example "pancreas-head"')
    return any(part in site.lower() for part in HEAD)


def classify_resectability(site: str, contacts: Sequence[VesselLike], *, gda_intact: bool | None = None) -> Resectability:
    """Resectability of one tumour (see :func:`resectability_code`, which does the work).

    ``gda_intact`` left out is read from a listed contact of the gastroduodenal artery of 0°, else taken as not known.

    Raises
    ------
    InputError
        If the site or a vessel is not known.
    """
    if gda_intact is None:
        gda = [c for c in contacts if c.name.strip().lower() in ("gda", "gastroduodenal artery")]
        gda_intact = bool(gda) and all(c.contact_deg == 0 and not c.occluded for c in gda)
    code = resectability_code(
        vessel_codes([c.name for c in contacts]), np.array([c.contact_deg for c in contacts], float),
        np.array([c.irregular for c in contacts], bool), np.array([c.occluded for c in contacts], bool),
        np.array([c.reconstructible for c in contacts], bool), head=is_head(site), gda_intact=gda_intact,
    )
    return Resectability(int(code))
