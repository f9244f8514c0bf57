"""Files that people write: with a byte-order mark, a decimal comma, a value of another kind. Read right, or refused in a sentence."""

from __future__ import annotations

import copy
import tomllib
from collections.abc import Callable, Iterator
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from neorlt.cli.app import run
from neorlt.cohorts.grid import read_grid
from neorlt.core.errors import InputError
from neorlt.core.toml_file import read_toml
from neorlt.core.written import number, read_rows
from neorlt.dicom.read_labels import read_label_names
from neorlt.dicom.settings import read_settings
from neorlt.dosimetry.camera_calibration import read_scans
from neorlt.dosimetry.population_table import read_curves, read_population
from neorlt.dosimetry.s_table import read_s_table
from neorlt.evidence.pooling.counts import read_counts
from neorlt.evidence.pooling.summaries import holds_ratios, read_ratios
from neorlt.evidence.review.protocol import TEMPLATE, read_protocol
from neorlt.jobs.calibrate_camera import read_facts
from neorlt.jobs.marrow import read_samples
from neorlt.nuclides.user import read_nuclide
from neorlt.planning.patient import read_patient
from neorlt.planning.scheme import read_scheme
from neorlt.planning.search_space import read_limits
from neorlt.planning.updates import read_update
from neorlt.response.centre import read_table
from neorlt.trials.design import read_design

ROOT = Path(__file__).resolve().parents[2]

SCHEME = """name = "mine"
surgery_weeks_after_last = 12
sensitiser = "none"
kidney_p_over = 0.05
[[cycle]]
week = 0
activity_gbq = { "Lu-177" = 7.4 }
sensitiser = "capecitabine"
peptide = "DOTATATE"
peptide_ug = 200
[[cycle]]
week = 8
activity_gbq_per_m2 = { "Y-90" = 1.5 }
"""
LIMITS = '[limits]\np_kidney_over = 0.05\n[space]\nmax_cycles = 4\n'
SETTINGS = """psf_fwhm_mm = 8.0
[psf_by_radius]
radius_mm = [0, 100, 200]
fwhm_mm = [8.0, 9.5, 11.0]
sd_mm = 0.5
[roles]
"tumour-1" = "lesion"
[frames_of_reference]
treat_as_one = true
reason = "registered on the workstation"
"""
CALIBRATION = 'cps_per_mbq = 9.5\nrelative_sd = 0.03\nnuclide = "Lu-177"\nsource = "phantom"\n'
PHANTOM = 'nuclide = "Lu-177"\nactivity_mbq = 500.5\nmeasured_at = 2026-03-02T09:00:00\nsource = "dose calibrator"\n'
NUCLIDE = """name = "Xx-100"
half_life_h = 46.5
source = "invented"
beta_per_decay = 1.0
gamma = [[0.1, 0.2]]
[[beta_minus]]
endpoint_mev = 0.7
per_decay = 1.0
daughter_z = 63
"""
POPULATION = '[kidney]\nslow_half_life_h = 65.5\nlog_sd = 0.25\ncurves = 8\nsource = "mine"\n'
UPDATE = 'week = 6\nplatelets_e9_per_l = 180\n[[lesion]]\nid = "primary"\nlongest_diameter_mm = 40.5\n'
PATIENT = (ROOT / "examples/pannet-head.toml").read_text(encoding="utf-8")
TRIAL = (ROOT / "examples/trials/neolupanet.toml").read_text(encoding="utf-8")


def _settings(path: Path) -> Any:
    from neorlt.jobs.study import read_uncertainty

    return read_settings(path.parent), read_uncertainty(path.parent)


