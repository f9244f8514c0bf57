"""The plan as a FHIR R4 bundle (collection) in plain JSON, with mCODE profiles where the plan fills what they require.

Sources: HL7 FHIR R4 (4.0.1), mCODE STU3 (http://hl7.org/fhir/us/mcode), LOINC, UCUM, ICD-10-CM. A concept for which no
code is certain carries text only: a wrong code is worse than none. Schemes are requests with intent ``option``:
nothing is ordered.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Mapping
from typing import Any

from neorlt.core.anatomy import organ_of_site
from neorlt.core.errors import InputError
from neorlt.reporting.rounding import is_number
from neorlt.reporting.views.cells import block, maps

BUNDLE_R4 = "http://hl7.org/fhir/StructureDefinition/Bundle|4.0.1"
"""A bundle has no field for FHIR's release: the version of its own profile says it (canonical with version, FHIR R4 2.26.0.5)."""
MCODE = "http://hl7.org/fhir/us/mcode/StructureDefinition/"
LOINC = "http://loinc.org"
UCUM = "http://unitsofmeasure.org"
ICD10CM = "http://hl7.org/fhir/sid/icd-10-cm"
CATEGORY = "http://terminology.hl7.org/CodeSystem/observation-category"
ABSENT = "http://hl7.org/fhir/StructureDefinition/data-absent-reason"

# Key of the plan's patient, LOINC code, display, unit in UCUM and in print.
_LABORATORY = (
    ("platelets_e9_per_l", "777-3", "Platelets [#/volume] in Blood by Automated count", "10*9/L"),
    ("neutrophils_e9_per_l", "751-8", "Neutrophils [#/volume] in Blood by Automated count", "10*9/L"),
    ("haemoglobin_g_dl", "718-7", "Hemoglobin [Mass/volume] in Blood", "g/dL"),
    ("egfr_ml_min", None, "Estimated glomerular filtration rate", "mL/min"),
)
_RISKS = (
    ("p_objective_response", "Objective response (RECIST 1.1) before surgery"),
    ("p_resectable", "Resectable by the stated rule at surgery"),
    ("p_downgrading", "Lower WHO grade at surgery"),
)


def fhir_bundle(plan: Mapping[str, Any]) -> dict[str, Any]:
    """Return the plan document as a FHIR R4 ``Bundle`` of type ``collection``.

    Identifiers are derived from the plan (UUID version 5): the same plan gives the same bundle.

    Parameters
    ----------
    plan
        The plan document, as ``plan.json`` holds it.

    Raises
    ------
    InputError
        If the plan holds no patient.

    """
    patient = block(plan.get("patient"))
    if not patient.get("id"):
        raise InputError("the plan document holds no patient", remedy="give the content of a plan.json that neorlt wrote")
    writer = _Writer(str(patient["id"]), str(plan.get("seed", "")), str(plan.get("generated") or ""))
    resources = [writer.patient(patient), *_baseline(writer, patient, plan), *_schemes(writer, plan)]
    return {
        "resourceType": "Bundle",
        "id": writer.name("bundle"),
        "meta": {
            "profile": [BUNDLE_R4],
            "tag": [{"display": "Research software output: not for clinical decisions"}, *_synthetic_tag(plan)],
        },
        "identifier": {"system": "urn:ietf:rfc:3986", "value": f"urn:uuid:{writer.name('bundle')}"},
        "type": "collection",
        **({"timestamp": writer.moment} if writer.moment else {}),
        "entry": [{"fullUrl": f"urn:uuid:{resource['id']}", "resource": resource} for resource in resources],
    }


def _synthetic_tag(plan: Mapping[str, Any]) -> list[dict[str, str]]:
    # HTEST: the standard's own mark for data that are not of a real patient.
    system = "http://terminology.hl7.org/CodeSystem/v3-ActReason"
    return [{"system": system, "code": "HTEST", "display": "test health data"}] if plan.get("synthetic") else []


