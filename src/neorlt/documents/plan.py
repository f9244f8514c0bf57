"""The plan as it is written down: one typed document, of which ``plan.json``, report, page, FHIR and tables are views.

It is built whole (``neorlt.planning.document``), never added to: what is missing, unknown or misspelt is refused where it is made.
``read_plan(document.text) == document``. What only images fill keeps the keys that its maker gives it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from neorlt.core.errors import InputError
from neorlt.core.labels import Label
from neorlt.documents.patient import Patient
from neorlt.documents.scheme import Scheme
from neorlt.documents.store import parsed, read, validated


def _known_label(text: str) -> str:
    return str(Label(text))


LabelText = Annotated[str, AfterValidator(_known_label)]
Ends = tuple[float, float]
Chance = Annotated[float, Field(ge=0.0, le=1.0)]
LABELLED = ("p_objective_response", "p_resectable", "diameter_change_pct", "kidney_bed_gy", "platelets_nadir")
REMEDY = "plan again with this version: run neorlt plan on the same study and patient file"


class Block(BaseModel):
    """A part of the document: its keys are all there are."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class FromImages(BaseModel):
    """A part that images fill: keys that its maker adds are kept."""

    model_config = ConfigDict(frozen=True, extra="allow", allow_inf_nan=False)


class Document(BaseModel):
    """A whole document, as it stands in its file."""

    def as_json(self) -> dict[str, Any]:
        """The file's content: plain data; optional parts that nobody filled are left out."""
        found: dict[str, Any] = self.model_dump(mode="json", exclude_unset=True, by_alias=True)
        return found

    @property
    def text(self) -> str:
        """The document as text, for its reader."""
        return json.dumps(self.as_json(), allow_nan=False, ensure_ascii=False)


class Quantity(Block):
    """A value with its doubt: median, central 90 % interval, mean and standard deviation over the draws."""

    median: float
    ci90: Ends
    mean: float
    sd: float


class Limited(Quantity):
    """BED of the kidneys beside its limit."""

    p_over_limit: Chance
    limit_gy: float


class Contact(Quantity):
    """Contact with one vessel at surgery, degrees."""

    vessel: str


class Nadir(Block):
    """Lowest count of one blood line."""

    value_e9_per_l: float
    ci90: Ends
    week: float
    p_grade34: Chance


class CycleRow(Block):
    """One cycle as it is given."""

    week: float
    activity_gbq: dict[str, float]
    sensitiser: str
    peptide: str | None = None
    peptide_ug: float | None = None


class CycleRule(Block):
    """What the product label's rule on counts does to one cycle."""

    week: float
    p_delay: Chance
    p_stop: Chance


class Curve3(Block):
    """Median and ends over time."""

    median: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]


class Platelets(Block):
    """Median platelet count by week."""

    week: tuple[float, ...]
    median_e9_per_l: tuple[float, ...]


class Trajectory(Block):
    """Size of the followed lesion over time, and the chance that one more month takes 2 mm off."""

    week: tuple[float, ...]
    diameter_mm: Curve3
    p_2mm_more: tuple[Chance, ...]
    platelets: Platelets | None


class SchemeOutcome(Block):
    """What one scheme is predicted to do. An outcome without its input is None and has its reason."""

    name: str
    text: str
    source: str | None
    cycles: tuple[CycleRow, ...]
    sensitiser: str
    surgery_week: float
    p_objective_response: Chance | None
    p_objective_response_ci90: Ends | None
    p_objective_response_reason: str = ""
    p_resectable: Chance | None
    p_resectable_ci90: Ends | None
    p_resectable_reason: str = ""
    p_not_locally_advanced: Chance | None
    p_not_locally_advanced_ci90: Ends | None
    p_not_locally_advanced_reason: str = ""
    diameter_change_pct: Quantity
    diameter_mm_at_surgery: Quantity
    kidney_bed_gy: Limited
    kidney_dose_gy: Quantity
    platelets_nadir: Nadir | None
    platelets_nadir_reason: str = ""
    neutrophils_nadir: Nadir | None
    neutrophils_nadir_reason: str = ""
    liver_burden_change_pct: Quantity | None
    liver_burden_change_pct_reason: str = ""
    ki67_at_surgery_pct: Quantity | None
    ki67_at_surgery_pct_reason: str = ""
    p_downgrading: Chance | None
    p_downgrading_sampling_only: Chance | None
    stroma_pct: Quantity
    contact_deg: tuple[Contact, ...]
    lesion_dose_gy: dict[str, Quantity]
    cycle_rules: tuple[CycleRule, ...]
    limited_by: str
    doses_derived: bool
    labels: dict[str, LabelText]
    reasons: dict[str, str]
    trajectory: Trajectory

    @model_validator(mode="after")
    def _what_is_missing_has_its_reason(self) -> SchemeOutcome:
        fields = type(self).model_fields
        reasoned = [name for name in fields if f"{name}_reason" in fields]
        silent = [name for name in reasoned if getattr(self, name) is None and not getattr(self, f"{name}_reason")]
        if silent:
            raise ValueError(f"{', '.join(silent)}: no value and no reason")
        unlabelled = [name for name in LABELLED if name not in self.labels]
        if unlabelled:
            raise ValueError(f"{', '.join(unlabelled)}: no label")
        return self


