"""Write what was injected and what it gave as structured reports (PS3.16).

Radiopharmaceutical Radiation Dose SR holds the administration and the organs' doses (TID 10021, 10022, 10023); Patient
Radiation Dose SR every region's dose with how it was estimated (TID 10030, 10031 and the parts of it), and refers to the
first and to the dose map. Concepts are those of PS3.16; no free concept is used.
"""

from __future__ import annotations

from collections.abc import Sequence as Seq
from dataclasses import dataclass
from pathlib import Path

from pydicom import dcmread
from pydicom.dataset import Dataset, FileDataset
from pydicom.sequence import Sequence
from pydicom.uid import PatientRadiationDoseSRStorage, RadiopharmaceuticalRadiationDoseSRStorage

from neorlt.core.errors import InputError
from neorlt.dicom import codes, sr_items
from neorlt.dicom.decay import half_life_s
from neorlt.dicom.identity import Identity, make_uid
from neorlt.dicom.sr_items import CONTAINS, MODIFIER, PROPERTIES
from neorlt.dicom.writing import new_dataset, save, series_uid_of
from neorlt.imaging.region import RegionKind
from neorlt.imaging.study import Administration

SECOND: codes.Term = ("s", "UCUM", "second")
MEGABECQUEREL: codes.Term = ("MBq", "UCUM", "Megabecquerel")
MILLIGRAY: codes.Term = ("mGy", "UCUM", "Milligray")
GRAM: codes.Term = ("g", "UCUM", "gram")

THERAPY: codes.Term = ("262026002", "SCT", "Radionuclide therapy")
THERAPEUTIC: codes.Term = ("262202000", "SCT", "Therapeutic intent")
FINDING_SITE: codes.Term = ("363698007", "SCT", "Finding Site")
LATERALITY: codes.Term = ("272741003", "SCT", "Laterality")
DERIVATION: codes.Term = ("121401", "DCM", "Derivation")
STANDARD_DEVIATION: codes.Term = ("386136009", "SCT", "Standard Deviation")
MEAN_ABSORBED: codes.Term = ("128533", "DCM", "Mean Absorbed Radiation Dose")
TRACKING: codes.Term = ("112039", "DCM", "Tracking Identifier")


@dataclass(frozen=True)
class RegionDoseRow:
    """Absorbed dose of one region as it is reported: mean and standard deviation in Gy, mass in g."""

    name: str
    kind: RegionKind
    mass_g: float
    dose_gy: float
    sd_gy: float

    def __post_init__(self) -> None:
        if not self.mass_g > 0 or self.dose_gy < 0 or self.sd_gy < 0:
            raise ValueError(f"{self.name}: mass must be above 0, dose and its standard deviation 0 or more")


def write_radiopharmaceutical_dose_sr(
    administration: Administration,
    rows: Seq[RegionDoseRow],
    path: Path,
    identity: Identity,
    *,
    description: str = "Radiopharmaceutical dose",
    series_number: int = 1,
) -> Path:
    """Write a Radiopharmaceutical Radiation Dose SR (TID 10021) and return the path.

    Organ Dose (113518) takes organs only, in mGy; a row whose organ has no code is left out of it.

    Raises
    ------
    InputError
        If the radionuclide or the agent has no code.
    """
    nuclide = codes.RADIONUCLIDE.get(administration.nuclide)
    agent = codes.AGENT.get(administration.agent)
    if nuclide is None or agent is None:
        raise InputError(
            "the injection cannot be coded",
            expected=", ".join(codes.AGENT),
            found=administration.agent or administration.nuclide,
            where="Radiopharmaceutical (0018,0031)",
            remedy="state the agent in the images, for example 177Lu-DOTATATE",
        )
    half_life = half_life_s(administration.nuclide)
    event = make_uid(identity.study_uid, "administration", administration.nuclide, administration.time.isoformat())
    given = [
        sr_items.code(("349358000", "SCT", "Radiopharmaceutical agent"), agent, [
            sr_items.code(("89457008", "SCT", "Radionuclide"), nuclide, relation=PROPERTIES),
            sr_items.number(("304283002", "SCT", "Radionuclide Half Life"), half_life, SECOND, relation=PROPERTIES),
        ]),
        sr_items.uid(("113503", "DCM", "Radiopharmaceutical Administration Event UID"), event),
        sr_items.moment(("123003", "DCM", "Radiopharmaceutical Start DateTime"), administration.time),
        sr_items.number(("113507", "DCM", "Administered activity"), administration.activity_mbq, MEGABECQUEREL),
        sr_items.code(("410675002", "SCT", "Route of administration"), codes.INTRAVENOUS),
        *[item for row in rows if (item := _organ_dose(row)) is not None],
    ]  # fmt: skip
    root = [
        sr_items.language(),
        _procedure(),
        # no observer context: in this IOD a container may not have one (PS3.3 Table A.35.14-2); the equipment module says who
        sr_items.container(("113502", "DCM", "Radiopharmaceutical Administration"), given),
    ]
    dataset = _document(RadiopharmaceuticalRadiationDoseSRStorage, identity, "RRDSR", description, series_number)
    dataset.update(sr_items.container(("113500", "DCM", "Radiopharmaceutical Radiation Dose Report"), root, template="10021", relation=""))
    return save(dataset, Path(path), own_series=True)


