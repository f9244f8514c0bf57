"""Errors carry remedies, output is whole or absent, tables are checked, draws do not depend on order."""

import hashlib
import json
import pickle
import re
import tomllib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neorlt.core import tables
from neorlt.core.draws import generator, lognormal_draws, summarise
from neorlt.core.errors import InputError, MissingExtraError, ValidityError, install_command
from neorlt.core.manifest import build_manifest, hash_inputs, to_json
from neorlt.core.output import atomic_folder, write_atomic
from neorlt.core.run import result_folder, write_json


def test_input_error_says_what_where_and_remedy():
    error = InputError("weight is missing", expected="kg", found="nothing", where="a.dcm (0010,1030)", remedy="add it")
    assert str(error) == "weight is missing (expected kg, found nothing), in a.dcm (0010,1030): add it."
    assert error.exit_status == 2
    with pytest.raises(ValueError, match="remedy"):
        InputError("x", remedy=" ")


def test_an_error_of_another_process_comes_whole():
    """Pools and clusters pickle what a worker raises; one that cannot be made again breaks the pool instead of saying what was wrong."""
    for error in (InputError("a", remedy="b", expected="c", found="d", where="e"), MissingExtraError("dask", extra="dask"),
                  ValidityError("outside")):
        again = pickle.loads(pickle.dumps(error))
        assert type(again) is type(error) and str(again) == str(error) and vars(again) == vars(error)


def test_missing_extra_names_its_extra_and_system_package():
    said = str(MissingExtraError("WeasyPrint", extra="pdf", system_package="libpango-1.0-0"))
    assert "extra pdf" in said and "libpango-1.0-0" in said