TOML: dict[str, tuple[str, str, Callable[[Path], Any]]] = {
    "scheme": ("scheme.toml", SCHEME, lambda path: read_scheme(path, 1.9)),
    "limits": ("limits.toml", LIMITS, lambda path: read_limits([str(path)])),
    "settings": ("settings.toml", SETTINGS, _settings),
    "calibration": ("calibration.toml", CALIBRATION, lambda path: read_settings(path.parent)),
    "phantom": ("phantom.toml", PHANTOM, lambda path: read_facts(path.parent)),
    "nuclide": ("nuclide.toml", NUCLIDE, read_nuclide),
    "population": ("population.toml", POPULATION, read_population),
    "patient": ("patient.toml", PATIENT, read_patient),
    "update": ("update.toml", UPDATE, lambda path: read_update(path, read_patient(ROOT / "examples/pannet-head.toml"))),
    "trial": ("trial.toml", TRIAL, read_design),
    "protocol": ("protocol.toml", TEMPLATE, lambda path: read_protocol(path.parent)),
}
CSV: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "blood": ("time_h,kbq_per_ml\n0.5,90.25\n2,60.5\n24,5.75\n72,2.5\n", lambda path: read_samples(path, "Lu-177").activity_mbq.tolist()),
    "scans": ("name,activity_mbq,counts,seconds\none,500.5,9000000,1800.5\n", read_scans),
    "curves": ("patient,region,time_h,activity_mbq\np,kidney-left,4,100.5\np,kidney-left,24.5,80.25\n",
               lambda path: [c.activity_mbq.tolist() for c in read_curves(path)["kidney"]]),
    "ratios": ("study,ratio,low,high\na,0.5,0.3,0.8\nb,0.75,0.4,1.25\n", read_ratios),
    "centre": ("origin,ki67_pct,dose_gy,cycles,week,change_diameter_pct\npancreas,8.5,120.5,4,36,-25.5\npancreas,3.5,80.5,2,24,-5.5\n",
               lambda path: read_table(path).dose_gy.tolist()),
    "counts": ("study,events,total,design\na,16,17,series\nb,10,12,series\n", read_counts),
}  # fmt: skip


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
@pytest.mark.parametrize("name", sorted(TOML))
def test_a_byte_order_mark_changes_no_toml(tmp_path: Path, name: str, encoding: str) -> None:
    """7a47d7c: "not valid TOML (Invalid statement (at line 1, column 1))" for a file saved by an editor of Windows."""
    file, text, read = TOML[name]
    (tmp_path / file).write_text(text, encoding="utf-8")
    plain = repr(read(tmp_path / file))
    (tmp_path / file).write_bytes(text.replace("\n", "\r\n").encode(encoding))
    assert repr(read(tmp_path / file)) == plain


@pytest.mark.parametrize("name", sorted(TOML))
def test_a_decimal_comma_in_toml_is_explained(tmp_path: Path, name: str) -> None:
    """7a47d7c: "Expected newline or end of document after a statement (at line 2, column 14)"."""
    file, text, read = TOML[name]
    (tmp_path / file).write_text("weight = 7,4\n" + text, encoding="utf-8")
    with pytest.raises(InputError, match=r"line 1: write the number with a point: 7\.4"):
        read(tmp_path / file)


@pytest.mark.parametrize(("line", "remedy"), [
    ("a = \u201ctext\u201d", "straight quotes"), ("a = 02.03.2026", "2026-03-02"), ("a = yes", "true or false"), ("a = word", "in quotes"),
    ("a = 7.4 GBq", "number alone"), ("a: 7", "write ="), ('a = "C:\\data"', "single quotes"),
])  # fmt: skip
def test_usual_slips_in_toml_are_named_with_their_line(tmp_path: Path, line: str, remedy: str) -> None:
    (tmp_path / "x.toml").write_text(f"first = 1\n{line}\n", encoding="utf-8")
    with pytest.raises(InputError, match=remedy) as caught:
        read_toml(tmp_path / "x.toml", "the file")
    assert caught.value.where == "x.toml, line 2"


