"""The page on the prediction's worth, the limits and the changelog state what the committed results hold, number by number."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.stats import binom

from neorlt.response.studies import read_terms

ROOT = Path(__file__).resolve().parents[2]


def read(path: str) -> Any:
    return json.loads((ROOT / path).read_text(encoding="utf-8"))


def words(path: str) -> str:
    return " ".join((ROOT / path).read_text(encoding="utf-8").split())


FIT = read("src/neorlt/response/data/posterior.json")
ROWS, CHECKS = FIT["left_out"]["rows"], FIT["checks"]["rows"]
COUNTS = [row for row in ROWS if row["kind"] == "counts"]
TERMS = {(t.study, t.id): t for t in read_terms()}
PAGE, LIMITS = words("docs/gallery/how-far-to-trust-the-prediction.md"), words("docs/limits.md")


def term(row):
    return TERMS[row["study"], row["term"]]


def ahead(row, baseline="pooled"):
    return {"counts": row.get("responders_log_score"), "lesions": sum(row.get("each", ())), "pfs": row["log_score"]}[row["kind"]] \
        - row["baselines"][baseline]


def summed(rows, baseline="pooled"):
    """Sum of differences, its standard error over rows and over studies."""
    each = [ahead(row, baseline) for row in rows]
    study = [sum(x for x, row in zip(each, rows, strict=True) if row["study"] == name) for name in {row["study"] for row in rows}]
    return sum(each), *(float(np.sqrt(len(x) * np.var(x, ddof=1))) for x in (each, study))


TREATED = [row for row in COUNTS if term(row).treatment == "rlt"]


def test_the_chains_and_weights_are_the_fits():
    found, weights = FIT["chains"], FIT["reweighting"]
    for text in (PAGE, LIMITS, words("CHANGELOG.md")):
        assert f"R-hat {found['rhat_max']:.3f}" in text
        assert f"at least {int(FIT['ess_min']):,}".replace(",", " ") + " effective draws, no divergence" in text
        assert f"k {weights['pareto_k']:.2f}" in text
    count = round(weights["effective_share"] * weights["n"])
    assert f"4 000 draws count as {count}" in PAGE and f"{count} effective of 4 000" in LIMITS
    assert f"{FIT['n_terms']} published terms of {len(FIT['studies'])} studies" in PAGE
    ks = {row["study"]: row["pareto_k"] for row in ROWS}
    for name, study in {"Hebert 2024": "hebert_2024", "Jahn 2021": "jahn_2021", "CLARINET": "clarinet", "NETTER-2": "netter2"}.items():
        assert any(f"{name} {ks[study]:{form}}" in PAGE for form in (".1f", ".2f"))
    assert sorted(FIT["left_out"]["refit_needed"]) == sorted(study for study, k in ks.items() if k > 0.7) and "Four studies have" in PAGE


def test_widths_of_intervals_are_those_of_the_arms_under_treatment():
    width = [row["ci90_pct"][1] - row["ci90_pct"][0] for row in TREATED]
    assert f"intervals {min(width):.0f} to {max(width):.0f} points wide under radioligand therapy" in PAGE
    assert f"wide, {min(width):.0f} to {max(width):.0f} points of response there" in PAGE


def test_scores_of_studies_left_out_are_told_with_their_errors():
    total, over_rows, over_studies = summed(COUNTS)
    line = summed(TREATED, "log-linear")
    assert (f"by {total:.1f} (standard error over rows {over_rows:.1f}, over studies {over_studies:.1f}), of the line by {line[0]:.1f} "
            f"({line[1]:.1f})") in PAGE
    placebo = next(row for row in COUNTS if term(row).treatment == "placebo")
    assert f"without any responder among {placebo['n']}" in PAGE and f"makes {ahead(placebo):.1f} of it" in PAGE
    total, over_rows, _ = summed(TREATED)
    assert f"over the {len(TREATED)} arms under radioligand therapy it is {total:.1f} ({over_rows:.1f})" in PAGE
    times = [row for row in ROWS if row["kind"] == "pfs" and row["baselines"]]
    total, over_rows, over_studies = summed(times)
    assert (f"{len(times)} of them have a pooled hazard beside them and score {total:.1f} above it (over rows {over_rows:.1f}, "
            f"over studies {over_studies:.1f})") in PAGE
    figures = [row for row in ROWS if row["kind"] == "lesions"]
    total, over_rows, _ = min((summed(figures, name) for name in ("pooled", "constant", "log-linear")), key=lambda x: x[0])
    assert f"together by {total:.1f} above the best of them ({over_rows:.1f} over three figures" in PAGE
    assert all(min(ahead(row, name) for name in row["baselines"]) > 0 and row["pareto_k"] > 0.7 for row in figures)


def test_coverage_misses_and_what_the_test_could_find_are_told():
    times = [row for row in ROWS if row["kind"] == "pfs"]
    for rows, least in ((COUNTS, 15), (times, 21)):
        assert f"at least {least}" in PAGE and binom.sf(least - 1, len(rows), 0.9) >= 0.99 > binom.sf(least, len(rows), 0.9)
    inside = sum(row["inside_90"] for row in times)
    assert f"Of {len(times)} times to progression {inside} lie inside" in PAGE and all(row["inside_90"] for row in COUNTS)
    missed = [row for row in times if not row["inside_90"]]
    assert "The five misses, by name" in PAGE and len(missed) == 5
    for row in missed:
        assert {"clarinet": "CLARINET", "netter1": "NETTER-1", "parghane_2021": "Parghane 2021", "promid": "PROMID"}[row["study"]] in PAGE
    pit = [FIT["left_out"][kind]["pit"] for kind in ("counts", "pfs")]
    assert f"(p {pit[0]['p']:.2f}) nor for times (p {pit[1]['p']:.2f})" in PAGE
    shift, wide = ([round(100 * p["power_at_1_pct"][name]) for p in pit] for name in ("shifted by half an SD", "half again as wide"))
    assert f"off in {shift[0]} and {shift[1]} of 100 tries" in PAGE and f"as it says in {wide[0]} and {wide[1]}" in PAGE


def test_what_is_said_of_series_beside_the_pooled_rate_is_counted():
    arms = [row for row in [*COUNTS, *CHECKS] if row["kind"] == "counts" and term(row).treatment == "rlt" and term(row).origin[0] == 1]
    above = [ahead(row) for row in arms]
    best = sum(min(ahead(row, name) for name in row["baselines"]) > 0 for row in arms)
    numbers = ("none", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
    gains = [x for x in above if x > 0]
    assert f"Of {numbers[len(arms)]} arms of pancreatic tumours alone it scored above the pooled rate in {numbers[len(gains)]}, by " \
           f"{min(gains):.1f} to {max(gains):.1f} log units" in PAGE
    assert f"in {numbers[best]} only" in PAGE and f"of {numbers[len(arms)]} arms of pancreatic tumours in {numbers[best]}" in LIMITS
    book = {row["name"]: row for row in read("src/neorlt/data/validation.json")["results"]}
    series = [row for name, row in book.items() if name.endswith("_response") or name == "waldherr2002"]
    won = sum(row["log_score"] > row["log_score_baseline"] for row in series)
    assert len(series) == 4 and f"validation book, in {numbers[won]}" in PAGE and f"without mechanism in {numbers[won]}" in LIMITS
    assert f"holds {numbers[sum('miss' in row['verdict'] for row in book.values())]} misses" in LIMITS
    tell = sum(row["could_discriminate"] for row in book.values())
    assert f"Only {numbers[tell]} of its {len(book)} entries" in LIMITS
    ha = next(row for row in CHECKS if row["study"] == "ha_2024")
    asked = book["ha2024"]["readings"]["as read"]["log_score_per_lesion"]
    assert f"({ha['log_score_per_lesion']:.2f} a lesion here as read; {asked:.2f} in the book" in PAGE


REFITS = read("validation/synthesis_refits.json")["refits"]
NAMES = {"hebert_2024": "Hebert 2024", "jahn_2021": "Jahn 2021", "netter2": "NETTER-2", "clarinet": "CLARINET"}


def test_a_refit_says_whether_it_meets_the_rule():
    for study, one in REFITS.items():
        assert (f"| {NAMES[study]} | {one['rhat_max']:.3f} | {one['ess_bulk_min']:.0f}, {one['ess_tail_min']:.0f} | {one['divergences']} | "
                f"{one['pareto_k']:.2f} |") in PAGE
        assert min(one["ess_bulk_min"], one["ess_tail_min"]) < 1000 and one["rhat_max"] > 1.01 and "They miss the house's rule" in PAGE
    waiting = [NAMES[study] for study in FIT["left_out"]["refit_needed"] if study not in REFITS]
    assert waiting == ["CLARINET"] and "the two rows of CLARINET still wait" in PAGE


def test_refits_are_told_as_they_are():
    netter = REFITS["netter2"]["rows"]
    assert len(netter) == 12 and all(row["inside_90"] for row in netter) and "all twelve rows lie inside" in PAGE
    third = {row["kind"]: row for row in netter if "G3" in row["term"]}
    low, high = third["counts"]["ci90_pct"]
    assert f"({third['counts']['seen']} of {third['counts']['n']} responded, {low:.0f}-{high:.0f} % said" in PAGE
    low, _, high = third["pfs"]["predicted"]
    assert f"at {third['pfs']['month']:g} months, {100 * low:.0f}-{100 * high:.0f} % said)" in PAGE
    weighed = {(row["study"], row["term"]): row for row in ROWS}
    gains = []
    for study, name in (("hebert_2024", "odd half"), ("jahn_2021", "figure 7B"), ("jahn_2021", "figure 7A")):
        row = next(row for row in REFITS[study]["rows"] if row["term"] == name)
        best = max(row["baselines"].values())
        assert f"{sum(row['each']):.1f} ({sum(weighed[study, name]['each']):.1f} by weights, {best:.1f}" in PAGE
        assert sum(row["each"]) > best
        gains.append({other: sum(row["each"]) - value for other, value in row["baselines"].items()})
        inside, p = round(row["inside_50_80_90"][2] * row["n"]), row["pit_uniform"]["p"]
        told = {"odd half": f"and {inside} lie inside", "figure 7B": f"{inside} of {row['n']} inside 90 %, PIT rejected (p {p:.3f})",
                "figure 7A": f"**{inside} of {row['n']} inside 90 %**"}
        assert told[name] in PAGE
        if name == "figure 7A":
            least = max(k for k in range(24) if binom.sf(k - 1, row["n"], 0.9) >= 0.99)
            assert inside < least and f"at least {least} in 99 of 100 cases: without" in PAGE and f"rejected, p {p:.2f}" in PAGE
            assert f"in {100 * row['pit_uniform']['power_at_1_pct']['shifted by half an SD']:.0f} of 100 tries). So the" in PAGE
    each = min(([gain[name] for gain in gains] for name in gains[0]), key=sum)
    assert f"by chains that did not see them, below, by {sum(each):.1f} ({np.sqrt(3 * np.var(each, ddof=1)):.1f})" in PAGE


def test_parameters_that_contradict_their_prior_are_told():
    far = {name: row["prior_z_median"] for name, row in FIT["contraction"].items() if abs(row["prior_z_median"]) > 2}
    assert set(far) == {"doubling_time_d", "growth_log_sd", "exit_per_month", "exit_ratio_rlt"}
    assert all(f"({z:+.1f}" in PAGE for z in far.values())
    low, high = FIT["summary"]["doubling_time_d"]["ci90"]
    days = f"{low:,.0f} to {high:,.0f} days".replace(",", " ")
    assert days in PAGE and days in LIMITS


def test_planted_faults_are_told_with_what_chance_makes_of_their_power():
    sbc = read("validation/synthesis_sbc.json")
    for name, row in sbc["faults"].items():
        assert f"{name}: {'found' if row['found'] else 'not found'} (power {row['power']:.2f})" in PAGE
    assert f"any fault the estimate is {sbc['power_if_uniform']:.2f}" in PAGE
    assert f"{sbc['sound']['divergences']} moves of {sbc['n'] * sbc['n_samples']:,}".replace(",", " ") in PAGE


@pytest.mark.parametrize("kind", ["counts", "pfs"])
def test_rows_that_were_never_fitted_are_counted(kind):
    rows = [row for row in CHECKS if row["kind"] == kind]
    inside = sum(row["inside_90"] for row in rows)
    assert (len(rows), inside) == {"counts": (10, 10), "pfs": (9, 8)}[kind]
    assert "All ten arms lie inside and eight of nine times to progression" in PAGE
    if kind == "counts":
        assert len({row["study"] for row in rows}) == 6 and "the arms are of six studies" in PAGE


def test_a_fit_with_another_seed_is_told_as_it_is():
    seeds = read("validation/synthesis_seeds.json")
    assert seeds["posterior_hash"] == FIT["posterior_hash"] and seeds["seed"] != FIT["seed"] and seeds["divergences"] == 0
    assert f"chains of {seeds['n_samples']} draws, R-hat {seeds['rhat_max']:.3f}, no divergence" in PAGE and seeds["n_chains"] == 2
    assert f"none of {seeds['n']} parameters" in PAGE and seeds["p_largest"] > 0.01
    assert f"{abs(seeds['largest']['z']):.1f} errors off (p {seeds['p_largest']:.2f})" in PAGE
    assert f"more than {seeds['largest_difference_sd']:.2f} of its" in PAGE
