from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from neorlt.core.errors import InputError
from neorlt.reporting import render_report
from neorlt.reporting.views.front import label_class

from .page import Page, read
from .synthetic_plan import synthetic_pictures, synthetic_plan


@pytest.fixture(scope="module")
def html() -> str:
    return render_report(synthetic_plan(), synthetic_pictures(48))


@pytest.fixture(scope="module")
def page(html: str) -> Page:
    return read(html)


def _small_plan() -> dict[str, Any]:
    plan = synthetic_plan()
    plan["schemes"], plan["lesions"], plan["organs"] = plan["schemes"][3:4], plan["lesions"][1:2], plan["organs"][:1]
    plan["curves"], plan["dvh"] = plan["curves"][:1], plan["dvh"][:1]
    plan["schemes"][0]["trajectory"].pop("platelets")
    return plan


def test_no_part_of_the_page_asks_for_anything_outside(page: Page) -> None:
    for tag, name, value in page.attributes:
        if name in {"src", "srcset", "poster", "data", "action", "formaction", "background", "xlink:href", "ping"}:
            assert value.startswith("data:image/png;base64,"), (tag, name, value[:60])
        if name == "href":
            assert value.startswith("#") or (tag == "a" and value.startswith("https://")), (tag, value[:60])
        if name == "style":
            assert "url(" not in value or "url(#" in value
    assert not page.tags["script"]
    assert not page.tags["link"]
    assert not page.tags["iframe"]
    assert "@import" not in page.css
    assert "url(" not in page.css
    policy = next(attributes["content"] for tag, attributes in page.elements if attributes.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "script-src" not in policy


def test_roles_and_scale_stand_in_the_report(html: str) -> None:
    roles = html[html.index('id="roles"') : html.index('id="conflicts"')]
    assert re.search(r"X7.*other.*no type, code or word says what it is.*4.0.*SEG", roles, re.DOTALL)
    ledger = re.sub(r"</?bdi[^>]*>", "", html[html.index('id="ledger"') : html.index('id="words"')])
    assert re.search(r"calibration.*8\.9 cps/MBq.*cps_per_mbq.*phantom of 2026-01-02", ledger, re.DOTALL)
    assert "0028,0010" not in ledger  # counted, and kept in plan.json
    assert "1 more attribute of its files stands there" in ledger


def test_ids_are_unique_and_every_reference_has_its_target(html: str, page: Page) -> None:
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))
    wanted = {value[1:] for _, name, value in page.attributes if name == "href" and value.startswith("#")}
    wanted |= {item for _, name, value in page.attributes if name == "aria-labelledby" for item in value.split()}
    wanted |= set(re.findall(r"url\(#([^)]+)\)", html))
    assert wanted <= set(ids)


def test_a_reader_who_cannot_see_gets_titles_scopes_and_alternatives(page: Page) -> None:
    for tag, attributes in page.elements:
        if tag == "th":
            assert attributes.get("scope") in {"row", "col"}
        if tag == "img":
            assert len(attributes["alt"]) > 40
        if tag == "svg":
            assert attributes["role"] == "img"
            assert attributes["aria-labelledby"]
    assert page.tags["h1"] == 1
    assert page.tags["main"] == 1
    assert dict(page.elements)["html"]["lang"] == "en"


def test_sections_stand_in_the_order_in_which_a_board_reads(page: Page) -> None:
    ids = [attributes["id"] for tag, attributes in page.elements if tag == "section"]
    assert ids == [
        "decision",
        "answer",
        "warnings",
        "schemes",
        "vessels",
        "figures",
        "lesions",
        "organs",
        "roles",
        "conflicts",
        "curves",
        "uncertainty",
        "pictures",
        "dvh",
        "assumed",
        "ledger",
        "words",
        "citations",
        "run",
    ]


def test_the_numbers_of_the_plan_are_on_the_page(page: Page) -> None:
    text = page.text.replace("\u00a0", " ")
    assert "44 % over 28 Gy" in text
    assert "41 %" in text
    assert "(18–72 %)" in text
    assert "−14 %" in text
    assert "(−27 to −1)" in text
    assert "7 of 19" in text
    assert "16 % to 62 %" in text
    assert "vessel contact after CAPTEM has no published data" in text
    assert "Synthetic data." in text
    assert "Contact with SMV 220° (irregular)." in text
    assert "Longest diameter (mm) of primary" in text


def test_no_probability_is_shown_as_certain() -> None:
    plan = _small_plan()
    plan["schemes"][0].update(
        p_objective_response=1.0, p_objective_response_ci90=[0.0, 1.0], p_resectable=0.0, p_resectable_ci90=[0.0, 0.0]
    )
    text = read(render_report(plan)).text.replace("\u00a0", " ")
    table = text[text.index("What each scheme would do") : text.index("The schemes in pictures")]
    assert "> 99 %" in table
    assert "< 1 %" in table
    assert " 100 %" not in table
    assert not re.search(r"(?<![\d.])0 %", table)


def test_page_prints_and_follows_light_and_dark(page: Page) -> None:
    assert "@media print" in page.css
    assert "@page" in page.css
    assert "break-inside: avoid" in page.css
    assert "prefers-color-scheme: dark" in page.css
    assert page.css.count("{") == page.css.count("}")