@pytest.mark.parametrize("form", ["mark", "utf-16", "semicolon", "tab", "comma", "sep"])
@pytest.mark.parametrize("name", sorted(CSV))
def test_a_table_in_any_usual_form_is_the_same_table(tmp_path: Path, name: str, form: str) -> None:
    """7a47d7c: semicolons, tabs and decimal commas (a German or French Excel) lacked a column or were no numbers."""
    text, read = CSV[name]
    path = tmp_path / "table.csv"
    path.write_text(text, encoding="utf-8")
    truth = read(path)
    changed = {
        "mark": text, "utf-16": text, "semicolon": text.replace(",", ";"), "tab": text.replace(",", "\t"),
        "comma": text.replace(",", ";").replace(".", ","), "sep": "sep=;\n" + text.replace(",", ";").replace(".", ","),
    }[form]  # fmt: skip
    path.write_bytes(changed.replace("\n", "\r\n").encode({"mark": "utf-8-sig", "utf-16": "utf-16"}.get(form, "utf-8")))
    assert repr(read(path)) == repr(truth)


def test_s_values_with_decimal_commas_are_the_same(tmp_path: Path, made: dict[str, Path]) -> None:
    truth = read_s_table(made["s_values"], masses=made["s_masses"])
    text = made["s_values"].read_text(encoding="utf-8")
    head, body = text.rsplit("Target,Spleen\n", 1)
    (tmp_path / "s.csv").write_text("\ufeff" + head + "Target;Spleen\n" + body.replace(",", ";").replace(".", ","), encoding="utf-8")
    (tmp_path / "m.csv").write_text("organ;mass_g\nspleen;150,0\n", encoding="utf-8")
    found = read_s_table(tmp_path / "s.csv", masses=tmp_path / "m.csv")
    assert np.array_equal(found.s_mgy_per_mbq_s, truth.s_mgy_per_mbq_s)