def test_remedy_for_an_extra_installs_its_parts_not_a_name_that_nobody_registered(monkeypatch):
    """7a47d7c: `pip install 'neorlt[web]'`, a name that no registry knows."""
    parts = tomllib.loads((Path(__file__).resolve().parents[2] / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    # As a package's metadata states them (Core Metadata, Requires-Dist), whatever was installed when this environment was made.
    stated = ["numpy>=1.26", *(f'{part}; extra == "{extra}"' for extra, several in parts.items() for part in several)]
    monkeypatch.setattr("importlib.metadata.requires", lambda name: stated)
    for extra, wanted in parts.items():
        command = install_command(extra)
        assert command.startswith("python -m pip install '")
        named = [part for part in command.split("'") if part.strip()][1:]
        assert {re.split(r"[<>=\[]", part)[0].lower() for part in named} == {re.split(r"[<>=\[]", part)[0].lower() for part in wanted}


@given(st.integers(0, 2**31), st.text(max_size=8), st.text(max_size=8))
def test_streams_depend_on_seed_and_names_only(seed, a, b):
    first = generator(seed, a, b).standard_normal(4)
    generator(seed, "another").standard_normal(100)
    assert np.array_equal(first, generator(seed, a, b).standard_normal(4))
    if a != b:
        assert not np.array_equal(first, generator(seed, b, a).standard_normal(4))


def test_name_chains_do_not_collide():
    assert not np.array_equal(generator(1, "ab", "c").standard_normal(3), generator(1, "a", "bc").standard_normal(3))


def test_lognormal_draws_have_the_stated_median_and_spread():
    draws = lognormal_draws(generator(3, "t"), [2.0, 5.0], 0.4, n=200_000)
    assert draws.shape == (200_000, 2)
    assert np.allclose(np.median(draws, axis=0), [2.0, 5.0], rtol=0.01)
    assert np.allclose(np.log(draws).std(axis=0), 0.4, rtol=0.01)


def test_summary_is_the_central_90_percent():
    interval = summarise(np.arange(101.0))
    shown = interval.as_json()
    assert (shown["median"], shown["ci90"], shown["mean"]) == (50.0, [5.0, 95.0], 50.0)
    assert shown["sd"] == pytest.approx(850.0**0.5)  # of 0 … 100: (101² − 1) / 12 = 850
    with pytest.raises(ValueError, match="finite"):
        summarise([1.0, np.nan])


def test_folder_appears_only_when_the_work_ended_well(tmp_path: Path):
    out = tmp_path / "out"

    def fails() -> None:
        with atomic_folder(out) as work:
            (work / "half.txt").write_text("x")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fails()
    assert list(tmp_path.iterdir()) == []
    with atomic_folder(out) as work:
        (work / "run.json").write_text("{}")
    assert [p.name for p in out.iterdir()] == ["run.json"]
    with atomic_folder(out) as work:
        (work / "run.json").write_text("[]")
    assert (out / "run.json").read_text() == "[]"
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_folder_of_others_is_not_replaced(tmp_path: Path):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.txt").write_text("years of work")
    with pytest.raises(InputError, match="did not write"), atomic_folder(tmp_path / "out"):
        pass
    assert (tmp_path / "out" / "thesis.txt").read_text() == "years of work"


def test_atomic_write_keeps_the_old_file_when_it_fails(tmp_path: Path, monkeypatch):
    target = tmp_path / "a.json"
    write_atomic(target, "old")

    def refuse(*_):
        raise OSError("disk")

    monkeypatch.setattr("os.replace", refuse)
    with pytest.raises(OSError, match="disk"):
        write_atomic(target, "new")
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.json"]


def test_every_shipped_table_is_listed_and_has_its_hash():
    listed = tables.list_tables()
    assert listed
    for table in listed:
        content = tables.read_bytes(table.room, table.name)
        assert hashlib.sha256(content).hexdigest() == table.sha256
        assert table.made_by
        assert table.source
        assert table.licence


def test_altered_table_is_refused(tmp_path: Path, monkeypatch):
    room = tmp_path / "neorlt" / "fake" / "data"
    room.mkdir(parents=True)
    (room / "t.txt").write_text("1.0")
    (room / "MANIFEST.json").write_text(json.dumps({"t.txt": {"sha256": hashlib.sha256(b"1.1").hexdigest()}}))
    monkeypatch.setattr(tables, "_data_folder", lambda _room: room)
    tables._manifest.cache_clear()
    tables.read_bytes.cache_clear()
    try:
        with pytest.raises(tables.TableError, match="altered"):
            tables.read_bytes("fake", "t.txt")
        with pytest.raises(tables.TableError, match="not listed"):
            tables.read_bytes("fake", "u.txt")
    finally:
        tables._manifest.cache_clear()
        tables.read_bytes.cache_clear()


def test_manifest_hash_follows_content_not_order(tmp_path: Path):
    for name, text in (("a", "1"), ("b", "2")):
        (tmp_path / name).write_text(text)
    one = hash_inputs([tmp_path / "a", tmp_path / "b"])
    assert one == hash_inputs([tmp_path / "b", tmp_path / "a"]) == hash_inputs([tmp_path])
    (tmp_path / "b").write_text("3")
    assert hash_inputs([tmp_path])["sha256"] != one["sha256"]
    manifest = build_manifest("test", inputs=[tmp_path], seed=4)
    assert manifest["seed"] == 4
    assert "/" not in json.dumps(manifest["inputs"])


def test_json_refuses_numbers_that_are_not_finite():
    with pytest.raises(ValueError, match="JSON"):
        to_json({"x": float("nan")})


def test_a_folder_of_results_tells_what_went_in_and_what_came_out(tmp_path):
    source = tmp_path / "input.txt"
    source.write_text("one")
    with result_folder(tmp_path / "out", "test", inputs=[source], options={"a": 1}, seed=4) as work:
        write_json(work / "document.json", {"x": 1})
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert (run["command"], run["seed"], run["options"]) == ("test", 4, {"a": 1})
    assert run["inputs"]["files"] == [hashlib.sha256(b"one").hexdigest()]
    assert run["outputs"] == {"document.json": hashlib.sha256((tmp_path / "out" / "document.json").read_bytes()).hexdigest()}
    with pytest.raises(RuntimeError), result_folder(tmp_path / "out", "test") as work:
        raise RuntimeError
    assert json.loads((tmp_path / "out" / "run.json").read_text()) == run
