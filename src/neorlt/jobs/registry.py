"""Every command, once: the command line, ``docs/commands.md``, the page and ``neorlt info`` are fed from here.

A command is one file of :mod:`neorlt.cli` that speaks (its ``command`` function: options, tables) and one of
:mod:`neorlt.jobs` that makes the document and the folder. To add one: a row here, ``cli/<group>/<name>.py``, ``jobs/<name>.py``.
"""

from __future__ import annotations

import importlib.util
import keyword
from dataclasses import dataclass


@dataclass(frozen=True)
class Command:
    """A command as a person types it."""

    words: str
    """Name after ``neorlt``; two words for a command of a group."""
    section: str
    """Heading in the documentation."""
    files: tuple[str, ...] = ()
    """What it writes into its folder; a name with a slash at its end is a folder."""
    extra: str | None = None
    """The extra without which it can do nothing."""
    own_options: bool = False
    """Takes options that depend on its first argument."""

    @property
    def module(self) -> str:
        """Where its ``command`` function stands."""
        *group, name = self.words.replace("-", "_").split()
        return ".".join(["neorlt", "cli", *group, f"{name}_" if keyword.iskeyword(name) else name])

    @property
    def group(self) -> str | None:
        """The first of two words."""
        first, _, second = self.words.partition(" ")
        return first if second else None


GROUPS = {
    "cohort": "A centre's own table: analysed (cohort TABLE), and how it is understood (cohort map TABLE).",
    "pacs": "Find, fetch and send studies: DICOMweb and DIMSE.",
    "kinetics": "Predicted doses where there is no therapy image: never a measurement.",
    "evidence": "A living review in a folder: search, screen, extract, pool, keep alive.",
}

DEFAULTS = {"cohort": "analyse"}
"""The command of a group that is meant where none is named."""

MAIN, CHOICE, IMAGES, PHYSICS = "The main road", "The choice", "Images and archives", "Dose and physics"
STUDIES, EVIDENCE, HOUSE = "Trials and cohorts", "Evidence", "The installation"
RULES = "Rules of the field"

COMMANDS = (
    Command(
        "plan", MAIN,
        ("report.html", "plan.json", "world.npz", "run.json", "README.txt", "fhir.json", "steps/", "dose/", "pictures/", "view/"),
    ),
    Command("example", MAIN, ("study/", "patient.toml", "truth.json", "run.json", "README.txt")),
    Command("predict", MAIN),
    Command("new", MAIN),
    Command("decide", CHOICE, ("decide.json", "report.html", "run.json")),
    Command("optimise", CHOICE, ("optimise.json", "report.html", "plan.json", "run.json"), extra="search"),
    Command("adapt", CHOICE, ("adapt.json", "report.html", "plan.json", "run.json")),
    Command("benefit", CHOICE, ("benefit.json", "report.html", "run.json"), extra="search"),
    Command("measure", IMAGES),
    Command("lesions", IMAGES, ("lesions_seg.dcm", "lesions.nii.gz", "lesions_names.json", "lesions.json", "run.json", "README.txt")),
    Command("recovery", IMAGES),
    Command("calibrate-camera", IMAGES, ("calibration.toml", "calibration.json", "run.json")),
    Command("pacs echo", IMAGES, extra="pacs"),
    Command("pacs find", IMAGES, extra="pacs"),
    Command("pacs fetch", IMAGES, ("run.json",), extra="pacs"),
    Command("pacs send", IMAGES, extra="pacs"),
    Command("deidentify", IMAGES, ("run.json",)),
    Command("dose", PHYSICS, ("dose.json", "run.json", "README.txt", "dose.nii.gz", "tia.nii.gz", "dicom/")),
    Command("marrow", PHYSICS, ("marrow.json", "marrow.md", "run.json")),
    Command("sphere", PHYSICS),
    Command("kernel", PHYSICS),
    Command("crossfire", PHYSICS),
    Command("kinetics what-if", PHYSICS),
    Command("kinetics pet", PHYSICS),
    Command("kinetics second-image", PHYSICS),
    Command("kinetics population", PHYSICS, ("population.toml", "population.json", "run.json")),
    Command("calibrate", STUDIES, ("posterior.npz", "posterior.json", "run.json"), extra="calibrate"),
    Command("trial", STUDIES),
    Command("design", STUDIES, ("design.json", "run.json"), own_options=True),
    Command("cohort analyse", STUDIES, ("report.html", "cohort.json", "run.json")),
    Command("cohort map", STUDIES),
    Command("grade", RULES),
    Command("stage", RULES),
    Command("recist", RULES),
    Command("ctcae", RULES),
    Command("evidence search", EVIDENCE, extra="evidence"),
    Command("evidence import", EVIDENCE),
    Command("evidence dedupe", EVIDENCE),
    Command("evidence screen", EVIDENCE),
    Command("evidence chase", EVIDENCE, extra="evidence"),
    Command("evidence extract", EVIDENCE),
    Command("evidence appraise", EVIDENCE),
    Command("evidence amend", EVIDENCE),
    Command("evidence export", EVIDENCE),
    Command("evidence table", EVIDENCE, ("run.json",)),
    Command("evidence pool", EVIDENCE),
    Command("evidence watch", EVIDENCE, extra="evidence"),
    Command("evidence update", EVIDENCE, extra="evidence"),
    Command("evidence status", EVIDENCE),
    Command("evidence claims", EVIDENCE),
    Command("evidence trials", EVIDENCE),
    Command("serve", HOUSE, extra="web"),
    Command("info", HOUSE),
)


@dataclass(frozen=True)
class Capability:
    """Something that this installation can do if an extra's modules are there."""

    name: str
    extra: str | None
    modules: tuple[str, ...] = ()
    also: str = ""
    """What else it needs."""

    @property
    def available(self) -> bool:
        """Whether every module is installed."""
        return all(importlib.util.find_spec(module) is not None for module in self.modules)

    @property
    def needs(self) -> str:
        """The extra, in words."""
        return ("base" if self.extra is None else f"extra {self.extra}") + self.also


CAPABILITIES = (
    Capability("doses from SPECT/CT", None),
    Capability("prediction and comparison of schemes", None),
    Capability("calibration of the response model", "calibrate", ("arviz",)),
    Capability("search over schemes", "search", ("pymoo", "SALib")),
    Capability("Monte Carlo dose", "mc", ("pyradmc", "warp")),
    Capability("trials on a dask cluster", "dask", ("distributed",)),
    Capability("PACS", "pacs", ("pynetdicom", "dicomweb_client", "requests")),
    Capability("PDF report", "pdf", ("weasyprint",), " and Debian's pango"),
    Capability("living evidence", "evidence", ("httpx", "defusedxml", "sklearn")),
    Capability("tables of SPSS, Stata and SAS", "tables", ("pyreadstat",)),
    Capability("tumour board page", "web", ("fastapi", "uvicorn")),
)
