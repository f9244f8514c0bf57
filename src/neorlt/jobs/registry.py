"""Every command, once: the command line, ``docs/commands.md``, the page and ``neorlt info`` are fed from here.

A command is one file of :mod:`neorlt.cli` that speaks (its ``command`` function: options, tables) and one of
:mod:`neorlt.jobs` that makes the document and the folder. To add one: a row here, ``cli/<group>/<name>.py``, ``jobs/<name>.py``.
"""

from __future__ import annotations

import importlib.util
import keyword
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Place(StrEnum):
    """Where the page offers an action."""

    HEAD = "head of every page"
    RESULT = "contents of a case"
    DOWNLOAD = "files to take away"
    FORM = "a form of its own"


@dataclass(frozen=True)
class Action:
    """What the tumour board's page offers of a command."""

    text: str
    """Words of the link or of the button."""
    method: Literal["get", "post"]
    path: str
    """Address; ``{name}`` is a case, ``{who}`` a reviewer."""
    place: Place = Place.FORM

    def at(self, **who: str) -> str:
        """The address of a case or a reviewer."""
        return self.path.format(**who)


@dataclass(frozen=True)
class Command:
    """A command as a person types it: what it writes, and what the page offers of it or why it offers nothing."""

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
    page: tuple[Action, ...] | str = ()
    """What the page offers of it, or in a sentence why nothing; one of both, so that no command is forgotten there."""

    def __post_init__(self) -> None:
        if not self.page:
            raise ValueError(f"{self.words}: neither an action of the page nor why it has none")

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

OWN_FILES = "It reads or writes files of the machine that it is typed on; the page knows cases alone."
LONG = "It computes for long on the machine that it is typed on; a page answers within seconds."
ARCHIVES = "It speaks with archives that only the machine that it is typed on may reach."
NO_CASE = "It answers without a patient; the page knows cases alone."
REVIEWERS = "It changes a review as a whole; the page offers single judgements to those whom the protocol names."
_CASE = "/cases/{name}"