class VesselRow(Block):
    """Contact with one vessel at baseline; None is unknown."""

    name: str
    contact_deg: float
    irregular: bool | None
    occluded: bool | None
    reconstructible: bool | None


class MeasuredContact(Block):
    """Contact of a lesion with a vessel on the drawn regions; ``at_mm`` in patient millimetres (DICOM axes)."""

    lesion: str
    region: str
    degrees: float = Field(ge=0.0, le=360.0)
    doubt_deg: float = Field(ge=0.0)
    gap_mm: float | None
    plane: str
    length_mm: float
    at_mm: tuple[float, float, float]


class VesselContactRow(Block):
    """One vessel of the followed lesion: what the file states beside what the regions show; what is None has its reason."""

    vessel: str
    stated_deg: float | None
    measured: MeasuredContact | None
    reason: str = ""

    @model_validator(mode="after")
    def _has_its_reason(self) -> VesselContactRow:
        if self.measured is None and not self.reason:
            raise ValueError(f"vessel {self.vessel}: not measured and no reason")
        return self


class Baseline(Block):
    """Class of resectability at baseline."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    class_: str | None = Field(alias="class")
    reason: str
    vessels: tuple[VesselRow, ...]


class Answer(Block):
    """The answer in sentences."""

    sentences: tuple[str, ...]
    resectability_baseline: Baseline


class Conflict(Block):
    """Where image and file differ."""

    field: str
    image: Any
    file: Any
    used: str


class PatientRow(Block):
    """The patient as the pages show it; the whole patient stands in ``inputs``."""

    id: str
    age_y: float | None
    sex: str | None
    weight_kg: float | None
    egfr_ml_min: float | None
    kidney_risk_factors: tuple[str, ...] | None
    platelets_e9_per_l: float | None
    neutrophils_e9_per_l: float | None
    haemoglobin_g_dl: float | None
    prior_chemotherapy: bool | None
    ki67_pct: float | None
    grade: str | None
    conflicts: tuple[Conflict, ...]


class LesionRow(FromImages):
    """One lesion: what is known of it and what a gigabecquerel gives to it; with images also what they measured."""

    id: str
    site: str
    volume_ml: float
    longest_diameter_mm: float
    ki67_pct: float | None
    suv_max: float | None
    vessels: tuple[VesselRow, ...]
    dose_origin: str
    nuclide: str
    gy_per_gbq: Quantity
    gy_per_gbq_y90: Quantity
    gy_per_gbq_by_nuclide: dict[str, Quantity] = {}
    """Of every nuclide that the plan can give; the two above stand here too, and a file of before has these two alone."""
    effective_half_life_h: float
    labels: dict[str, LabelText]


class OrganRow(FromImages):
    """One organ that images measured."""

    name: str
    nuclide: str
    volume_ml: float
    mass_g: float
    dose_gy: Quantity
    gy_per_gbq: Quantity
    labels: dict[str, LabelText]


class Kidneys(Block):
    """Dose per activity of the kidneys together, by nuclide."""

    origin: str
    label: LabelText
    gy_per_gbq: dict[str, Quantity]


class RoleRow(Block):
    """One region, what it is, and why."""

    name: str
    role: str
    why: str
    volume_ml: float
    source: str


class LedgerStep(Block):
    """One step from stored numbers to an image's unit."""

    model_config = ConfigDict(frozen=True, extra="forbid", populate_by_name=True)

    image: str
    step: str
    tag: str
    value: str
    unit: str
    from_: str = Field(alias="from")


class Sentence(Block):
    """A sentence with its label."""

    text: str
    label: LabelText


class Citation(Block):
    """A source."""

    key: str
    text: str
    url: str | None


class WorldFile(Block):
    """The world that the numbers were computed in: every draw, kept beside the document."""

    file: str
    sha256: str = Field(pattern="^[0-9a-f]{64}$")
    n_draws: int = Field(gt=0)
    n_points: int = Field(gt=0)
    seed: int
    index: int


