"""Coded terms that neorlt writes and understands (PS3.16), each as ``(value, scheme, meaning)``."""

from __future__ import annotations

import re

from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from neorlt.core.errors import InputError
from neorlt.dicom.header import raw, text
from neorlt.nuclides.imaged import imaged_nuclides

Term = tuple[str, str, str]

RADIONUCLIDE: dict[str, Term] = {
    # PS3.16 CID 18 (radioisotopes) and CID 4020 (PET radionuclides)
    "Lu-177": ("447553000", "SCT", "^177^Lutetium"),
    "Y-90": ("14691008", "SCT", "^90^Yttrium"),
    "Ga-68": ("35337001", "SCT", "^68^Gallium"),
    "F-18": ("77004003", "SCT", "^18^Fluorine"),
    "Cu-64": ("3932008", "SCT", "^64^Copper"),
}
"""Radionuclide Code Sequence (0054,0300)."""

_LEGACY_RADIONUCLIDE = {  # SNOMED-RT codes of the same contexts, still written by scanners
    "C-111A1": "F-18",
    "C-131A3": "Ga-68",
    "C-127A2": "Cu-64",
    "C-162A7": "Y-90",
}

AGENT: dict[str, Term] = {
    # PS3.16 CID 25 and CID 4021 (radiopharmaceuticals)
    "177Lu-DOTATATE": ("781259000", "SCT", "Lutetium^177^ DOTATATE"),
    "68Ga-DOTATATE": ("724025002", "SCT", "Dotatate Ga^68^"),
    "18F-FDG": ("35321007", "SCT", "Fluorodeoxyglucose F^18^"),
}
"""Radiopharmaceutical Code Sequence (0054,0304)."""

INTRAVENOUS: Term = ("47625008", "SCT", "Intravenous route")
RECUMBENT: Term = ("102538003", "SCT", "recumbent")
SUPINE: Term = ("40199007", "SCT", "supine")
HEADFIRST: Term = ("102540008", "SCT", "headfirst")
FEETFIRST: Term = ("102541007", "SCT", "feet-first")

BQ_PER_ML: Term = ("Bq/ml", "UCUM", "Becquerels/milliliter")
ABDOMEN: Term = ("818981001", "SCT", "Abdomen")
"""Anatomic region of every image of this therapy (PS3.16 CID 4)."""
GRAY: Term = ("Gy", "UCUM", "Gray")
ABSORBED_DOSE: Term = ("128513", "DCM", "Absorbed Dose")

ABNORMAL: Term = ("49755003", "SCT", "Morphologically Abnormal Structure")
ANATOMICAL: Term = ("123037004", "SCT", "Anatomical Structure")
NEOPLASM: Term = ("108369006", "SCT", "Neoplasm")
PRIMARY: Term = ("372087000", "SCT", "Primary Malignant Neoplasm")
SECONDARY: Term = ("14799000", "SCT", "Secondary Malignant Neoplasm")
LEFT: Term = ("7771000", "SCT", "Left")
RIGHT: Term = ("24028007", "SCT", "Right")
TISSUE: Term = ("85756007", "SCT", "Tissue")

ORGAN: dict[str, Term] = {
    # PS3.16 CID 7151, CID 4031
    "liver": ("10200004", "SCT", "Liver"),
    "spleen": ("78961009", "SCT", "Spleen"),
    "kidney": ("64033007", "SCT", "Kidney"),
    "pancreas": ("15776009", "SCT", "Pancreas"),
    "pituitary": ("56329008", "SCT", "Pituitary"),
    "adrenal": ("23451007", "SCT", "Adrenal gland"),
    "bone": ("272673000", "SCT", "Bone"),
    "body": ("38266002", "SCT", "Entire body"),
}
"""Segmented Property Type of organs, found by the word in the region's name."""