class _Writer:
    """Builds resources that refer to one patient."""

    def __init__(self, patient_id: str, seed: str, moment: str) -> None:
        self.root = uuid.uuid5(uuid.NAMESPACE_URL, f"neorlt:{patient_id}:{seed}:{moment}")
        self.pseudonym = patient_id
        self.moment = moment
        self.subject = {"reference": f"urn:uuid:{self.name('patient')}"}

    def name(self, *parts: str) -> str:
        return str(uuid.uuid5(self.root, "/".join(parts)))

    def reference(self, *parts: str) -> dict[str, str]:
        return {"reference": f"urn:uuid:{self.name(*parts)}"}

    def patient(self, patient: Mapping[str, Any]) -> dict[str, Any]:
        gender = {"F": "female", "M": "male"}.get(str(patient.get("sex")), "unknown")
        masked = [{"url": ABSENT, "valueCode": "masked"}]
        return {
            "resourceType": "Patient",
            "id": self.name("patient"),
            "meta": {"profile": [f"{MCODE}mcode-cancer-patient"]},
            "identifier": [{"system": "urn:neorlt:pseudonym", "value": self.pseudonym}],
            "name": [{"extension": masked}],
            "gender": gender,
        }

    def observation(self, key: str, code: Mapping[str, Any], category: str, **value: Any) -> dict[str, Any]:
        return {
            "resourceType": "Observation",
            "id": self.name("observation", key),
            "status": "final",
            "category": [{"coding": [{"system": CATEGORY, "code": category}]}],
            "code": dict(code),
            "subject": self.subject,
            **({"effectiveDateTime": self.moment} if self.moment else {}),
            **value,
        }


def _quantity(value: float, unit: str) -> dict[str, Any]:
    return {"value": value, "unit": unit, "system": UCUM, "code": unit}


def _concept(text: str, code: str | None = None, system: str = LOINC) -> dict[str, Any]:
    return {"text": text} if code is None else {"coding": [{"system": system, "code": code, "display": text}], "text": text}


