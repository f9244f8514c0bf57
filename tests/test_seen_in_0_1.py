"""What was seen in version 0.1 (commit 7a47d7c) when page, archive and disk were tried to break: what it gave, and the test that holds.

A row names each line that was seen, its old status as observed then, and the tests that would fail if it came back. This file fails when
such a test is renamed or taken away. Beyond the register, this file holds the tests that have no room of their own.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
SEEN: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    # ---- input as one thing
    ("Start again after a refused ZIP", "planned from patient.toml alone and said Done.",
     ("web/test_whole_inputs.py::test_a_refused_archive_leaves_no_case_that_could_run_on_the_rest",)),
    ("a kill while unpacking", "the next start ran on half a study",
     ("web/test_whole_inputs.py::test_kill_while_a_case_is_made_leaves_nothing",
      "web/test_whole_inputs.py::test_no_job_runs_on_another_input_than_was_uploaded")),
    ("--plan A/out --plan B/out", "listed one of them",
     ("web/test_whole_inputs.py::test_two_shared_plans_of_one_name_are_both_listed_and_sign_apart",)),
    ("a signature made for another plan of the same name", "shown as one of this plan",
     ("web/test_whole_inputs.py::test_a_signature_shows_only_where_its_hashes_match",)),
    # ---- read wrong in silence
    ("a damaged length in an RTSTRUCT", "0 regions, the lesion gone, no word",
     ("dicom/test_structure.py::test_a_damaged_length_in_a_structure_set",)),
    ("BitsStored 12 or 8", "activity 18 and 290 times too low", ("dicom/test_scale.py::test_values_above_bits_stored_are_refused",)),
    ("slice spacing 700 mm or 1e308, PET slope -1, intercept 1e9, pixels of 80 mm", "read, other doses and SUV",
     ("dicom/test_scale.py::test_what_no_scanner_states_is_refused",)),
    ("spacing of a SEG times 0.1", "volumes of a thousandth",
     ("dicom/test_volume.py::test_the_spacing_of_a_segmentation_comes_from_its_positions",)),
    ("weight 7 kg at 66 years", "SUV a tenth", ("dicom/test_scale.py::test_a_weight_that_does_not_fit_the_person",)),
    ("dates a year off", "traceback", ("dicom/test_time.py::test_a_date_a_year_off_is_a_sentence",)),
    ("singular affines (PixelSpacing 1e-9, NIfTI)", "traceback",
     ("dicom/test_scale.py::test_what_no_scanner_states_is_refused",
      "dicom/test_volume.py::test_a_label_map_without_a_transform_and_one_cut_short")),
    ("wrong kinds in a trial's TOML", "traceback",
     ("cli/test_written_files.py::test_a_value_of_another_kind_is_refused_by_name_or_read",)),
    ("Host: [::1", "status 500", ("web/test_whole_inputs.py::test_a_host_that_is_none_is_refused",)),
    # ---- archive
    ("a corrected dose sent to an archive", "dropped; send said 1 sent", ("dicom/test_pacs.py::test_a_corrected_dose_arrives",)),
    ("another object under the same identifier", "not compared",
     ("dicom/test_pacs.py::test_another_object_under_the_same_identifier_is_said",)),
    ("a refused SOP class", "reported as a dead archive", ("dicom/test_pacs.py::test_a_refused_kind_is_no_dead_archive",)),
    ("C-GET of a study with one MR, PDF, presentation state, dose SR or a compressed CT",
     "failed whole, with advice that was not the reason",
     ("dicom/test_pacs.py::test_a_study_of_many_kinds_is_fetched_and_what_is_left_out_is_named",)),
    ("a second study fetched into the same folder", "replaced the first", ("dicom/test_pacs.py::test_two_studies_lie_in_one_folder",)),
    # ---- page
    ("a cookie after a change of the token", "still admitted, for a year; no way to log out",
     ("web/test_whole_inputs.py::test_admission_ends_with_time_with_another_token_and_on_leaving",
      "web/test_whole_inputs.py::test_leaving_shuts_the_page")),
    ("80 MB without the token", "written before the 401",
     ("web/test_whole_inputs.py::test_a_body_is_not_read_before_its_sender_is_admitted",)),
    ("2 GiB a request", "taken", ("web/test_security.py::test_body_over_the_limit_is_refused_stated_or_not",)),
    ("uploaded DICOM", "readable by every local user", ("web/test_whole_inputs.py::test_slow_clients_are_let_go_and_delay_nobody",)),
    ("a 3.3 MB ZIP of small files", "became 3.0 GB", ("web/test_whole_inputs.py::test_many_small_files_cannot_unfold_without_end",)),
    ("no quota, no way to delete a case", "none", ("web/test_whole_inputs.py::test_old_cases_go_and_limits_hold",
                                                  "web/test_whole_inputs.py::test_a_case_read_by_link_cannot_be_changed")),
    ("400 half-sent requests", "stayed for 100 s", ("web/test_whole_inputs.py::test_slow_clients_are_let_go_and_delay_nobody",)),
    ("a local dataclasses.py in the working folder", "ran in the worker",
     ("web/test_whole_inputs.py::test_no_module_of_the_working_folder_is_taken",)),
    # ---- disk
    ("a kill between two renames", "--out absent, the old result in a hidden folder",
     ("core/test_output.py::test_a_killed_writer_leaves_a_whole_result_and_nothing_for_good",
      "core/test_output.py::test_reader_never_finds_the_place_empty",
      "core/test_output.py::test_without_exchange_of_names_an_old_result_comes_back")),
    ("hidden folders of killed runs", "stayed for ever", ("core/test_output.py::test_leftover_file_of_a_killed_writer_is_removed",)),
    ("a full disk", "this is a fault of neorlt", ("core/test_output.py::test_full_disk_ends_in_one_sentence_and_a_whole_state",
                                                "cli/test_disk.py::test_a_full_disk_is_a_sentence")),
    ("one damaged case.json", "stopped the server", ("web/test_whole_inputs.py::test_a_damaged_state_is_shown_and_stops_nothing",)),
    ("a killed worker", "was called a stopped server",
     ("web/test_whole_inputs.py::test_a_worker_that_is_killed_is_not_called_a_stopped_server",)),
    # ---- board and report
    ("contours over the images", "none", ("web/test_browser.py::test_contours_are_drawn_hollow_and_can_be_switched_off",)),
    ("measuring, a scale with numbers", "none", ("web/test_browser.py::test_a_line_can_be_measured_without_moving_the_cross",
                                                "web/test_browser.py::test_scale_is_read_in_suv_bq_per_ml_and_gy")),
    ("search, sharing, cancel", "none", ("web/test_whole_inputs.py::test_search_in_titles",
                                         "web/test_whole_inputs.py::test_a_case_read_by_link_cannot_be_changed",
                                         "web/test_whole_inputs.py::test_waiting_and_running_cases_can_be_stopped")),
    ("17 warnings before the answer, one kind six times", "so",
     ("reporting/test_warnings.py::test_sentences_that_differ_only_in_the_region_are_said_once",)),
    ("print and PDF", "lost gaps, orphan headings, cut tables", ("reporting/test_paper.py::test_no_gap_is_lost",
                                                                "reporting/test_paper.py::test_no_heading_stands_alone_at_the_foot_of_a_page",
                                                                "reporting/test_paper.py::test_no_table_is_cut_and_the_first_page_is_full")),
    # ---- words
    ("plan, dose, predict, optimise, example, make demo", "silent however long",
     ("core/test_progress.py::test_stages_show_name_fraction_and_time_left",
      "core/test_progress.py::test_a_command_without_stages_shows_that_it_is_at_work")),
    ("cohort, design, trial, recovery", "printed raw dictionaries", ("cli/test_every_door.py::test_every_door_in_every_state",)),
    ("serve after make demo", "pip install 'neorlt[web]', a name that nobody has registered",
     ("core/test_core.py::test_remedy_for_an_extra_installs_its_parts_not_a_name_that_nobody_registered",)),
    ("7,4 or mCi or days or neter-1 in a scheme", "all the forms, no place",
     ("cli/test_written_files.py::test_a_scheme_points_at_the_token",)),
    ("byte-order mark, decimal comma", "not valid, without a reason",
     ("cli/test_written_files.py::test_a_byte_order_mark_changes_no_toml",
      "cli/test_written_files.py::test_a_decimal_comma_in_toml_is_explained",
      "cli/test_written_files.py::test_a_table_in_any_usual_form_is_the_same_table")),
)  # fmt: skip


def test_every_line_has_its_test() -> None:
    gone = []
    for seen, before, tests in SEEN:
        assert before and tests, seen
        for name in tests:
            file, _, function = name.partition("::")
            tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
            defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
            if function not in defined:
                gone.append(f"{seen}: {name}")
    assert not gone


def test_base_commands_do_without_posix() -> None:
    """Without ``fcntl`` (as on Windows) every command's module imports, and what computes answers (in 7a47d7c too)."""
    code = """
import sys
for name in ("fcntl", "pwd", "grp", "resource", "termios", "pty"):
    sys.modules[name] = None
import importlib
from neorlt.jobs.registry import COMMANDS
for row in COMMANDS:
    importlib.import_module(row.module)
from neorlt.cli.app import run
sys.exit(run(["sphere", "Lu-177", "--mass-g", "1"]))
"""
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-800:]


def test_without_posix_results_are_written_and_swept(tmp_path: Path) -> None:
    code = f"""
import sys
sys.modules["fcntl"] = None
from pathlib import Path
from neorlt.core.output import atomic_folder, write_atomic
for text in ("one", "two"):
    with atomic_folder(Path({str(tmp_path / "out")!r})) as work:
        (work / "run.json").write_text(text)
write_atomic(Path({str(tmp_path / "file.txt")!r}), "x")
"""
    subprocess.run([sys.executable, "-P", "-c", code], check=True, timeout=60)
    assert (tmp_path / "out" / "run.json").read_text() == "two"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file.txt", "out"]


def test_serve_says_that_it_needs_posix(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """7a47d7c: ``No module named 'fcntl'``."""
    from neorlt.cli.app import run
    from neorlt.web import serve

    class Elsewhere:
        name = "nt"
        environ: dict[str, str] = {}

    monkeypatch.setattr(serve, "os", Elsewhere)
    assert run(["serve", "--cases", str(tmp_path / "cases")]) == 2
    said = capsys.readouterr().err
    assert "POSIX" in said and "report.html" in said
    assert not (tmp_path / "cases").exists()