LESION_CATEGORY_CODES = frozenset({"49755003", "M-01000", "4147007", "108369006"})
"""Segmented Property Category codes that mean a lesion."""
LESION_TYPE_CODES = frozenset({
    "108369006", "372087000", "14799000", "4147007", "52988006", "27925004", "86049000", "M-80003", "M-80006", "M-01100", "126906006",
    "255046005", "128462008", "399409002",
})  # fmt: skip
"""Segmented Property Type codes that mean a lesion (PS3.16 CID 7159 and SNOMED: neoplasm, primary, secondary, mass, lesion, nodule)."""
BACKGROUND_CODES = frozenset({"125040"})
"""Segmented Property Type codes of what lies outside all segments (DCM 125040, Background)."""
ORGAN_CATEGORY_CODES = frozenset({"123037004", "91723000", "T-D0050"})
"""Segmented Property Category codes that mean anatomy."""


def code_item(term: Term) -> Dataset:
    """Return a code sequence item (PS3.3 Table 8.8-1)."""
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = term
    return item


def code_sequence(*terms: Term) -> Sequence:
    """Return a code sequence of ``terms``."""
    return Sequence([code_item(term) for term in terms])


_ALWAYS = frozenset({"Lu", "Y", "Ga", "F", "Cu", "Tc", "In", "I", "Zr", "Tb", "Sc", "Ho", "Ac", "Pb", "C", "O", "N"})
"""Symbols that are read with any mass; others only as a nuclide of :func:`~neorlt.nuclides.imaged.imaged_nuclides`, since words would
be found that mean none ("at 120 min", "10 small")."""


def nuclide_name(text: str) -> str | None:
    """Return ``"Lu-177"`` for any usual spelling (``177Lu``, ``^177^Lutetium``, ``Lu177``, ``F-18``, ``18F``), else None."""
    symbols = {
        "lutetium": "Lu",
        "yttrium": "Y",
        "gallium": "Ga",
        "fluorine": "F",
        "copper": "Cu",
        "technetium": "Tc",
        "indium": "In",
        "iodine": "I",
        "zirconium": "Zr",
        "terbium": "Tb",
        "scandium": "Sc",
        "holmium": "Ho",
        "actinium": "Ac",
        "lead": "Pb",
        "carbon": "C",
        "oxygen": "O",
        "nitrogen": "N",
        "rhenium": "Re",
        "samarium": "Sm",
        "thallium": "Tl",
        "bismuth": "Bi",
        "erbium": "Er",
        "promethium": "Pm",
        "phosphorus": "P",
        "strontium": "Sr",
        "astatine": "At",
    }
    stated = imaged_nuclides()
    flat = text.lower()
    for word, symbol in symbols.items():
        flat = flat.replace(word, symbol.lower())
    known = "|".join(sorted((s.lower() for s in _ALWAYS.union(name.partition("-")[0] for name in stated)), key=len, reverse=True))
    between = r"[\^\s_\-\[\]()/]*"
    first = re.search(rf"(?<!\d)(\d{{1,3}}m?){between}({known})(?![a-z]?\d|{between}\d{{1,3}}m?(?!\d))", flat)
    # one letter before another is the start of a word (131 I is iodine, 68 for is not fluorine), except in 18FDG
    if first and len(first[2]) == 1 and flat[first.end() :][:1].isalpha() and not flat[:1].isdigit():
        first = None
    then = re.search(rf"(?<![a-z])({known}){between}(\d{{1,3}}(?:m(?![a-z]))?)(?!\d)", flat)
    if first and (then is None or first.start() < then.start()):
        symbol, mass = first[2].capitalize(), first[1]
    elif then:
        symbol, mass = then[1].capitalize(), then[2]
    else:
        return None
    return f"{symbol}-{mass}" if symbol in _ALWAYS or f"{symbol}-{mass}" in stated else None


def agent_of_item(item: Dataset, file: str) -> str:
    """Name of a Radiopharmaceutical Information item's agent by its code (0054,0304), or empty."""
    for code in raw(item, "RadiopharmaceuticalCodeSequence", file) or []:
        for agent, term in AGENT.items():
            if text(code, "CodeValue", file) == term[0]:
                return agent
    return ""