def _baseline(writer: _Writer, patient: Mapping[str, Any], plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for key, code, text, unit in _LABORATORY:
        if is_number(patient.get(key)):
            yield writer.observation(key, _concept(text, code), "laboratory", valueQuantity=_quantity(patient[key], unit))
    if is_number(patient.get("weight_kg")):
        weight = _quantity(patient["weight_kg"], "kg")
        yield writer.observation("weight", _concept("Body weight", "29463-7"), "vital-signs", valueQuantity=weight)
    for lesion in maps(plan.get("lesions")):
        yield from _lesion(writer, lesion)


def _lesion(writer: _Writer, lesion: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    name, site = str(lesion.get("id", "lesion")), str(lesion.get("site", ""))
    primary = organ_of_site(site) == "pancreas"
    condition: dict[str, Any] = {
        "resourceType": "Condition",
        "id": writer.name("condition", name),
        "category": [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/condition-category", "code": "problem-list-item"}]}],
        "code": _concept("Pancreatic neuroendocrine tumour" if primary else f"Metastasis of a pancreatic neuroendocrine tumour, {site}"),
        "bodySite": [{"text": site}],
        "subject": writer.subject,
        "note": [{"text": f"Lesion {name}"}],
    }
    if primary:
        condition["meta"] = {"profile": [f"{MCODE}mcode-primary-cancer-condition"]}
        condition["code"]["coding"] = [{"system": ICD10CM, "code": "C25.4", "display": "Malignant neoplasm of endocrine pancreas"}]
    yield condition
    focus = {"focus": [writer.reference("condition", name)]}
    if is_number(lesion.get("longest_diameter_mm")):
        size = {"code": _concept("Size.maximum dimension in Tumor", "33728-7"),
                "valueQuantity": _quantity(lesion["longest_diameter_mm"], "mm")}  # fmt: skip
        observation = writer.observation(f"{name}/size", _concept("Size Tumor", "21889-1"), "imaging", component=[size], **focus)
        observation["meta"] = {"profile": [f"{MCODE}mcode-tumor-size"]}
        yield observation
    if is_number(lesion.get("ki67_pct")):
        quantity = _quantity(lesion["ki67_pct"], "%")
        yield writer.observation(f"{name}/ki67", _concept("Ki-67 index"), "laboratory", valueQuantity=quantity, **focus)
    dose = block(lesion.get("dose_gy"))
    mean = dose.get("mean", dose.get("median"))
    if is_number(mean):
        quantity = _quantity(mean, "Gy")
        yield writer.observation(
            f"{name}/dose", _concept("Absorbed dose of the measured cycle"), "imaging", valueQuantity=quantity, **focus
        )
    for vessel in maps(lesion.get("vessels")):
        if is_number(vessel.get("contact_deg")):
            concept = _concept(f"Contact of the tumour with {vessel.get('name', 'vessel')}, part of the circumference")
            quantity = _quantity(vessel["contact_deg"], "deg")
            yield writer.observation(f"{name}/contact/{vessel.get('name')}", concept, "imaging", valueQuantity=quantity, **focus)


def _schemes(writer: _Writer, plan: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for index, scheme in enumerate(maps(plan.get("schemes"))):
        key = f"scheme/{index}"
        name, text = str(scheme.get("name", "")), str(scheme.get("text") or scheme.get("name") or "")
        yield {
            "resourceType": "ServiceRequest",
            "id": writer.name(key),
            "status": "draft",
            "intent": "option",
            "code": {"text": text},
            "subject": writer.subject,
            **({"authoredOn": writer.moment} if writer.moment else {}),
            "note": [{"text": line} for line in (name, *_cycles(scheme)) if line],
        }
        predictions = [
            {
                "outcome": {"text": outcome},
                "probabilityDecimal": scheme[risk],
                **({"rationale": _rationale(scheme, risk)} if _rationale(scheme, risk) else {}),
            }
            for risk, outcome in _RISKS
            if is_number(scheme.get(risk))
        ]
        kidney = block(scheme.get("kidney_bed_gy"))
        if is_number(kidney.get("p_over_limit")):
            outcome = f"Kidney BED above {kidney.get('limit_gy')} Gy"
            predictions.append({"outcome": {"text": outcome}, "probabilityDecimal": kidney["p_over_limit"]})
        for count in ("platelets", "neutrophils"):
            nadir = block(scheme.get(f"{count}_nadir"))
            if is_number(nadir.get("p_grade34")):
                outcome = f"Low {count} of CTCAE grade 3 or 4"
                predictions.append({"outcome": {"text": outcome}, "probabilityDecimal": nadir["p_grade34"]})
        yield {
            "resourceType": "RiskAssessment",
            "id": writer.name(key, "risk"),
            "status": "preliminary",
            "method": {"text": f"neorlt {plan.get('neorlt', '')} response model"},
            "code": {"text": f"Predicted outcome of: {text}"},
            "subject": writer.subject,
            **({"occurrenceDateTime": writer.moment} if writer.moment else {}),
            "basis": [writer.reference(key)],
            "prediction": predictions,
            "note": [{"text": str(plan.get("notice") or "Research software: not for clinical decisions.")}],
        }


def _cycles(scheme: Mapping[str, Any]) -> Iterator[str]:
    for cycle in maps(scheme.get("cycles")):
        activity = " and ".join(f"{value} GBq {nuclide}" for nuclide, value in block(cycle.get("activity_gbq")).items())
        yield f"Week {cycle.get('week')}: {activity}"


def _rationale(scheme: Mapping[str, Any], key: str) -> str:
    parts = []
    ends = scheme.get(f"{key}_ci90")
    if isinstance(ends, list | tuple) and len(ends) == 2:
        parts.append(f"90 % interval {ends[0]:.3g} to {ends[1]:.3g}")
    label = block(scheme.get("labels")).get(key)
    if label:
        parts.append(f"label: {label}")
    return "; ".join(parts)
