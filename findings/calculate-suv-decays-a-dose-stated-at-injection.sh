#!/usr/bin/env bash
# SUV factor of a PET whose pixels are decay corrected to the injection (Decay Correction ADMIN) or to nothing (NONE).
# Guess: ADMIN needs no decay of the injected dose, 70 kg * 1000 / 1e8 Bq = 0.0007; NONE is refused.
# Seen: Decay Correction is not looked at: START, ADMIN and NONE give one factor, the dose decayed to the series. For 68Ga (half-life
# 4062.6 s) an hour after injection SUV of an ADMIN series is 1.85 times too high.
. "$(dirname "$0")/_start.sh" --npm @cornerstonejs/calculate-suv@1.1.0
check_js <<'JS'
const { calculateSUVScalingFactors } = require("@cornerstonejs/calculate-suv");
console.warn = () => {};
const factor = (correction) => calculateSUVScalingFactors([{
  CorrectedImage: ["DECY", "ATTN"], Units: "BQML", RadionuclideHalfLife: 4062.6, RadionuclideTotalDose: 1e8, DecayCorrection: correction,
  PatientWeight: 70, SeriesDate: "20260101", SeriesTime: "110000", AcquisitionDate: "20260101", AcquisitionTime: "110000",
  RadiopharmaceuticalStartTime: "100000" }])[0].suvbw;
const [start, admin, none] = ["START", "ADMIN", "NONE"].map(factor);
console.log("START", start, "ADMIN", admin, "NONE", none, "right for ADMIN", 70 * 1000 / 1e8);
const holds = start === admin && start === none && Math.abs(admin / 0.0007 - Math.pow(2, 3600 / 4062.6)) < 1e-6;
JS