def nuclide_of_item(item: Dataset, file: str) -> str | None:
    """Nuclide of a Radiopharmaceutical Information item, from its code, its meaning, or the agent's name."""
    for code in raw(item, "RadionuclideCodeSequence", file) or []:
        value = text(code, "CodeValue", file)
        for name, term in RADIONUCLIDE.items():
            if value == term[0]:
                return name
        if value in _LEGACY_RADIONUCLIDE:
            return _LEGACY_RADIONUCLIDE[value]
        name_found = nuclide_name(text(code, "CodeMeaning", file))
        if name_found:
            return name_found
    for code in raw(item, "RadiopharmaceuticalCodeSequence", file) or []:
        for agent, term in AGENT.items():
            if text(code, "CodeValue", file) == term[0]:
                return nuclide_name(agent)
    return _of_agent(text(item, "Radiopharmaceutical", file))


_BRANDS = {
    "lutathera": "Lu-177", "pluvicto": "Lu-177", "netspot": "Ga-68", "somakit": "Ga-68", "illuccix": "Ga-68", "locametz": "Ga-68",
    "detectnet": "Cu-64", "octreoscan": "In-111", "tektrotyd": "Tc-99m", "zevalin": "Y-90", "azedra": "I-131",
}  # fmt: skip
"""Trade names of radiopharmaceuticals, and their nuclide."""


def _of_agent(name: str) -> str | None:
    """Nuclide in an agent's name, FDG by itself is 18F, a trade name its own."""
    for brand, nuclide in _BRANDS.items():
        if brand in name.lower():
            return nuclide
    return "F-18" if re.search(r"\bfdg\b|fluorodeoxyglucose", name, re.IGNORECASE) else nuclide_name(name)


_ELEMENTS = {"lutetium": "Lu", "gallium": "Ga", "copper": "Cu", "technetium": "Tc", "zirconium": "Zr"}


def check_nuclide(item: Dataset, file: str, what: str) -> tuple[str, ...]:
    """Compare what a Radiopharmaceutical Information item says of its nuclide: code, the code's meaning, and the agent's name.

    Returns a sentence where a code is not known and the agent's name was taken, and where code and name differ (the code counts).

    Raises
    ------
    InputError
        If a code and its own meaning are two nuclides.
    """
    tag = "RadionuclideCodeSequence (0054,0300)"
    agent = text(item, "Radiopharmaceutical", file)
    named = _of_agent(agent)
    for code in raw(item, "RadionuclideCodeSequence", file) or []:
        value, meaning = text(code, "CodeValue", file), text(code, "CodeMeaning", file)
        coded = next((n for n, term in RADIONUCLIDE.items() if value == term[0]), _LEGACY_RADIONUCLIDE.get(value))
        meant = nuclide_name(meaning)
        if coded and meant and coded != meant:
            raise InputError(
                "the radionuclide's code and its meaning are two nuclides",
                expected=f"{coded} by the code {value}",
                found=f"{meant} by its meaning {meaning!r}",
                where=f"{file}, {tag}",
                remedy="correct the radiopharmaceutical on the scanner and export again",
            )
        taken = nuclide_of_item(item, file)
        if not (coded or meant) and (value or meaning) and taken:
            shown = repr(value) + (f", {meaning!r}" if meaning else "")
            return (f"{what}: the radionuclide's code ({shown}, {tag}) is not known; {taken} was taken from the agent's name {agent!r}.",)
        element = re.search(r"\b(lu|lutetium|ga|gallium|cu|copper|tc|technetium|zr|zirconium)\b", agent.lower())
        symbol = _ELEMENTS.get(element[1], element[1].capitalize()) if element else ""
        if (coded or meant) and not named and symbol and symbol != str(coded or meant).partition("-")[0]:
            return (
                f"{what}: the radionuclide is {coded or meant} by its code {tag}, and the agent's name {agent!r} says {symbol}; the code"
                " counts.",
            )
        if (coded or meant) and named and named != (coded or meant):
            return (
                f"{what}: the radionuclide is {coded or meant} by its code {tag} and {named} by the agent's name {agent!r}; the code"
                " counts.",
            )
    return ()
