"""fhir.resources: the bundle as its default release reads it, and as its R4B module does."""

import json
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import probe

if os.environ.get("NEORLT_FHIR") == "R4B":
    from fhir.resources.R4B.bundle import Bundle
else:
    from fhir.resources.bundle import Bundle


def _bundle(folder):
    text = (folder / "fhir.json").read_text()
    try:
        read = Bundle.model_validate_json(text)
    except ValueError as error:
        count = error.error_count() if hasattr(error, "error_count") else 1
        return {"refused": f"{count} errors"}
    numbers = {}
    for entry in read.entry:
        said = json.loads(entry.resource.model_dump_json()) if hasattr(entry.resource, "model_dump_json") else entry.resource.dict()
        code = said.get("code", {}).get("text", "")
        if code.startswith("Platelets"):
            numbers["platelets"] = [float(said["valueQuantity"]["value"]), said["valueQuantity"]["code"]]
        if code == "Size Tumor" and "lesion" not in numbers:
            value = said["component"][0]["valueQuantity"]
            numbers["lesion"] = [float(value["value"]), value["code"]]
    return {"numbers": numbers}


probe.main({"fhir": _bundle})