class CentreRow(Block):
    """The posterior of a centre's own that the numbers rest on, and what has to be known of it."""

    name: str
    posterior_hash: str = Field(pattern="^[0-9a-f]{64}$")
    descends_from: str = Field(pattern="^[0-9a-f]{64}$")
    lesions: int = Field(ge=0)
    imported: int = Field(ge=0)
    effective_draws: float = Field(ge=0)
    n_draws: int = Field(gt=0)
    pareto_k: float | None
    trusted: bool
    sentence: str


class Run(Block):
    """The command that made the document."""

    command: str
    seed: int
    n_draws: int


class Inputs(Block):
    """Patient and schemes, whole: what is predicted again is predicted from these."""

    patient: dict[str, Any]
    schemes: tuple[dict[str, Any], ...]


class PlanDocument(Document, FromImages):
    """The whole plan."""

    notice: str
    generated: str
    neorlt: str
    seed: int
    n_draws: int = Field(gt=0)
    synthetic: str | None
    patient: PatientRow
    answer: Answer
    schemes: tuple[SchemeOutcome, ...] = Field(min_length=1)
    indistinguishable: tuple[tuple[str, str], ...]
    not_resolved: tuple[tuple[str, str], ...]
    rule: str
    timing: dict[str, Any] | None
    baseline_rates: tuple[dict[str, Any], ...]
    lesions: tuple[LesionRow, ...] = Field(min_length=1)
    organs: tuple[OrganRow, ...]
    kidneys: Kidneys
    inputs: Inputs
    world: WorldFile
    run: Run
    assumptions: tuple[Sentence, ...]
    parameters: tuple[dict[str, Any], ...]
    warnings: tuple[str, ...]
    outside_validity: tuple[str, ...]
    citations: tuple[Citation, ...]
    label_explanations: dict[str, str]
    sources: tuple[Any, ...]
    roles: tuple[RoleRow, ...] = ()
    ledger: tuple[LedgerStep, ...] = ()
    reporting_items: tuple[dict[str, str], ...] = ()
    curves: tuple[FromImages, ...] = ()
    dvh: tuple[FromImages, ...] = ()
    uncertainty: dict[str, tuple[FromImages, ...]] = {}
    vessel_contacts: tuple[VesselContactRow, ...] = ()
    search: dict[str, Any] | None = None
    update: dict[str, Any] | None = None
    decision: dict[str, Any] | None = None
    posterior: CentreRow | None = None
    """Left out where the numbers rest on the shipped posterior."""

    @model_validator(mode="after")
    def _parts_belong_together(self) -> PlanDocument:
        patient, schemes = self.whole_patient, self.whole_schemes
        if [row.id for row in self.lesions] != [lesion.id for lesion in patient.lesions]:
            raise ValueError("the rows of lesions are not those of the patient")
        names = [row.name for row in self.schemes]
        if names != [scheme.name for scheme in schemes] or len(set(names)) != len(names):
            raise ValueError("the rows of schemes are not the schemes, or two have one name")
        for row in self.schemes:
            if set(row.lesion_dose_gy) != {lesion.id for lesion in patient.lesions}:
                raise ValueError(f"scheme {row.name}: a lesion has no dose")
        if (self.world.n_draws, self.world.seed) != (self.n_draws, self.seed):
            raise ValueError("the world is not the one that the numbers come from")
        return self

    @property
    def whole_patient(self) -> Patient:
        """The patient, whole."""
        return read(Patient, self.inputs.patient, "the plan document")

    @property
    def whole_schemes(self) -> tuple[Scheme, ...]:
        """The schemes, whole."""
        return tuple(read(Scheme, scheme, "the plan document") for scheme in self.inputs.schemes)


def build_plan(content: Mapping[str, Any]) -> PlanDocument:
    """The document from its content; what is missing or misspelt is our own fault and raises ``ValueError``."""
    return PlanDocument.model_validate(dict(content))


def read_plan(text: str, where: str = "plan.json") -> PlanDocument:
    """Read a plan that this version wrote.

    Raises
    ------
    InputError
        If it is no plan, or one of an earlier version, with the place and the remedy.
    """
    content = parsed(text, "the plan is not JSON", where, "give the plan.json that neorlt plan wrote")
    if isinstance(content, Mapping) and "world" not in content and "schemes" in content:
        raise InputError("the plan was made by a version that did not keep its world", found=f"neorlt {content.get('neorlt')}", where=where,
                         remedy=REMEDY)
    return validated(PlanDocument.model_validate, content, "the plan cannot be read", where, REMEDY)
