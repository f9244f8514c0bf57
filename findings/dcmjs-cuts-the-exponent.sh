#!/usr/bin/env bash
# A slope of 1.2345678901234567e-7 written by dcmjs: a decimal string has room for 16 characters (PS3.5 6.2, VR DS).
# Guess: rounded to 16 characters, 1.2345678901e-7.
# Seen: cut after 16 characters, so the exponent is gone: 1.23456789012345 is read back, ten million times too much.
# A message on the console is all; the file is valid, and every reader takes the number.
. "$(dirname "$0")/_start.sh" --npm dcmjs@0.51.1
check_js <<'JS'
const { DicomMetaDictionary, DicomDict, DicomMessage } = require("dcmjs").data;
const uid = (value) => ({ vr: "UI", Value: [value] });
const kind = "1.2.840.10008.5.1.4.1.1.128";
const file = new DicomDict({ "00020010": uid("1.2.840.10008.1.2.1"), "00020002": uid(kind), "00020003": uid("1.2.3") });
file.dict = DicomMetaDictionary.denaturalizeDataset({ SOPClassUID: kind, SOPInstanceUID: "1.2.3", RescaleSlope: 1.2345678901234567e-7 });
const bytes = Buffer.from(file.write());
const back = DicomMetaDictionary.naturalizeDataset(DicomMessage.readFile(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)).dict);
console.log("written 1.2345678901234567e-7, read back", back.RescaleSlope);
const holds = Math.abs(back.RescaleSlope - 1.23456789012345) < 1e-12;
JS
