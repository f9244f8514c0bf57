// npm's fhir (Lantana): validate against R4's structure definitions, then read two numbers.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";
const require = createRequire(path.join(process.env.NEORLT_NODE, "package.json"));
if (process.argv[2] === "--kinds") { console.log(JSON.stringify(["fhir"])); process.exit(0); }
const { Fhir } = require("fhir/fhir");
const { ParseConformance } = require("fhir/parseConformance");
const { Versions } = require("fhir/fhir");
let answer;
try {
  const text = fs.readFileSync(path.join(process.argv[2], "fhir.json"), "utf8");
  const fhir = new Fhir();
  const result = fhir.validate(text, { errorOnUnexpected: true });
  const bad = result.messages.filter((m) => m.severity === "error" || m.severity === "fatal");
  console.error(bad);
  const numbers = {};
  for (const { resource } of JSON.parse(fhir.xmlToJson(fhir.jsonToXml(text))).entry) {
    const code = resource.code?.text ?? "";
    if (code.startsWith("Platelets")) numbers.platelets = [resource.valueQuantity.value, resource.valueQuantity.code];
    if (code === "Size Tumor" && !numbers.lesion) {
      const value = resource.component[0].valueQuantity;
      numbers.lesion = [value.value, value.code];
    }
  }
  answer = bad.length ? { refused: `${bad.length} errors: ${bad[0].location} ${bad[0].message}` } : { numbers };
} catch (error) { console.error(error); answer = { refused: String(error.message).slice(0, 160) }; }
console.log("\n" + JSON.stringify(answer));