def write_patient_dose_sr(
    rows: Seq[RegionDoseRow],
    dose_map: Path,
    administration_sr: Path,
    path: Path,
    identity: Identity,
    *,
    nuclide: str,
    method: str,
    description: str = "Patient radiation dose",
    series_number: int = 1,
) -> Path:
    """Write a Patient Radiation Dose SR (TID 10030) and return the path.

    Parameters
    ----------
    rows
        Regions with their dose.
    dose_map, administration_sr
        The Parametric Map of the dose and the Radiopharmaceutical Radiation Dose SR that were written before.
    nuclide, method
        For the name of the estimate and its method, for example ``"Lu-177"`` and ``"voxel kernels and sphere S-values"``.

    Raises
    ------
    InputError
        If there is no row.
    """
    if not rows:
        raise InputError("there is no dose to write", remedy="compute the dose of at least one region")
    report, image = (dcmread(p, stop_before_pixels=True) for p in (administration_sr, dose_map))
    term = codes.RADIONUCLIDE[nuclide]
    estimate = [
        sr_items.text(("128403", "DCM", "Radiation Dose Estimate Name"), f"Absorbed dose of one cycle, {term[2]}"),
        *[_mean_dose(row) for row in rows],
        sr_items.container(("128412", "DCM", "Radiation Dose Estimate Representation"), [
            sr_items.code(("128413", "DCM", "Distribution Representation"), ("128487", "DCM", "3D Dose Map")),
            sr_items.composite(
                ("128414", "DCM", "Radiation Dose Representation Data"), str(image.SOPClassUID), str(image.SOPInstanceUID), kind="IMAGE"
            ),
        ]),
        sr_items.container(("128415", "DCM", "Radiation Dose Estimate Methodology"), [
            sr_items.composite(("128416", "DCM", "SR Instance Used"), str(report.SOPClassUID), str(report.SOPInstanceUID)),
            sr_items.container(("128500", "DCM", "Patient Radiation Dose Model"), [
                sr_items.code(("128417", "DCM", "Patient Model Type"), ("128494", "DCM", "Patient Segmented Model")),
                sr_items.code(
                    ("128420", "DCM", "Radiation Transport Model Type"), ("128422", "DCM", "Voxelized Radiation Transport Model")
                ),
                # Demanded (TID 10033, row 13), and empty: the patient's own anatomy needs no age, sex or weight of a model.
                sr_items.container(("128427", "DCM", "Patient Model Demographics"), []),
            ]),
            sr_items.container(("128476", "DCM", "Radiation Dose Estimate Method"), [
                sr_items.code(("128477", "DCM", "Radiation Dose Estimate Method Type"), ("128480", "DCM", "Analytical Algorithm")),
                sr_items.text(("128482", "DCM", "Radiation Dose Estimate Method Reference"), method),
            ]),
        ]),
    ]  # fmt: skip
    root = [
        sr_items.language(),
        _procedure(),
        *sr_items.device_observer(),
        sr_items.container(("128402", "DCM", "Radiation Dose Estimate"), estimate),
    ]
    dataset = _document(PatientRadiationDoseSRStorage, identity, "PRDSR", description, series_number)
    dataset.CurrentRequestedProcedureEvidenceSequence = _evidence([report, image])
    dataset.update(sr_items.container(("128401", "DCM", "Patient Radiation Dose Report"), root, template="10030", relation=""))
    return save(dataset, Path(path), own_series=True)


