"""Which organ a name means, in English, German, French, Italian, Spanish, Dutch and Polish; the one place that knows a kidney.

Names of regions come from planning systems (TG-263: ``Kidney_L``), segmentation programs (``kidney_left``) and people (``Niere li``).
Stems are looked for anywhere in a name, short or ambiguous words only as whole words.
"""

from __future__ import annotations

import re
import unicodedata
from enum import StrEnum
from functools import cache


class Organ(StrEnum):
    """Organs that neorlt treats by name."""

    VESSEL = "vessel"
    SPINAL_CORD = "spinal cord"
    ADRENAL = "adrenal"
    KIDNEY = "kidney"
    GALLBLADDER = "gallbladder"
    LIVER = "liver"
    SPLEEN = "spleen"
    PANCREAS = "pancreas"
    MARROW = "marrow"
    PITUITARY = "pituitary"
    SALIVARY = "salivary gland"
    THYROID = "thyroid"
    BLADDER = "bladder"
    STOMACH = "stomach"
    DUODENUM = "duodenum"
    COLON = "colon"
    BOWEL = "bowel"
    HEART = "heart"
    LUNG = "lung"
    OESOPHAGUS = "oesophagus"
    BONE = "bone"
    BRAIN = "brain"
    MUSCLE = "muscle"
    REPRODUCTIVE = "reproductive organ"
    TRACHEA = "trachea"


# Order counts: "renal vein" is a vessel, "adrenal" holds "renal", "gallbladder" holds "bladder".
_STEMS: dict[Organ, str] = {
    Organ.VESSEL: "artery arteri artere arteria vein vena_ vene_ veine aorta vessel gefass vaisseau slagader zyla tetnic",
    Organ.SPINAL_CORD: "spinal ruckenmark epiniere espinal ruggenmerg kregow",
    Organ.ADRENAL: "adrenal suprarenal nebenniere surrenal surren suprarrenal bijnier nadnercz",
    Organ.KIDNEY: "kidney niere rinon nerka nerki nerek renal_cortex rindenniere",
    Organ.GALLBLADDER: "gallbladder gall_bladder gallenblas vesicule vesicula cistifell colecist galblaas pecherzyk",
    Organ.LIVER: "liver leber fegato higado watrob hepar hepat epatic",
    Organ.SPLEEN: "spleen milza sledzion",
    Organ.PANCREAS: "pancrea pankrea alvlees trzustk bauchspeichel",
    Organ.MARROW: "marrow knochenmark moelle midollo medula beenmerg szpik",
    Organ.PITUITARY: "pituit hypophys ipofis hipofis hypofys przysadk",
    Organ.SALIVARY: "parotid parotis salivar salivai submandib speicheldrus speekselklier sliniank salival",
    Organ.THYROID: "thyroid thyreoid schilddrus tiroid schildklier tarczyc",
    Organ.BLADDER: "bladder harnblas vessie vescica vejiga pecherz",
    Organ.STOMACH: "stomach magen_ estomac stomaco estomago zolad",
    Organ.DUODENUM: "duoden zwolffinger twaalfvinger dwunastnic",
    Organ.COLON: "colon dickdarm kolon rectum rektum retto_ recto_ sigmoid caecum cecum dikke_darm okreznic odbytnic",
    Organ.BOWEL: "bowel intestin jejun ileum dunndarm darm jelit grele",
    Organ.HEART: "heart coeur cuore corazon myocard serce atrium ventricle",
    Organ.LUNG: "lung poumon polmon pulmon pluco pluca longen",
    Organ.OESOPHAGUS: "esophag oesophag speiserohr esofag slokdarm przelyk",
    Organ.BONE: "bone vertebra rib_ hip_ sacrum femur humerus scapula clavic knochen skull stern costal ossa_ hueso botten kosci wirbel "
    "vertebr kreg_ kregi",
    Organ.BRAIN: "brain gehirn cerveau cervello cerebro hersen mozg",
    Organ.MUSCLE: "muscle gluteus autochthon iliopsoas muskel muscol muscul spier_ miesn",
    Organ.REPRODUCTIVE: "prostat uterus ovar testi gebarmutter hoden macica jajnik",
    Organ.TRACHEA: "trachea luftrohr trachee luchtpijp tchawic",
}
_WORDS: dict[Organ, str] = {
    Organ.VESSEL: "smv sma ivc svc pv cha gda sv ader aderen vena vene vasi vaso venas",
    Organ.KIDNEY: "rein reins rene reni nier nieren rinones renes ren kidneys renal",
    Organ.LIVER: "foie lever lien_hepatique",
    Organ.SPLEEN: "milz rate bazo milt lien",
    Organ.BLADDER: "blase blaas",
    Organ.STOMACH: "magen maag",
    Organ.HEART: "herz hart",
    Organ.BONE: "os osso ossa bot hueso kosc rib ribs hip hips wk",
    Organ.LUNG: "linkerlong rechterlong lunge lungen",
    Organ.MUSCLE: "spier spieren",
}
ORIGINS = ("pancreas", "small-intestine", "other")
"""Where a tumour may have come from, as files write it."""
_NOT = re.compile(
    r" (?:cysts?|kystes?|cisti|quistes?|torbiel\w*|peri\w*|para\w*) |(?:zysten?|cysten?)\d* "  # "Nierenzyste" is one word
    r"| (?:stones?|calcul\w*|calcoli|kamien\w*) |(?:stein|steen|steine|stenen) "
    r"|renal pelvis|pelvis (?:of )?(?:the )?(?:kidney|renal)|pel[vw]i renale|kidney(?: [lr]| left| right)? pelvis|nierenbecken|nierbekken"
    r"|\bbassinet|miedniczk"
)
"""A cyst or stone of the kidney is no kidney, nor is its pelvis, which holds urine; what lies beside an organ is not the organ."""
_NODE = frozenset({"lymph", "node", "nodes", "lymphnode", "lymphnodes", "nodal"})
_HELP = re.compile(r" prv\d* |^ (?:z|opt|ring|shell) | (?:ring|shell|margin|rand) | \d+ ?mm ")
"""An organ with a margin, or a planner's help (TG-263: ``Kidney_L_PRV05``, ``z_Kidney_L``), is not the organ."""
_LEFT = "left links linke linker li lt l lft gauche sinistro sinistra sin sx izquierdo izquierda izq lewa lewy lewe lewej linkerlong"
_RIGHT = "right rechts rechte rechter re rt r rgt droit droite destro destra dx derecho derecha der prawa prawy prawe prawej rechterlong"