def test_decimal_commas_between_commas_are_explained(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("time_h,kbq_per_ml\n0,5,90\n2,60\n24,5\n", encoding="utf-8")
    with pytest.raises(InputError, match="numbers with a point, or separate cells by semicolons"):
        read_samples(tmp_path / "t.csv", "Lu-177")
    (tmp_path / "t.csv").write_text('time_h,kbq_per_ml\n"0,5",90\n2,60\n24,5\n', encoding="utf-8")
    assert read_samples(tmp_path / "t.csv", "Lu-177").time_h[0] == 0.5


@pytest.mark.parametrize(("text", "comma", "value"), [
    ("7.4", False, 7.4), ("7,4", False, 7.4), ("0,125", False, 0.125), ("1,234.5", False, 1234.5), ("1.234,5", False, 1234.5),
    ("1,234", True, 1.234), ("1,234,567", False, 1234567.0), ("-2,5e-3", False, -0.0025), ("\u22121,5", False, -1.5), ("12", True, 12.0),
])  # fmt: skip
def test_numbers_as_people_write_them(text: str, comma: bool, value: float) -> None:
    assert number(text, comma) == value


@pytest.mark.parametrize(
    ("text", "comma"), [("1,234", False), ("1.234", True), ("", False), ("nan", False), ("1_0", False), ("7,4,1", False)],
)
def test_numbers_that_could_be_two_are_refused(text: str, comma: bool) -> None:
    with pytest.raises(ValueError):
        number(text, comma)


def test_a_table_in_another_character_set_says_so(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("study,events,total\nMüller,1,2\n".encode("cp1252"))
    with pytest.raises(InputError, match="line 2.*UTF-8"):
        read_counts(tmp_path / "t.csv")


def test_names_of_labels_in_json(tmp_path: Path) -> None:
    path = tmp_path / "names.json"
    path.write_bytes('{"1": "liver"}'.encode("utf-8-sig"))
    assert read_label_names(path)[1].name == "liver"
    path.write_text('{\n"1": 7,4\n}', encoding="utf-8")
    with pytest.raises(InputError, match=r"line 2.*7\.4"):
        read_label_names(path)


def test_a_centres_own_table_keeps_its_reader(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("patient_id;age_y\na;61,5\n".encode("utf-8-sig"))
    assert read_grid(tmp_path / "t.csv").header[0] == "patient_id"


# ---- a value of another kind


WRONG: tuple[Any, ...] = (True, "word", 3, -1.5, float("nan"), [], ["a"], [[1, 2]], {}, {"a": 1}, [{"a": 1}], date(2026, 3, 2), "")


def _toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_toml(str(key))} = {_toml(part)}" for key, part in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return value.isoformat() if hasattr(value, "isoformat") else repr(value)


def _places(value: Any, at: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    if at:
        yield at
    pairs = value.items() if isinstance(value, dict) else enumerate(value[:2]) if isinstance(value, list) else ()
    for key, part in pairs:
        yield from _places(part, (*at, key))


def _with(document: dict[str, Any], at: tuple[Any, ...], value: Any) -> dict[str, Any]:
    changed = copy.deepcopy(document)
    place: Any = changed
    for key in at[:-1]:
        place = place[key]
    place[at[-1]] = value
    return changed


@pytest.mark.parametrize("name", sorted(TOML))
def test_a_value_of_another_kind_is_refused_by_name_or_read(tmp_path: Path, name: str) -> None:
    """7a47d7c: wrong kinds in a trial's TOML were a traceback (``'str' object has no attribute 'get'``)."""
    file, text, read = TOML[name]
    document = tomllib.loads(text)
    refused, wrong = 0, []
    for at in _places(document):
        for value in WRONG:
            (tmp_path / file).write_text("\n".join(f"{_toml(key)} = {_toml(part)}" for key, part in _with(document, at, value).items()))
            try:
                read(tmp_path / file)
            except InputError as error:
                refused += 1
                assert error.remedy
            except Exception as error:
                wrong.append(f"{'.'.join(map(str, at))} = {value!r}: {type(error).__name__}: {error}")
    assert not wrong
    assert refused > 5


# ---- schemes in words


@pytest.mark.parametrize(("words", "token", "says"), [
    ("4 x 7,4 GBq Lu-177 every 8 weeks", "7,4", "write the number with a point: 7.4"),
    ("4 x 200 mCi Lu-177 every 8 weeks", "200 mCi", "give the activity in GBq: 7.4 GBq"),
    ("4 x 7.4 GBq Lu-177 every 56 days", "56 days", "count in weeks: 8 weeks"),
    ("neter-1", "neter-1", "did you mean netter-1?"),
    ("4 x 7.4 GBq every 8 weeks", "7.4 GBq", "name the nuclide"),
    ("4 x 7.4 Lu-177 every 8 weeks", "7.4 Lu-177", "give the unit: 7.4 GBq Lu-177"),
    ("4 cycles of 7.4 GBq Lu-177", "cycles of", "write x between"),
    ("4 x 7.4 GBq lutecium", "lutecium", "did you mean Lu-177?"),
    ("4 x 7.4 GBq Lu-177 with capecitabin", "capecitabin", "did you mean capecitabine?"),
])  # fmt: skip
def test_a_scheme_points_at_the_token(words: str, token: str, says: str, capsys: pytest.CaptureFixture[str]) -> None:
    """7a47d7c: the whole list of forms for each of these, and no place."""
    assert run(["predict", str(ROOT / "examples/pannet-head.toml"), "--scheme", words]) == 2
    said = capsys.readouterr().err
    assert says in said and token in said
    if " x " in words:
        assert f"character {words.index(token) + 1}" in said


def test_a_row_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("a;b\n\n1;2,5\n\n3;4,5\n", encoding="utf-8")
    rows = read_rows(tmp_path / "t.csv", "the table", needs=("a", "b"))
    assert [(row.line, row.number("b")) for row in rows] == [(3, 2.5), (5, 4.5)]
    assert not holds_ratios(tmp_path / "t.csv")
