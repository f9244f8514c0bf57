"""The doses as they are written down: one typed document for a cycle, one for a course; ``dose.json`` is their text.

It is built whole (``neorlt.jobs.dose``, ``neorlt.jobs.cycles``): what is missing, unknown or misspelt is refused where it is made.
``read_dose(document.text) == document``. What a plan holds too (quantities, roles, ledger) is of the plan's classes.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from neorlt.documents.plan import Block, Document, LabelText, LedgerStep, Quantity, RoleRow
from neorlt.documents.store import parsed, validated

Positive = Annotated[float, Field(gt=0.0)]
Share = Annotated[float, Field(ge=0.0, le=1.0)]
REMEDY = "run neorlt dose (or neorlt plan) on the same study again with this version"


class Washout(Block):
    """Slow biological half-life of a region: prior of the next cycle."""

    median_h: Positive
    log_sd: Annotated[float, Field(ge=0.0)]


class Advice(Block):
    """What is to be known of a fit, and what to do."""

    name: str
    sentence: str
    advice: str


class OtherNuclide(Block):
    """Dose per activity of another nuclide, derived from the images."""

    nuclide: str
    gy_per_gbq: Quantity
    flags: tuple[str, ...]


class Beside(Block):
    """Time-integrated activity by a classical method."""

    method: str
    tia_mbq_h: float
    validity: str | None
    sentence: str


class VoxelDose(Block):
    """The usual numbers of a region's dose–volume histogram."""

    mean_gy: float
    d98_gy: float
    d90_gy: float
    d50_gy: float
    d2_gy: float


class OverKernel(Block):
    """Monte Carlo over kernel, and its relative error."""

    over_kernel: float
    relative_error: float


class RegionDose(Block):
    """One region of one cycle."""

    name: str
    nuclide: str
    volume_ml: Positive
    mass_g: Positive
    tia_mbq_h: Quantity
    dose_gy: Quantity
    bed_gy: Quantity
    gy_per_gbq: Quantity
    effective_half_life_h: float
    biological_half_life_h: Washout
    model: str
    prior: str | None
    status: tuple[str, ...]
    advice: tuple[Advice, ...]
    recovery: float
    method: str
    self_fraction: float
    flags: tuple[str, ...]
    local_deposition_difference: float | None
    other_nuclides: tuple[OtherNuclide, ...]
    beside: tuple[Beside, ...]
    voxel_dose: VoxelDose
    monte_carlo: OverKernel | None = None


class FurtherImage(Block):
    """How much narrower the intervals would be with one more image at a time."""

    time_h: float
    mean: float
    narrower: dict[str, float]


class NextTimePoint(Block):
    """Which further image would narrow the intervals most."""

    best_h: float | None
    sentence: str
    times: tuple[FurtherImage, ...]


class Bar(Block):
    """What one cause of doubt alone would do to a region's dose."""

    part: str
    low_gy: float
    high_gy: float
    share: Share
    advice: str


class Size(Block):
    """Size of one cause of doubt, with where it comes from."""

    value: float
    label: LabelText
    source: str


class Edge(Block):
    """Blur at the edges of one organ."""

    name: str
    fwhm_mm: float


class Edges(Block):
    """Blur that the images' own edges show."""

    fwhm_mm: float
    sd_mm: float
    stated_mm: float | None
    apart: bool
    organs: tuple[Edge, ...]


class Blur(Block):
    """Blur that was used, of what was stated and what the edges show."""

    used_mm: float
    sd_mm: float
    stated_mm: float | None
    stated_sd_mm: float
    edges: Edges | None


class Held(Block):
    """Activity in one image against what was injected and is left."""

    time_h: float
    held_mbq: float
    available_mbq: float
    share: float


class ActivityLaw(Block):
    """The activity law: images before the fit, worlds kept after it, and what that moved."""

    images: tuple[Held, ...]
    worlds_drawn: int
    worlds_allowed: float
    effective_draws: int
    shift: float


class RestOfBody(Block):
    """What no region holds."""

    tia_mbq_h: Quantity