@cache
def words_of(name: str) -> str:
    """The words of a name in lower case without accents, with one space before, between and after them.

    >>> words_of("Kidney_L")
    ' kidney l '
    >>> words_of("NiereLinks")
    ' niere links '
    """
    text = re.sub(r"(?<=[a-z0-9])(?=[A-Z][a-z])|(?<=[a-z]{3})(?=[LR]$)", " ", name.strip())
    text = text.replace("ł", "l").replace("Ł", "l").replace("ß", "ss").replace("æ", "ae").replace("œ", "oe").replace("Œ", "oe")
    text = "".join(c for c in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(c))
    words = " ".join(re.findall(r"[^\W_]+", text))
    return f" {words} "


def organ_of(name: str) -> Organ | None:
    """The organ that a name means, or None.

    >>> organ_of("Rein gauche").value, organ_of("adrenal_gland_left").value, organ_of("kidney_cyst_left")
    ('kidney', 'adrenal', None)
    """
    text = words_of(name)
    if _NOT.search(text) or is_help(name):
        return None
    for organ in Organ:
        stems = (s.replace("_", " ") for s in _STEMS.get(organ, "").split())
        words = (w.replace("_", " ") for w in _WORDS.get(organ, "").split())
        if any(stem in text for stem in stems) or any(f" {word} " in text for word in words):
            return organ
    return None


def organ_of_site(site: str) -> str:
    """The organ that the site of a lesion names, however it is written: ``pancreas``, ``liver``, ``node``, else its first word.

    A node keeps its name beside any organ ("pancreatic lymph node"); head, lobe or segment may stand before or after the organ. Pancreas
    and liver begin a word: what is peripancreatic or extrahepatic lies in neither.

    >>> organ_of_site("head of pancreas"), organ_of_site("Leber Segment 4"), organ_of_site("femoral head")
    ('pancreas', 'liver', 'femoral')
    """
    text = words_of(site)
    words = text.split()
    if _NODE.intersection(words):
        return "node"
    for organ in (Organ.PANCREAS, Organ.LIVER):
        if any(f" {stem}" in text for stem in _STEMS[organ].split()) or not set(_WORDS.get(organ, "").split()).isdisjoint(words):
            return organ.value
    return words[0] if words else site.lower()


