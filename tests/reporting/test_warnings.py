"""Warnings by kind: what is merged, and that nothing is lost or merged too far."""

from __future__ import annotations

from neorlt.reporting.views.warnings import plan_warnings, warning_groups

NAMES = ("tumour-1", "tumour-2", "tumour-10", "liver", "liver-1", "spleen")


def _shown(*warnings: str) -> list[tuple[str, str, int]]:
    return [(row["text"], row["also"], row["count"]) for row in warning_groups(warnings, NAMES)]


def test_sentences_that_differ_only_in_the_region_are_said_once():
    texts = [f"Lesion {name} lies elsewhere." for name in ("tumour-1", "tumour-2", "tumour-10")]
    assert _shown(texts[0], "Something else.", *texts[1:]) == [
        ("Lesion tumour-1 lies elsewhere.", "tumour-2 and tumour-10", 3), ("Something else.", "", 1)]


def test_figures_that_go_with_the_region_are_kept():
    assert _shown("tumour-1: recovery 0.38; more than 30 % lost.", "tumour-2: recovery 0.33; more than 30 % lost.") == [
        ("tumour-1: recovery 0.38; more than 30 % lost.", "tumour-2 (0.33 instead of 0.38)", 2)]


def test_figures_alone_do_not_merge_nor_does_a_second_difference():
    assert len(_shown("9 % were left out.", "8 % were left out.")) == 2
    assert len(_shown("tumour-1 touches the liver.", "tumour-2 touches the spleen.")) == 2
    # Each differs in one place from the first, but not in the same place.
    assert len(_shown("tumour-1 touches the liver.", "tumour-2 touches the liver.", "tumour-1 touches the spleen.")) == 2
    # A name within a longer name is not that name.
    assert len(_shown("liver is small.", "liver-9 is small.")) == 2


def test_no_warning_is_lost_and_a_list_of_regions_stays_whole():
    texts = ["liver, spleen: no tail.", "tumour-1: no tail.", "liver-1: no tail.", "Read this.", "Read that."]
    groups = warning_groups(texts, NAMES)
    assert sum(row["count"] for row in groups) == len(texts)
    assert groups[0]["text"] == "liver, spleen: no tail." and groups[1]["also"] == "liver-1"
    assert warning_groups(texts, []) == [{"text": text, "also": "", "count": 1} for text in texts]


def test_names_are_those_of_the_plan():
    texts = [f"{name} is odd." for name in "abcd"]
    plan = {"lesions": [{"id": "a"}, {"id": "b"}], "organs": [{"name": "c"}], "warnings": texts}
    assert [row["also"] for row in plan_warnings(plan)] == ["b and c", ""]


def test_vessels_are_names_too():
    texts = [f"Structure {vessel!r}: 1 plane without contour was filled in." for vessel in ("SMV", "SMA")]
    plan = {"vessel_contacts": [{"vessel": "SMV"}, {"vessel": "SMA"}], "warnings": texts}
    assert [(row["text"], row["also"]) for row in plan_warnings(plan)] == [(texts[0], "SMA")]