COMMANDS = (
    Command(
        "plan", MAIN,
        ("report.html", "plan.json", "world.npz", "run.json", "README.txt", "fhir.json", "steps/", "dose/", "pictures/", "view/"),
        page=(
            Action("Plan", "post", "/cases"),
            Action("Start again", "post", f"{_CASE}/again"),
            Action("Report to print", "get", f"{_CASE}/report.html", Place.RESULT),
            Action("PDF", "get", f"{_CASE}/report.pdf", Place.RESULT),
            Action("plan.json", "get", f"{_CASE}/plan.json", Place.RESULT),
            Action("FHIR", "get", f"{_CASE}/fhir.json", Place.RESULT),
        ),
    ),
    Command("example", MAIN, ("study/", "patient.toml", "truth.json", "run.json", "README.txt"), page=OWN_FILES),
    Command("predict", MAIN, page=(Action("What if", "post", f"{_CASE}/predict"),)),
    Command("new", MAIN, page=(Action("An empty patient.toml to fill in", "get", "/patient.toml"),)),
    Command(
        "decide", CHOICE, ("decide.json", "report.html", "run.json"), page="Every plan holds it: a case's page opens with the decision.",
    ),
    Command("optimise", CHOICE, ("optimise.json", "report.html", "plan.json", "run.json"), extra="search", page=LONG),
    Command(
        "adapt", CHOICE, ("adapt.json", "report.html", "plan.json", "run.json"), page="The page takes no measurements of later cycles.",
    ),
    Command("benefit", CHOICE, ("benefit.json", "report.html", "run.json"), extra="search", page=LONG),
    Command("measure", IMAGES, page=OWN_FILES),
    Command(
        "lesions", IMAGES, ("lesions_seg.dcm", "lesions.nii.gz", "lesions_names.json", "lesions.json", "run.json", "README.txt"),
        page=OWN_FILES,
    ),
    Command("recovery", IMAGES, page=OWN_FILES),
    Command("calibrate-camera", IMAGES, ("calibration.toml", "calibration.json", "run.json"), page=OWN_FILES),
    Command("pacs echo", IMAGES, extra="pacs", page=ARCHIVES),
    Command("pacs find", IMAGES, extra="pacs", page=ARCHIVES),
    Command("pacs fetch", IMAGES, ("run.json",), extra="pacs", page=ARCHIVES),
    Command("pacs send", IMAGES, extra="pacs", page=ARCHIVES),
    Command("deidentify", IMAGES, ("run.json",), page=OWN_FILES),
    Command(
        "dose", PHYSICS, ("dose.json", "run.json", "README.txt", "dose.nii.gz", "tia.nii.gz", "dicom/"),
        page="A plan with a study holds it: lesions, organs, curves and dose maps of the case's page.",
    ),
    Command("marrow", PHYSICS, ("marrow.json", "marrow.md", "run.json"), page=OWN_FILES),
    Command("sphere", PHYSICS, page=NO_CASE),
    Command("kernel", PHYSICS, page=NO_CASE),
    Command("crossfire", PHYSICS, page=NO_CASE),
    Command("kinetics what-if", PHYSICS, page=OWN_FILES),
    Command("kinetics pet", PHYSICS, page=OWN_FILES),
    Command("kinetics second-image", PHYSICS, page=OWN_FILES),
    Command("kinetics population", PHYSICS, ("population.toml", "population.json", "run.json"), page=OWN_FILES),
    Command("calibrate", STUDIES, ("posterior.npz", "posterior.json", "run.json"), extra="calibrate", page=LONG),
    Command("trial", STUDIES, page=LONG),
    Command("design", STUDIES, ("design.json", "run.json"), own_options=True, page=NO_CASE),
    Command("cohort analyse", STUDIES, ("report.html", "cohort.json", "run.json"), page=OWN_FILES),
    Command("cohort map", STUDIES, page=OWN_FILES),
    Command("grade", RULES, page=NO_CASE),
    Command("stage", RULES, page=NO_CASE),
    Command("recist", RULES, page=NO_CASE),
    Command("ctcae", RULES, page=NO_CASE),
    Command("evidence search", EVIDENCE, extra="evidence", page=REVIEWERS),
    Command("evidence import", EVIDENCE, page=REVIEWERS),
    Command("evidence dedupe", EVIDENCE, page=REVIEWERS),
    Command(
        "evidence screen", EVIDENCE,
        page=(Action("Include, exclude or unsure", "post", "/review/{who}/decide"),),
    ),
    Command("evidence chase", EVIDENCE, extra="evidence", page=REVIEWERS),
    Command("evidence extract", EVIDENCE, page=(Action("Store the cell", "post", "/review/{who}/extract"),)),
    Command("evidence appraise", EVIDENCE, page=(Action("Appraisal", "get", "/evidence/appraisal.json", Place.DOWNLOAD),)),
    Command("evidence amend", EVIDENCE, page=REVIEWERS),
    Command("evidence export", EVIDENCE, page=REVIEWERS),
    Command(
        "evidence table", EVIDENCE, ("run.json",),
        page=(Action("Evidence", "get", "/evidence", Place.HEAD), Action("Table 1", "get", "/evidence/table1.csv", Place.DOWNLOAD)),
    ),
    Command("evidence pool", EVIDENCE, page=(Action("Pooled rates", "get", "/evidence/pooled.json", Place.DOWNLOAD),)),
    Command("evidence watch", EVIDENCE, extra="evidence", page=REVIEWERS),
    Command("evidence update", EVIDENCE, extra="evidence", page=REVIEWERS),
    Command("evidence status", EVIDENCE, page=(Action("Review", "get", "/review", Place.HEAD),)),
    Command("evidence claims", EVIDENCE, page=(Action("The review, claim by claim", "get", "/evidence/claims.csv", Place.DOWNLOAD),)),
    Command("evidence trials", EVIDENCE, page="The evidence page shows the registrations."),
    Command("serve", HOUSE, extra="web", page="It is the page."),
    Command("info", HOUSE, page="It speaks of the machine that it is typed on."),
)


def actions(place: Place | None = None) -> tuple[Action, ...]:
    """What the page offers of all commands, in their order; of one place where it is given."""
    every = [action for row in COMMANDS if not isinstance(row.page, str) for action in row.page]
    return tuple(action for action in every if place is None or action.place is place)


def action(words: str, path: str) -> Action:
    """The action of a command at an address.

    Raises
    ------
    KeyError
        If the command has none there: an address that no command stands for.
    """
    row = next(row for row in COMMANDS if row.words == words)
    found = next((one for one in row.page if not isinstance(one, str) and one.path == path), None)
    if found is None:
        raise KeyError(f"{words} has no action at {path}")
    return found


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
