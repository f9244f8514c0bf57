"""The doors to the choice: options reach the job, JSON stands alone on stdout, sentences are for people."""

from __future__ import annotations

import json

from typer.testing import CliRunner

from neorlt.cli import app
from neorlt.jobs import adapt, benefit, optimise


def test_optimise_passes_its_limits_on(monkeypatch):
    seen = {}

    def run(patient, limits, out, **options):
        seen.update(options, limits=tuple(limits), out=out)
        return {"answer": {"sentences": ["A choice."]}, "warnings": ["not calibrated"]}

    monkeypatch.setattr(optimise, "run_optimise", run)
    result = CliRunner().invoke(app, ["optimise", "p.toml", "--limits", "surgery_week=40", "--limits", "l.toml", "--candidates", "500"])
    assert result.exit_code == 0 and seen["limits"] == ("surgery_week=40", "l.toml") and seen["n_screen"] == 500 and seen["out"] is None
    assert "A choice." in result.stdout


def test_adapt_and_benefit_print_json(monkeypatch):
    monkeypatch.setattr(adapt, "run_adapt", lambda *args, **options: {"changes": ["x"], "given": args[2], "warnings": []})
    monkeypatch.setattr(benefit, "run_benefit", lambda *args, **options: {"answer": {"sentences": ["y"]}})
    result = CliRunner().invoke(app, ["adapt", "p.toml", "--scheme", "neolupanet", "--after", "2", "--updates", "u.toml", "--json"])
    assert json.loads(result.stdout)["given"] == 2
    result = CliRunner().invoke(app, ["benefit", "--json"])
    assert json.loads(result.stdout)["answer"]["sentences"] == ["y"]
