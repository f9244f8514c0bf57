// dcmjs: DicomMessage.readFile and naturalizeDataset, as web viewers use it.
import { createRequire } from "node:module";
import fs from "node:fs";
import path from "node:path";
const require = createRequire(path.join(process.env.NEORLT_NODE, "package.json"));
if (process.argv[2] === "--kinds") { console.log(JSON.stringify(["parametric map", "rtdose", "seg", "nm", "sr"])); process.exit(0); }
const dcmjs = require("dcmjs");
const [, , folder, kind] = process.argv;
const FILES = { "parametric map": "absorbed_dose_parametric_map.dcm", rtdose: "absorbed_dose_rtdose.dcm", seg: "regions_seg.dcm",
  nm: "study/spect_4h.dcm", sr: "measurements_sr.dcm" };
const one = (v) => (Array.isArray(v) ? v[0] : v);
const list = (v) => (v === undefined ? [] : Array.isArray(v) ? v : [v]);
const numbers = (v) => list(v).map(Number);
function read() {
  const buffer = fs.readFileSync(path.join(folder, FILES[kind]));
  const parsed = dcmjs.data.DicomMessage.readFile(buffer.buffer.slice(buffer.byteOffset, buffer.byteOffset + buffer.length));
  const set = dcmjs.data.DicomMetaDictionary.naturalizeDataset(parsed.dict);
  if (kind === "sr") {
    const found = {};
    const walk = (items) => { for (const item of list(items)) {
      const name = one(item.ConceptNameCodeSequence)?.CodeMeaning;
      const value = one(item.MeasuredValueSequence);
      if (value && name === "Volume") found.volume = [Number(one(value.NumericValue)), one(value.MeasurementUnitsCodeSequence).CodeValue];
      if (value && name === "Absorbed Dose") found.dose = [Number(one(value.NumericValue)), one(value.MeasurementUnitsCodeSequence).CodeValue];
      walk(item.ContentSequence);
    } };
    walk(set.ContentSequence);
    return { numbers: found };
  }
  const rows = set.Rows, columns = set.Columns, frames = Number(set.NumberOfFrames ?? 1), size = rows * columns;
  let data, slope = 1, unit = null;
  const raw = one(set.PixelData ?? set.FloatPixelData);
  if (raw === undefined) throw new Error("no pixels in the naturalized dataset");
  const bytes = raw instanceof ArrayBuffer ? raw : raw.buffer ?? raw;
  if (kind === "parametric map") {
    data = new Float32Array(bytes.slice(0, size * frames * 4));
    const mapping = one(one(set.SharedFunctionalGroupsSequence).RealWorldValueMappingSequence);
    unit = one(mapping.MeasurementUnitsCodeSequence).CodeValue;
  } else if (kind === "seg") {
    data = dcmjs.data.BitArray.unpack(bytes).map((v) => (v ? 1 : 0));
  } else {
    data = new Uint16Array(bytes.slice(0, size * frames * 2));
    if (kind === "rtdose") { slope = Number(set.DoseGridScaling); unit = set.DoseUnits; }
    if (kind === "nm") {
      const mapping = one(set.RealWorldValueMappingSequence);
      slope = Number(mapping.RealWorldValueSlope); unit = one(mapping.MeasurementUnitsCodeSequence).CodeValue;
    }
  }
  const groups = list(set.PerFrameFunctionalGroupsSequence), shared = one(set.SharedFunctionalGroupsSequence) ?? {};
  const of = (n, name) => one(groups[n]?.[name]) ?? one(shared[name]);
  const detector = one(set.DetectorInformationSequence) ?? set;
  const cosines = numbers(groups.length ? of(0, "PlaneOrientationSequence").ImageOrientationPatient
    : kind === "nm" ? detector.ImageOrientationPatient : set.ImageOrientationPatient);
  const spacing = numbers(groups.length ? of(0, "PixelMeasuresSequence").PixelSpacing : set.PixelSpacing);
  const normal = [cosines[1] * cosines[5] - cosines[2] * cosines[4], cosines[2] * cosines[3] - cosines[0] * cosines[5],
    cosines[0] * cosines[4] - cosines[1] * cosines[3]];
  const origin = (n) => {
    if (groups.length) return numbers(of(n, "PlanePositionSequence").ImagePositionPatient);
    const first = numbers(kind === "nm" ? detector.ImagePositionPatient : set.ImagePositionPatient);
    const along = kind === "nm" ? n * Number(set.SpacingBetweenSlices) : numbers(set.GridFrameOffsetVector)[n];
    return first.map((v, a) => v + along * normal[a]);
  };
  const place = (n, r, c) => origin(n).map((v, a) => v + c * spacing[1] * cosines[a] + r * spacing[0] * cosines[3 + a]);
  if (kind === "seg") {
    const thickness = Number(of(0, "PixelMeasuresSequence").SpacingBetweenSlices);
    const found = {};
    for (const segment of list(set.SegmentSequence)) {
      let count = 0; const sum = [0, 0, 0];
      for (let n = 0; n < frames; n++) {
        if (Number(of(n, "SegmentIdentificationSequence").ReferencedSegmentNumber) !== Number(segment.SegmentNumber)) continue;
        for (let at = 0; at < size; at++) if (data[n * size + at]) {
          count++; place(n, Math.floor(at / columns), at % columns).forEach((v, a) => { sum[a] += v; });
        }
      }
      found[segment.SegmentLabel] = { volume_ml: count * spacing[0] * spacing[1] * thickness / 1000, centre_mm: sum.map((v) => v / count) };
    }
    return { regions: found };
  }
  let peak = -1, second = -1;
  for (let at = 0; at < size * frames; at++) if (peak < 0 || data[at] > data[peak]) peak = at;
  for (let at = 0; at < size * frames; at++) if (data[at] <= 0.7 * data[peak] && (second < 0 || data[at] > data[second])) second = at;
  const where = (at) => place(Math.floor(at / size), Math.floor((at % size) / columns), at % columns);
  return { peak: data[peak] * slope, spot: data[second] * slope, peak_mm: where(peak), spot_mm: where(second), unit };
}
let answer;
try { answer = read(); } catch (error) { console.error(error); answer = { refused: String(error.message).slice(0, 160) }; }
console.log("\n" + JSON.stringify(answer));
