"""Citations: every result knows the papers that it stands on, by key."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Citation:
    """One published source."""

    key: str
    text: str
    doi: str | None = None

    @property
    def url(self) -> str | None:
        """Resolver address, or None where there is no DOI."""
        return None if self.doi is None else f"https://doi.org/{self.doi}"


_ALL = (
    Citation("urso2022", "Urso L et al. Radioligand therapy as neoadjuvant treatment for inoperable pancreatic neuroendocrine tumors. Endocrine 2022;78:255-261", "10.1007/s12020-022-03170-0"),
    Citation("jahn2021", "Jahn U et al. 177Lu-DOTATATE therapy: dose-response in small-intestinal and pancreatic NETs. Cancers 2021;13:962", "10.3390/cancers13050962"),
    Citation("jahn2020", "Jahn U et al. Absorbed doses per cycle in small-intestinal NETs. Neuroendocrinology 2020", "10.1159/000504001"),
    Citation("siebinga2023", "Siebinga H et al. Semi-physiological model of 177Lu-HA-DOTATATE. EJNMMI Phys 2023;10:48", "10.1186/s40658-023-00565-4"),
    Citation("bodei2008", "Bodei L et al. Long-term evaluation of renal toxicity after PRRT. EJNMMI 2008;35:1847", "10.1007/s00259-008-0778-1"),
    Citation("hanscheid2018", "Haenscheid H et al. Dose mapping after endoradiotherapy with 177Lu-DOTATATE/DOTATOC by a single measurement after 4 days. J Nucl Med 2018;59:75-81", "10.2967/jnumed.117.193706"),
    Citation("bergsma2016", "Bergsma H et al. Subacute haematotoxicity after PRRT with 177Lu-octreotate. EJNMMI 2016;43:453-463", "10.1007/s00259-015-3193-4"),
    Citation("eisenhauer2009", "Eisenhauer EA et al. RECIST 1.1. Eur J Cancer 2009;45:228-247", "10.1016/j.ejca.2008.10.026"),
    Citation("bruvoll2023", "Bruvoll R et al. Lesion dosimetry in GEP-NET. Cancers 2023;15:1134", "10.3390/cancers15041134"),
    Citation("rousset1998", "Rousset OG et al. Correction for partial volume effects in PET. J Nucl Med 1998;39:904-911", None),
    Citation("gear2018", "Gear JI et al. EANM practical guidance on uncertainty analysis for molecular radiotherapy absorbed dose calculations. EJNMMI 2018;45:2456-2474", "10.1007/s00259-018-4136-7"),
    Citation("lanconelli2012", "Lanconelli N et al. A free database of radionuclide voxel S values. Phys Med Biol 2012;57:517-533", "10.1088/0031-9155/57/2/517"),
)
_REGISTER: dict[str, Citation] = {citation.key: citation for citation in _ALL}


def register(citation: Citation) -> Citation:
    """Add a citation (rooms do this at import for the papers that only they use)."""
    known = _REGISTER.setdefault(citation.key, citation)
    if known != citation:
        raise ValueError(f"citation key {citation.key!r} is already taken by another text")
    return known


def cite(*keys: str) -> tuple[Citation, ...]:
    """Return the citations with these keys, in order and without repeats."""
    return tuple(_REGISTER[key] for key in dict.fromkeys(keys))