class DoseDocument(Document, Block):
    """Doses of one cycle."""

    nuclide: str
    injected_mbq: Positive
    injected_at: str
    method: str
    corrected: bool
    psf_fwhm_mm: float | None
    blur: Blur | None
    regions: tuple[RegionDose, ...]
    next_time_point: NextTimePoint
    uncertainty: dict[str, tuple[Bar, ...]]
    uncertainty_settings: dict[str, Size]
    activity_law: ActivityLaw | None
    rest_of_body: RestOfBody | None
    maps: str
    warnings: tuple[str, ...]
    outside_validity: tuple[str, ...]
    citations: tuple[str, ...]
    roles: tuple[RoleRow, ...]
    ledger: tuple[LedgerStep, ...]
    s_values: tuple[str, ...] = ()
    registration: tuple[dict[str, Any], ...] = ()

    @model_validator(mode="after")
    def _parts_belong_together(self) -> DoseDocument:
        names = [row.name for row in self.regions]
        if len(set(names)) != len(names):
            raise ValueError("two regions have one name")
        if set(self.uncertainty) != set(names):
            raise ValueError("the tornado's regions are not those of the doses")
        return self

    def written(self, registration: list[dict[str, Any]], warnings: list[str]) -> DoseDocument:
        """The document with what is known once its images were aligned and its files written."""
        held = {name: getattr(self, name) for name in self.model_fields_set}
        return self.model_validate(
            {**held, "registration": tuple(registration), "warnings": (*self.warnings, *warnings)}
        )


class CycleDose(DoseDocument):
    """Doses of one cycle of a course."""

    cycle: Annotated[int, Field(ge=1)]
    week: float


class DoseInCycle(Block):
    """What one cycle gave to a region."""

    cycle: Annotated[int, Field(ge=1)]
    dose_gy: Quantity
    gy_per_gbq: Quantity
    effective_half_life_h: float


class Cumulated(Block):
    """Dose of one region over the cycles that have it."""

    name: str
    kind: Literal["lesion", "organ"]
    cycles: tuple[int, ...]
    dose_gy: Quantity
    bed_gy: Quantity
    eqd2_gy: Quantity
    per_cycle: tuple[DoseInCycle, ...]
    fall_per_cycle: Quantity | None

    @model_validator(mode="after")
    def _is_the_sum_of_its_cycles(self) -> Cumulated:
        if tuple(one.cycle for one in self.per_cycle) != self.cycles:
            raise ValueError(f"{self.name}: its cycles are not those that its dose is of")
        return self


class Falls(Block):
    """Fall of the dose from cycle to cycle, by kind of region."""

    lesions: Quantity | None
    organs: Quantity | None


class CourseDocument(Document, Block):
    """Doses of a course: cycle by cycle, and cumulated. ``regions`` are those of the last cycle."""

    nuclide: str
    injected_mbq: Positive
    method: str
    cycles: tuple[CycleDose, ...] = Field(min_length=1)
    cumulated: tuple[Cumulated, ...]
    fall_per_cycle: Falls
    regions: tuple[RegionDose, ...]
    warnings: tuple[str, ...]
    outside_validity: tuple[str, ...]
    citations: tuple[str, ...]

    @model_validator(mode="after")
    def _parts_belong_together(self) -> CourseDocument:
        if [one.cycle for one in self.cycles] != list(range(1, len(self.cycles) + 1)):
            raise ValueError("the cycles are not counted from 1")
        if self.regions != self.cycles[-1].regions:
            raise ValueError("the regions are not those of the last cycle")
        known = {row.name for one in self.cycles for row in one.regions}
        if {row.name for row in self.cumulated} != known:
            raise ValueError("the cumulated regions are not those of the cycles")
        return self


def read_dose(text: str, where: str = "dose.json") -> DoseDocument | CourseDocument:
    """Read a document that this version wrote.

    Raises
    ------
    InputError
        If it holds no doses, or those of an earlier version, with the place and the remedy.
    """
    content = parsed(text, "the doses are not JSON", where, "give the dose.json that neorlt dose wrote")
    kind = CourseDocument if isinstance(content, Mapping) and "cumulated" in content else DoseDocument
    make: Callable[[Any], DoseDocument | CourseDocument] = kind.model_validate
    return validated(make, content, "the doses cannot be read", where, REMEDY, expected="a dose.json of this version")