def _document(sop_class_uid: str, identity: Identity, kind: str, description: str, series_number: int) -> FileDataset:
    """The head of a report: SR Document Series, SR Document General, Enhanced General Equipment (PS3.3 C.17.1, C.17.2, C.7.5.2)."""
    dataset = new_dataset(
        sop_class_uid,
        identity,
        series_uid_of(identity, kind, series_number, description),
        modality="SR",
        description=description,
        series_number=series_number,
        instance_number=1,
        moment=identity.study_time,
    )
    dataset.DeviceSerialNumber = "0"
    dataset.ReferencedPerformedProcedureStepSequence = Sequence([])
    dataset.PerformedProcedureCodeSequence = Sequence([])
    dataset.CompletionFlag = "COMPLETE"
    dataset.VerificationFlag = "UNVERIFIED"
    return dataset


def _evidence(objects: Seq[Dataset]) -> Sequence:
    """Current Requested Procedure Evidence (0040,A375): every object that the report refers to, by study and series."""
    studies: dict[str, Dataset] = {}
    for one in objects:
        study = studies.setdefault(str(one.StudyInstanceUID), Dataset())
        if "ReferencedSeriesSequence" not in study:
            study.StudyInstanceUID = one.StudyInstanceUID
            study.ReferencedSeriesSequence = Sequence([])
        reference, series = Dataset(), Dataset()
        reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = one.SOPClassUID, one.SOPInstanceUID
        series.SeriesInstanceUID = one.SeriesInstanceUID
        series.ReferencedSOPSequence = Sequence([reference])
        study.ReferencedSeriesSequence.append(series)
    return Sequence(list(studies.values()))


def _procedure() -> Dataset:
    intent = sr_items.code(("363703001", "SCT", "Has Intent"), THERAPEUTIC, relation=MODIFIER)
    return sr_items.code(("121058", "DCM", "Procedure reported"), THERAPY, [intent], relation=MODIFIER)


def _organ_site(row: RegionDoseRow, relation: str) -> Dataset | None:
    """Finding site of an organ with its side; None for what is no organ or has no code."""
    low = row.name.lower()
    term = next((term for word, term in codes.ORGAN.items() if word in low), None)
    if row.kind is not RegionKind.ORGAN or term is None:
        return None
    side = codes.LEFT if "left" in low else codes.RIGHT if "right" in low else None
    sides = [] if side is None else [sr_items.code(LATERALITY, side, relation=MODIFIER)]
    return sr_items.code(FINDING_SITE, term, sides, relation=relation)


def _organ_dose(row: RegionDoseRow) -> Dataset | None:
    """TID 10023: site, dose in mGy, mass, and whose estimate it is."""
    site = _organ_site(row, CONTAINS)
    if site is None:
        return None
    return sr_items.container(("113517", "DCM", "Organ Dose Information"), [
        site,
        sr_items.number(("113518", "DCM", "Organ Dose"), 1000.0 * row.dose_gy, MILLIGRAY),
        sr_items.number(("118538004", "SCT", "Mass"), row.mass_g, GRAM),
        sr_items.code(("121406", "DCM", "Reference Authority"), ("113529", "DCM", "Institutionally Approved Estimates")),
    ])  # fmt: skip


def _mean_dose(row: RegionDoseRow) -> Dataset:
    """Mean absorbed dose of a region with its site or name, and its standard deviation under it."""
    where = [sr_items.text(TRACKING, row.name, relation=PROPERTIES)]
    site = _organ_site(row, MODIFIER)
    if site is not None:
        where.append(site)
    elif row.kind is RegionKind.LESION:
        where.append(sr_items.code(FINDING_SITE, codes.NEOPLASM, relation=MODIFIER))
    derived = sr_items.code(DERIVATION, STANDARD_DEVIATION, relation=MODIFIER)
    where.append(sr_items.number(MEAN_ABSORBED, row.sd_gy, codes.GRAY, [derived], relation=PROPERTIES))
    return sr_items.number(MEAN_ABSORBED, row.dose_gy, codes.GRAY, where)
