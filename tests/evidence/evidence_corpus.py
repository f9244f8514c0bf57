"""Synthetic records for tests and benchmarks: distinct papers, planted duplicates, look-alikes that are not duplicates.

Everything here is invented; titles are drawn from word lists of the field.
"""

from __future__ import annotations

import random
from dataclasses import replace

from neorlt.evidence.records import Record

SUBJECTS = [
    "peptide receptor radionuclide therapy",
    "177Lu-DOTATATE",
    "90Y-DOTATOC",
    "somatostatin analogues",
    "everolimus",
    "capecitabine and temozolomide",
    "surgical resection",
    "liver embolisation",
    "Ki-67 index",
    "68Ga-DOTATATE PET/CT",
    "chromogranin A",
    "sunitinib",
    "external beam radiotherapy",
    "hepatic metastases",
    "neoadjuvant treatment",
]
GROUPS = [
    "pancreatic neuroendocrine tumours",
    "midgut neuroendocrine tumours",
    "gastroenteropancreatic neoplasms",
    "bronchial carcinoids",
    "phaeochromocytoma",
    "insulinoma",
    "borderline resectable disease",
    "locally advanced tumours",
    "elderly patients",
    "G3 tumours",
    "MEN1 carriers",
]
SHAPES = [
    "{s} in {g}: a {d}",
    "{d} of {s} for {g}",
    "Outcome after {s} in patients with {g}",
    "Predictors of response to {s} in {g}: {d}",
    "Long-term toxicity of {s} among {g}",
    "Quality of life during {s} for {g}, a {d}",
    "Dosimetry of {s} in {g} with {x}",
    "{s} before {x} in {g}",
    "Survival of {g} treated by {s} and {x}",
]
DESIGNS = [
    "retrospective cohort",
    "prospective phase II study",
    "multicentre registry",
    "systematic review",
    "case series",
    "single-centre experience",
    "propensity-matched analysis",
    "cost analysis",
]
EXTRAS = [
    "SPECT imaging",
    "voxel-based methods",
    "histology",
    "blood markers",
    "whole-body scans",
    "laparoscopy",
    "transcript analysis",
    "radiomics",
    "diabetes",
    "renal impairment",
    "single-time-point imaging",
]
JOURNALS = {
    "Journal of Nuclear Medicine": "J Nucl Med",
    "European Journal of Nuclear Medicine and Molecular Imaging": "Eur J Nucl Med Mol Imaging",
    "Annals of Surgical Oncology": "Ann Surg Oncol",
    "Neuroendocrinology": "Neuroendocrinology",
    "Clinical Cancer Research": "Clin Cancer Res",
    "World Journal of Gastroenterology": "World J Gastroenterol",
}
FAMILIES = [
    a + b
    for a in [
        "Müll",
        "Sørens",
        "Łukas",
        "Garc",
        "Tanak",
        "Rossin",
        "Novák",
        "Brandt",
        "Wilk",
        "Okaf",
        "Petr",
        "Lindq",
        "Schm",
        "Costa",
        "Haddad",
        "Kowal",
    ]
    for b in ["er", "en", "ik", "ía", "a", "i", "o", "ens", "ins", "owicz"]
]
WORDS = [
    "patients",
    "treated",
    "response",
    "median",
    "months",
    "progression",
    "survival",
    "toxicity",
    "grade",
    "dose",
    "cycles",
    "activity",
    "resection",
    "margin",
    "nodes",
    "metastases",
    "uptake",
    "lesions",
    "baseline",
    "follow",
    "analysis",
    "cohort",
    "control",
    "interval",
    "kidney",
    "marrow",
    "platelets",
    "therapy",
    "tumour",
    "imaging",
    "pathology",
    "outcome",
    "hazard",
    "ratio",
    "centre",
    "enrolment",
    "protocol",
    "endpoint",
    "safety",
    "efficacy",
]


def _pmid(seed: int, number: int) -> str:
    """An invented PMID of eight digits, another one for each seed and number."""
    if seed < 99:
        return str(90_000_000 + seed * 100_000 + number)
    return str(10_000_000 + seed * 10_000 + number if seed < 1000 else 20_000_000 + seed * 100 + number)