def test_figures_follow_the_page_colours_but_not_on_paper(html: str) -> None:
    figures = "".join(re.findall(r"<svg.*?</svg>", html, flags=re.DOTALL))
    assert "var(--accent)" in figures
    assert "#17598a" not in figures
    paper = "".join(re.findall(r"<svg.*?</svg>", render_report(_small_plan(), for_paper=True), flags=re.DOTALL))
    assert "var(--" not in paper
    assert "#17598a" in paper


def test_the_same_plan_gives_the_same_bytes() -> None:
    pictures = synthetic_pictures(32)[:1]
    assert render_report(_small_plan(), pictures) == render_report(_small_plan(), pictures)


@pytest.mark.parametrize("kept", [("schemes",), ("lesions",), ("organs",), ("schemes", "patient", "lesions")])
def test_absent_blocks_are_left_out(kept: tuple[str, ...]) -> None:
    plan = {key: value for key, value in _small_plan().items() if key in kept}
    page = read(render_report(plan))
    assert "None" not in page.text


def test_bare_scheme_says_what_is_not_available() -> None:
    text = read(render_report({"schemes": [{"name": "X", "p_resectable": None, "reason": "no primary is given"}]})).text
    assert "not available" in text
    assert "no primary is given" in text


def test_nadir_with_its_interval_beside_and_a_track_with_its_own_weeks() -> None:
    scheme = {
        "name": "2 x 177Lu",
        "cycles": [{"week": 0, "activity_gbq": {"Lu-177": 7.4}}],
        "platelets_nadir": {"value_e9_per_l": 103.1, "ci90": [36.0, 166.9], "week": 5.3, "p_grade34": 0.106},
        "trajectory": {"week": [0, 4], "platelets": {"week": [0, 5, 10], "median_e9_per_l": [230, 103, 200]}},
        "lesion_dose_gy": {"primary": {"median": 44.0, "ci90": [18.0, 110.0]}},
    }
    text = read(render_report({"schemes": [scheme]})).text.replace("\u00a0", " ")
    assert "100 (40–170)" in text
    assert "11 % grade" in text
    assert "Platelets over the weeks" in text
    assert "44 Gy (18–110)" in text
    assert "2 × 177Lu" in text


def test_empty_plan_is_refused_with_a_remedy() -> None:
    with pytest.raises(InputError, match="plan.json"):
        render_report({"schemes": [], "notice": "x"})


def test_label_that_a_column_shares_stands_in_its_head_once() -> None:
    plan = synthetic_plan()
    plan = {"schemes": plan["schemes"][:2]}
    for scheme in plan["schemes"]:
        scheme["labels"] = {"p_objective_response": "checked"}
        scheme.pop("trajectory")
    html = render_report(plan)
    # once in the column head, once in the legend
    assert html.count(f'<span class="label {label_class("checked")}">checked</span>') == 2
    plan["schemes"][0]["labels"] = {"p_objective_response": "assumption"}
    html = render_report(plan)
    assert html.count(f'<span class="label {label_class("checked")}">checked</span>') == 2
    assert html.count(f'<span class="label {label_class("assumption")}">assumption</span>') == 2


def test_javascript_address_never_becomes_a_link() -> None:
    plan = {
        "lesions": _small_plan()["lesions"],
        "citations": [
            {"key": "a", "text": "A", "url": "javascript:alert(1)"},
            {"key": "b", "text": "B", "url": 'https://x.org/" onclick="x'},
        ],
    }
    page = read(render_report(plan))
    assert all(value.startswith("#") for tag, name, value in page.attributes if name == "href")


def _replace_texts(value: Any, text: str) -> Any:
    if isinstance(value, str):
        return text
    if isinstance(value, dict):
        # Keys that name nuclides and labels come from the file too.
        return {(text if key == "Y-90" else key): _replace_texts(item, text) for key, item in value.items()}
    if isinstance(value, list):
        return [_replace_texts(item, text) for item in value]
    return value


_HOSTILE = st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "'--></style></svg><svg/onload=alert(1)>",
        "]]></desc><script>",
        "</title><script>",
        "$\\frac{1$ <b>",
        "{{ 7*7 }}",
        "&lt;script&gt;",
        "\x00\x1b\ud800<i>",
        "url(http://a.b/c)",
        '\\"; } body { background: url(//a.b) }',
        "#17598a",
    ]
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow], derandomize=True)
@given(st.one_of(_HOSTILE, st.text(min_size=1, max_size=12), st.tuples(_HOSTILE, st.text(max_size=5)).map("".join)))
def test_hostile_text_never_becomes_markup(text: str) -> None:
    small = {
        key: _small_plan()[key]
        for key in (
            "notice",
            "synthetic",
            "neorlt",
            "patient",
            "answer",
            "schemes",
            "baseline_rates",
            "lesions",
            "curves",
            "dvh",
            "assumptions",
            "warnings",
            "citations",
            "sources",
        )
    }
    small["schemes"][0].pop("trajectory")
    small["schemes"][0].pop("kidney_bed_gy")
    benign = read(render_report(_replace_texts(small, "word")))
    html = render_report(_replace_texts(small, text))
    hostile = read(html)
    html.encode("utf-8")
    for tag in ("script", "img", "b", "i", "style", "svg", "section", "table", "title"):
        assert hostile.tags[tag] == benign.tags[tag], tag
    assert not [name for _, name, _ in hostile.attributes if name.startswith("on")]
    assert hostile.css.count("{") == benign.css.count("{")


def test_importing_the_room_loads_neither_matplotlib_nor_jinja2() -> None:
    code = "import sys, neorlt.reporting; print([m for m in ('matplotlib', 'jinja2', 'weasyprint') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