def origin_of(text: str) -> str | None:
    """The primary's organ among :data:`ORIGINS`, however its words are joined; None where the text names none of them."""
    name = "-".join(text.lower().replace("-", " ").replace("_", " ").split())
    return name if name in ORIGINS else None


def is_help(name: str) -> bool:
    """Whether a name is that of a planner's help: an organ with a margin, a ring round it.

    >>> is_help("Kidney_L_PRV05"), is_help("zKidney_L"), is_help("Kidney_L")
    (True, True, False)
    """
    return _HELP.search(words_of(name)) is not None


def is_kidney(name: str) -> bool:
    """Whether a region of this name is a kidney, in any of the languages."""
    return organ_of(name) is Organ.KIDNEY


def side_of(name: str) -> str | None:
    """``"left"`` or ``"right"``, where a name says so."""
    words = set(words_of(name).split())
    left, right = bool(words & set(_LEFT.split())), bool(words & set(_RIGHT.split()))
    return None if left == right else "left" if left else "right"


_ARTERY = r"arter|\ba\b|slagader|tetnic"
_VEIN = r"\bven|vein|vene\b|\bv\b|zyl"
_VESSELS: tuple[tuple[str, str, tuple[str, ...], str], ...] = (
    # Short name; abbreviations; what a name holds, all of it; what it must not hold. Words are those of words_of().
    ("SMA", "sma", (r"mesenter|krezk", _ARTERY), r"infer|inf\b|doln"),
    ("SMV", "smv", (r"mesenter|krezk", _VEIN), r"infer|inf\b|doln"),
    ("PV", "pv", (r"\bportal|\bport(?:a|ae|e)\b|wrotn|pfortader|poortader", rf"{_VEIN}|ader"), "cava"),
    ("CA", "", (r"coelia|celia|zoliak|pien trzewn",), "lymph|node|gangli"),
    ("CHA", "cha", (r"hepat|leber|lever|watrob", r"\bcomm|gemeinsam|wspoln", _ARTERY), ""),
    ("GDA", "gda", (r"gastro ?duoden", _ARTERY), ""),
    ("SV", "sv", (r"splen|lienal|\bmilz|\bmilt|sledzion", _VEIN), ""),
    ("SA", "", (r"splen|lienal|\bmilz|\bmilt|sledzion", _ARTERY), ""),
    ("IVC", "ivc", (r"cava|cave\b|hohlvene|zyla glowna", r"infer|\binf\b|unter|onder|doln"), ""),
    ("AORTA", "", (r"\baort",), r"aorto ?cav"),
)
"""Vessels whose contact with a tumour of the pancreas is judged (the names of :mod:`neorlt.clinic.vessels`, and the splenic two)."""


@cache
def vessels_of(name: str) -> frozenset[str]:
    """Short names of the vessels beside the pancreas that a name means; empty where it means none.

    >>> sorted(vessels_of("superior_mesenteric_artery")), sorted(vessels_of("portal_vein_and_splenic_vein"))
    (['SMA'], ['PV', 'SV'])
    >>> sorted(vessels_of("Vena mesenterica superior")), sorted(vessels_of("SMV/PV")), sorted(vessels_of("renal vein"))
    (['SMV'], ['PV', 'SMV'], [])
    >>> sorted(vessels_of("para-aortic")), sorted(vessels_of("aortocaval"))
    ([], [])
    """
    text = words_of(name)
    if _NOT.search(text):
        return frozenset()
    return frozenset(
        short
        for short, abbreviations, held, spoils in _VESSELS
        if any(f" {word} " in text for word in abbreviations.split())
        or (all(re.search(part, text) for part in held) and not (spoils and re.search(spoils, text)))
    )


def is_vessel(name: str) -> bool:
    """Whether a region of this name is a vessel: what it shows is blood, or spills from what lies on it.

    >>> is_vessel("renal vein"), is_vessel("Truncus coeliacus"), is_vessel("para-aortic")
    (True, True, False)
    """
    return organ_of(name) is Organ.VESSEL or bool(vessels_of(name))