def distinct(count: int, seed: int) -> list[Record]:
    """Papers that are all different; titles repeat now and then, as they do in life."""
    rng = random.Random(seed)
    found = []
    for number in range(count):
        title = rng.choice(SHAPES).format(s=rng.choice(SUBJECTS), g=rng.choice(GROUPS), d=rng.choice(DESIGNS), x=rng.choice(EXTRAS))
        family, initial = rng.choice(FAMILIES), rng.choice("ABCDEFGHJKLMNPRSTW")
        start = rng.randint(1, 2900)
        found.append(
            Record(
                title=title,
                source="pubmed",
                abstract=_abstract(rng),
                authors=(f"{family} {initial}", f"{rng.choice(FAMILIES)} {rng.choice('ABCDEF')}"),
                year=rng.randint(1998, 2026),
                journal=rng.choice(list(JOURNALS)),
                volume=str(rng.randint(1, 90)),
                pages=f"{start}-{start + rng.randint(2, 14)}",
                doi=f"10.5555/syn.{seed}.{number}",
                pmid=_pmid(seed, number),
            )
        )
    return found


def _abstract(rng: random.Random) -> str:
    return " ".join(f"{rng.choice(WORDS)} {rng.randint(1, 999)}" if rng.random() < 0.25 else rng.choice(WORDS) for _ in range(90))


def duplicate(record: Record, rng: random.Random) -> Record:
    """The same paper as another source prints it."""
    title = record.title
    for change in rng.sample(range(7), k=rng.randint(1, 3)):
        if change == 0:
            title = title.upper()
        elif change == 1:
            title = title + "."
        elif change == 2:
            title = title.replace("177Lu", "<sup>177</sup>Lu").replace(":", " -")
        elif change == 3 and len(title) > 40:
            place = rng.randint(10, len(title) - 5)
            title = title[:place] + title[place + 1 :] if title[place].isalpha() else title
        elif change == 4:
            title = title.replace("tumours", "tumors")
        elif change == 5:
            title = title.replace("-", " ")
        elif change == 6:
            title = "  " + title.replace(" ", "  ", 2)
    family, initial = record.authors[0].rsplit(" ", 1)
    plain = {"ü": "u", "ø": "o", "Ł": "L", "á": "a", "í": "i"}
    author = rng.choice((f"{family}, {initial}.", f"{initial}. {family}", record.authors[0]))
    keep_doi, keep_pmid = rng.choice(((True, False), (False, True), (False, False), (False, False)))
    if rng.random() < 0.3:
        author = "".join(plain.get(letter, letter) for letter in author.replace("ø", "o").replace("Ł", "L"))
    return replace(
        record,
        title=title,
        source="ris",
        authors=(author, *record.authors[1:]),
        journal=rng.choice((record.journal, JOURNALS[record.journal or ""])),
        year=(record.year or 0) + rng.choice((0, 0, 0, 1)),
        pages=rng.choice((record.pages, (record.pages or "").split("-")[0], None)),
        volume=rng.choice((record.volume, None)),
        abstract=rng.choice((record.abstract, None)),
        doi=record.doi if keep_doi else None,
        pmid=record.pmid if keep_pmid else None,
    )


def look_alike(record: Record, rng: random.Random) -> Record:
    """Another paper under the same title: other people, another year, a reply, a second part, an earlier abstract."""
    kind = rng.randrange(6)
    bare = replace(record, source="ris", doi=None, pmid=None, abstract=None)
    fresh = distinct(1, rng.randint(10_000, 99_999))[0]
    other = replace(fresh, title=record.title, source="ris", doi=None, pmid=None)
    if kind == 0:
        return other
    if kind == 1:
        return replace(other, authors=record.authors, year=(record.year or 2000) + 3)
    if kind == 2:
        return replace(record, title="Reply: " + record.title, source="ris", doi=None, pmid=None, pages=fresh.pages, abstract=None)
    if kind == 3:
        return replace(bare, title=record.title + " part II", abstract=fresh.abstract)
    if kind == 4:
        return replace(record, source="ris", doi=None, pmid=None, journal="Endocrine Abstracts", pages="P28", volume="46", abstract=None)
    return replace(record, source="ris", doi=fresh.doi, pmid=fresh.pmid, pages=fresh.pages)


def corpus(papers: int, duplicates: int, look_alikes: int, seed: int) -> tuple[dict[str, Record], dict[str, str], set[str]]:
    """Records by id, the planted duplicates (id → original id), and the ids of look-alikes."""
    rng = random.Random(seed)
    base = distinct(papers, seed)
    records = {f"o{i}": record for i, record in enumerate(base)}
    planted, others = {}, set()
    for number, index in enumerate(rng.sample(range(papers), duplicates)):
        records[f"d{number}"] = duplicate(base[index], rng)
        planted[f"d{number}"] = f"o{index}"
    for number, index in enumerate(rng.sample(range(papers), look_alikes)):
        records[f"l{number}"] = look_alike(base[index], rng)
        others.add(f"l{number}")
    return records, planted, others
