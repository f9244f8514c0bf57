from __future__ import annotations

import builtins
import json
import sys
from typing import Any

import pytest

from neorlt.core.errors import InputError, MissingExtraError
from neorlt.reporting import pdf
from neorlt.reporting.fhir import fhir_bundle
from neorlt.reporting.report import render_report

from .synthetic_plan import synthetic_plan


def _short_plan() -> dict[str, Any]:
    plan = synthetic_plan()
    for key in ("curves", "dvh", "timing"):
        plan.pop(key)
    plan["schemes"] = plan["schemes"][2:4]
    for scheme in plan["schemes"]:
        scheme.pop("trajectory")
    return plan


def test_pdf_is_archival_and_carries_the_plan() -> None:
    pytest.importorskip("weasyprint")
    plan = _short_plan()
    content = pdf.render_pdf(plan)
    assert content.startswith(b"%PDF-1.7")
    (metadata,) = [stream for stream in pdf.streams(content) if b"pdfaid" in stream]
    assert b'pdfaid:part="3"' in metadata
    assert any(b"/AFRelationship" in stream for stream in pdf.streams(content))
    assert pdf.attached_plan(content) == plan


def test_pdf_without_attachment_is_refused() -> None:
    with pytest.raises(ValueError, match="no attached"):
        pdf.attached_plan(b"%PDF-1.7\nstream\nx\nendstream")


@pytest.mark.parametrize(("error", "named"), [(ImportError("x"), "pip install 'weasyprint"), (OSError("libpango"), "libpango-1.0-0")])
def test_missing_part_is_named(monkeypatch: pytest.MonkeyPatch, error: Exception, named: str) -> None:
    real = builtins.__import__

    def refuse(name: str, *arguments: Any, **options: Any) -> Any:
        if name == "weasyprint":
            raise error
        return real(name, *arguments, **options)

    monkeypatch.delitem(sys.modules, "weasyprint", raising=False)
    monkeypatch.setattr(builtins, "__import__", refuse)
    with pytest.raises(MissingExtraError, match=named):
        pdf.render_pdf(_short_plan())


def _resources(bundle: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle["entry"] if entry["resource"]["resourceType"] == kind]


def test_bundle_says_what_the_plan_says() -> None:
    plan = synthetic_plan()
    bundle = json.loads(json.dumps(fhir_bundle(plan)))
    assert bundle["resourceType"] == "Bundle"
    assert bundle["type"] == "collection"
    assert any(tag.get("code") == "HTEST" for tag in bundle["meta"]["tag"])
    assert len(_resources(bundle, "ServiceRequest")) == len(plan["schemes"])
    assert {r["intent"] for r in _resources(bundle, "ServiceRequest")} == {"option"}
    risk = _resources(bundle, "RiskAssessment")[2]
    assert risk["prediction"][0]["probabilityDecimal"] == 0.41
    assert "label: calibrated" in risk["prediction"][0]["rationale"]
    sizes = [r for r in _resources(bundle, "Observation") if r["code"]["text"] == "Size Tumor"]
    assert [r["component"][0]["valueQuantity"]["value"] for r in sizes] == [44.2, 22.0, 19.2]


def test_a_tumour_of_the_pancreas_is_the_primary_however_its_site_is_written() -> None:
    plan = synthetic_plan()
    first = dict(plan["lesions"][0], site="head of the pancreas")
    bundle = fhir_bundle({**plan, "lesions": [first, dict(first, id="n", site="pancreas lymph node")]})
    told = [r["code"]["text"] for r in _resources(bundle, "Condition")]
    assert told == ["Pancreatic neuroendocrine tumour", "Metastasis of a pancreatic neuroendocrine tumour, pancreas lymph node"]


def test_every_reference_in_the_bundle_is_resolved_and_no_name_is_given() -> None:
    bundle = fhir_bundle(synthetic_plan())
    addresses = {entry["fullUrl"] for entry in bundle["entry"]}
    assert len(addresses) == len(bundle["entry"])

    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["reference"]] if "reference" in value else []
            return own + [r for item in value.values() for r in references(item)]
        return [r for item in value for r in references(item)] if isinstance(value, list) else []

    assert set(references(bundle)) <= addresses
    (patient,) = _resources(bundle, "Patient")
    assert patient["name"] == [
        {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}
    ]
    assert "birthDate" not in patient


def test_scheme_without_an_endpoint_gives_no_prediction_for_it() -> None:
    bundle = fhir_bundle(synthetic_plan())
    outcomes = [p["outcome"]["text"] for p in _resources(bundle, "RiskAssessment")[5]["prediction"]]
    assert not any("Resectable" in outcome for outcome in outcomes)


def test_same_plan_gives_the_same_bundle_and_no_patient_is_refused() -> None:
    assert fhir_bundle(synthetic_plan()) == fhir_bundle(synthetic_plan())
    with pytest.raises(InputError, match="no patient"):
        fhir_bundle({"schemes": []})


def test_no_word_runs_off_the_paper() -> None:
    """WeasyPrint lets a table that is too wide run over the edge: the last column of the decision, and of the lesions, was gone."""
    weasyprint = pytest.importorskip("weasyprint")
    page = render_report(synthetic_plan(), (), for_paper=True)
    document = weasyprint.HTML(string=page, base_url=None, url_fetcher=pdf._fetcher(), media_type="print").render()
    over = []
    for number, sheet in enumerate(document.pages, 1):
        box = sheet._page_box
        edge = box.content_box_x() + box.width
        over += [(number, word.text) for word in box.descendants() if hasattr(word, "text") and word.position_x + word.width > edge + 1]
    assert len(document.pages) > 5
    assert not over
