"""Figures of a cohort: survival with numbers at risk, cumulative incidence, forest, waterfall, swimmer, balance, flow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from neorlt.drawing.axes import at_row_end, below, legend_above, level, light_grid, log_ticks, rows_down, span
from neorlt.drawing.palette import colour, dash, series
from neorlt.drawing.svg import WIDTH_PX, drawing, new_figure, to_svg
from neorlt.reporting.views.cells import block, maps
from neorlt.reporting.views.cohort import GROUPS

RESPONSE_COLOURS = {"CR": "good", "PR": "c3", "SD": "bar", "PD": "warn", "NE": "line"}
RESPONSE_WORDS = {"CR": "complete", "PR": "partial", "SD": "stable", "PD": "progression", "NE": "not evaluated"}
BARS_APART = 150
"""Up to so many patients a waterfall has bars; beyond, it is one outline."""


def _months(axes: Any, zero: str) -> None:
    axes.set_xlabel(f"months from {zero}")
    axes.set_xlim(left=0)


def _at_share(part: Mapping[str, Any], month: float) -> float:
    """Height of a curve (0 to 1) at a month."""
    reached = [float(s) for t, s in zip(part.get("time", []), part.get("survival", []), strict=True) if t <= month]
    return reached[-1] if reached else 1.0


def survival(curve: Mapping[str, Any], name: str, extra_events: str = "event-free") -> str:
    """Kaplan–Meier curves of the groups with 95 % bands and, below them, the numbers at risk."""
    groups = block(curve.get("groups"))
    end = max(float(block(g).get("end", 1.0)) for g in groups.values())
    with drawing(name):
        rows = len(groups)
        figure = new_figure(330 + 22 * rows, margins_px=(150, 16, 30, 82 + 22 * rows))
        axes = figure.subplots()
        said = []
        for k, (group, raw) in enumerate(groups.items()):
            part = block(raw)
            time, alive = list(part.get("time", [])), list(part.get("survival", []))
            low, high = list(part.get("low", [])), list(part.get("high", []))
            last = float(part.get("end", end))
            x = [0.0, *time, last]
            axes.step(
                x,
                [100.0, *(100 * v for v in alive), 100 * (alive[-1] if alive else 1.0)],
                where="post",
                color=series(k),
                ls=dash(k),
                label=f"{GROUPS.get(group, group)} ({part.get('events')} of {part.get('n')})",
            )
            known = [(t, a, b) for t, a, b in zip(time, low, high, strict=True) if a is not None and b is not None]
            if known:
                t, a, b = (np.array(v, float) for v in zip(*known, strict=True))
                axes.fill_between(
                    np.append(t, last), 100 * np.append(a, a[-1]), 100 * np.append(b, b[-1]), step="post", color=series(k), alpha=0.14, lw=0
                )
            at = block(part.get("at_risk"))
            for month, n in zip(at.get("months", []), at.get("n", []), strict=True):
                if month <= end:
                    below(axes, month, 66 + 22 * k, f"{n}", series(k))
            below(axes, None, 66 + 22 * k, GROUPS.get(group, group).replace(" first", ""), series(k))
            said.append(f"{GROUPS.get(group, group)}: {part.get('events')} events among {part.get('n')} patients")
        below(axes, None, 46, "at risk", colour("muted"))
        ticks: list[float] = max((block(g).get("at_risk", {}).get("months", []) for g in groups.values()), key=len, default=[])
        if ticks:
            axes.set_xticks(ticks)
        axes.set_ylim(0, 103)
        axes.set_xlim(0, end * 1.02)
        axes.set_ylabel(f"{extra_events} (%)")
        axes.set_xlabel(f"months from {curve.get('time_zero')}")
        light_grid(axes)
        axes.legend(loc="lower left" if any(_at_share(block(raw), 0.55 * end) > 0.75 for raw in groups.values()) else "upper right")
        return to_svg(figure, name, f"{curve.get('title')} by group", "; ".join(said) + ".")


def incidence(curve: Mapping[str, Any], name: str) -> str:
    """Cumulative incidence of the causes that compete, one panel a group, stacked so that they add up."""
    groups = block(curve.get("incidence"))
    with drawing(name):
        figure = new_figure(300, margins_px=(56, 12, 34, 46), gaps_px=(28, 0), grid=(1, max(len(groups), 1)))
        panels = np.atleast_1d(figure.subplots(1, max(len(groups), 1), sharey=True))
        said = []
        for axes, (group, raw) in zip(panels, groups.items(), strict=True):
            part = block(raw)
            time = np.array([0.0, *part.get("time", [])], float)
            end = float(block(block(curve.get("groups")).get(group)).get("end", time[-1]))
            base = np.zeros(len(time) + 1)
            for k, (cause, values) in enumerate(block(part.get("causes")).items()):
                y = 100 * np.array([0.0, *values, values[-1] if len(values) else 0.0], float)
                x = np.append(time, max(end, time[-1]))
                axes.fill_between(x, base, base + y, step="post", color=series(2 * k + 1), alpha=0.32, lw=0, label=cause)
                axes.step(x, base + y, where="post", color=series(2 * k + 1), lw=1.3)
                base = base + y
                said.append(f"{GROUPS.get(group, group)}, {cause}: {y[-1]:.0f} % at the end of follow-up")
            axes.set_title(GROUPS.get(group, group))
            axes.set_ylim(0, max(20.0, min(102.0, 1.15 * float(base.max()))))
            light_grid(axes)
            _months(axes, str(curve.get("time_zero")))
        top = max(axes.get_ylim()[1] for axes in panels)
        panels[0].set_ylim(0, top)
        panels[0].set_ylabel("cumulative incidence (%)")
        panels[0].legend(loc="upper left")
        return to_svg(figure, name, f"{curve.get('title')}: causes that compete", "; ".join(said) + ".")


def forest(rows: Sequence[Mapping[str, Any]], name: str, title: str) -> str:
    """Hazard ratios with 95 % intervals on a log scale; the numbers stand at the right."""
    with drawing(name):
        figure = new_figure(84 + 36 * len(rows), margins_px=(330, 190, 14, 52))
        axes = figure.subplots()
        values = [v for row in rows for v in (*row["ci95"], row["hazard_ratio"]) if v and np.isfinite(v)]
        low, high = min(0.5, *values) * 0.85, max(2.0, *values) * 1.15
        axes.set_xscale("log")
        axes.set_xlim(max(low, 0.02), min(high, 50.0))
        for y, row in enumerate(rows):
            a, b = row["ci95"]
            span(axes, y, a, b, row["hazard_ratio"], "accent")
            at_row_end(axes, y, f"{row['hazard_ratio']:.2f} ({a:.2f} to {b:.2f})")
        axes.axvline(1.0, color=colour("ink"), lw=1.0)
        rows_down(axes, [str(row["text"]) for row in rows])
        log_ticks(axes, [t for t in (0.1, 0.2, 0.5, 1, 2, 5, 10) if axes.get_xlim()[0] <= t <= axes.get_xlim()[1]])
        axes.set_xlabel("hazard ratio of death (left of 1: fewer deaths)")
        light_grid(axes, "x")
        return to_svg(
            figure,
            name,
            title,
            "; ".join(f"{row['text']}: {row['hazard_ratio']:.2f} ({row['ci95'][0]:.2f} to {row['ci95'][1]:.2f})" for row in rows) + ".",
        )


def waterfall(rows: Sequence[Mapping[str, Any]], name: str = "waterfall") -> str:
    """Best change of the sum of diameters of every patient, in order, coloured by best response."""
    with drawing(name):
        figure = new_figure(320, margins_px=(64, 56, 14, 40))
        axes = figure.subplots()
        change = np.array([float(row["best_change_pct"]) for row in rows])
        codes = [str(row["response"]) for row in rows]
        for code in ("CR", "PR", "SD", "PD", "NE"):
            index = np.flatnonzero([c == code for c in codes])
            if not index.size:
                continue
            label = f"{RESPONSE_WORDS[code]} ({index.size})"
            if len(rows) <= BARS_APART:
                axes.bar(index, change[index], width=0.86, color=colour(RESPONSE_COLOURS[code]), label=label)
            else:
                # Too many for bars: each class fills its own steps of one outline.
                heights = np.zeros(len(rows))
                heights[index] = change[index]
                axes.fill_between(np.arange(len(rows)), heights, step="mid", color=colour(RESPONSE_COLOURS[code]), lw=0, label=label)
        for change_pct, words in ((-30.0, "−30 %"), (20.0, "+20 %")):
            level(axes, y=change_pct, words=words)
        axes.axhline(0.0, color=colour("ink"), lw=0.9)
        axes.set_xticks([])
        axes.set_xlim(-1, len(rows))
        axes.set_ylim(max(-106.0, min(-40.0, 1.08 * float(change.min()))), max(30.0, min(160.0, 1.08 * float(change.max()))))
        axes.set_xlabel(f"{len(rows)} patients with a scan before surgery")
        axes.set_ylabel("best change of the sum (%)")
        light_grid(axes)
        axes.legend(loc="lower left")
        return to_svg(
            figure,
            name,
            "Best change of the sum of diameters",
            f"{int((change <= -30).sum())} of {len(rows)} patients shrank by 30 % or more.",
        )


def swimmer(document: Mapping[str, Any], name: str = "swimmer") -> str:
    """Follow-up of single patients: treatment, response, surgery, progression, death."""
    rows = maps(document.get("rows"))
    with drawing(name):
        figure = new_figure(88 + 9.0 * len(rows), margins_px=(20, 16, 40, 46))
        axes = figure.subplots()
        marks = (
            ("response", "o", "good", "first response"),
            ("surgery", "D", "accent", "surgery"),
            ("progression", "v", "warn", "progression"),
        )
        for y, row in enumerate(rows):
            axes.barh(y, row["end"], height=0.62, color=colour("tint"), lw=0)
            if row["treatment_from"] is not None:
                until = row["treatment_to"] if row["treatment_to"] is not None else row["treatment_from"]
                axes.barh(y, max(until - row["treatment_from"], 0.3), left=row["treatment_from"], height=0.62, color=colour("bar"), lw=0)
        for key, marker, hue, words in marks:
            points = [(row[key], y) for y, row in enumerate(rows) if row[key] is not None]
            if points:
                axes.plot(*zip(*points, strict=True), marker, ms=4.6, color=colour(hue), lw=0, label=words)
        dead = [(row["end"], y) for y, row in enumerate(rows) if row["died"]]
        alive = [(row["end"], y) for y, row in enumerate(rows) if not row["died"]]
        if dead:
            axes.plot(*zip(*dead, strict=True), "x", ms=5.4, mew=1.5, color=colour("ink"), lw=0, label="death")
        if alive:
            axes.plot(*zip(*alive, strict=True), ">", ms=4.2, color=colour("rule"), lw=0, label="alive when last seen")
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
        axes.set_ylim(len(rows) - 0.3, -0.9)
        _months(axes, "baseline scan (stronger colour: under radioligand therapy)")
        light_grid(axes, "x")
        legend_above(axes, 5, handletextpad=0.2, columnspacing=1.4)
        return to_svg(figure, name, "Follow-up of single patients", f"{document.get('shown')} of {document.get('of')} patients.")


def balance(found: Mapping[str, Any], names: Mapping[str, str], name: str = "balance") -> str:
    """Absolute standardised differences of the covariates before and after weighting and matching."""
    rows = [str(n) for n in found.get("names", [])]
    with drawing(name):
        figure = new_figure(92 + 34 * len(rows), 660, margins_px=(210, 16, 14, 50))
        axes = figure.subplots()
        y = np.arange(len(rows))
        for key, marker, hue, words in (
            ("before", "o", "rule", "as treated"),
            ("weighted", "s", "accent", "weighted"),
            ("matched", "^", "c2", "matched"),
        ):
            if found.get(key) is not None:
                axes.plot(np.abs(np.array(found[key], float)), y, marker, color=colour(hue), ms=7, label=words)
        level(axes, x=0.1)
        rows_down(axes, [names.get(row, row) for row in rows])
        axes.set_xlim(left=-0.005)
        axes.set_xlabel("absolute standardised difference (balanced: below 0.1)")
        light_grid(axes, "x")
        axes.legend(loc="best")
        return to_svg(figure, name, "Balance of the groups", "Standardised differences before and after weighting.")


def flow(groups: Mapping[str, Any], name: str = "flow") -> str:
    """Patients of each group at each step, as boxes with arrows; who left is written beside."""
    columns = {group: [s for s in maps(steps) if s.get("n") is not None] for group, steps in groups.items()}
    depth = max(len(steps) for steps in columns.values())
    width = WIDTH_PX / 2 if len(columns) > 1 else 520
    with drawing(name):
        total = width * max(len(columns), 1)
        figure = new_figure(62 * depth, total, margins_px=(4, 4, 4, 4))
        axes = figure.subplots()
        axes.set_axis_off()
        axes.set_xlim(0, total)
        axes.set_ylim(62 * depth, 0)
        said = []
        for column, (_, steps) in enumerate(columns.items()):
            left = column * width + 12
            for k, step in enumerate(steps):
                y = 8 + 62 * k
                from matplotlib.patches import FancyBboxPatch

                axes.add_patch(
                    FancyBboxPatch(
                        (left, y), 270, 36, boxstyle="round,pad=0,rounding_size=4", fc=colour("panel"), ec=colour("rule"), lw=0.9
                    )
                )
                axes.text(left + 12, y + 18, str(step["step"]), va="center", fontsize=12, color=colour("ink"))
                axes.text(left + 258, y + 18, str(step["n"]), va="center", ha="right", fontsize=13, weight="bold", color=colour("ink"))
                said.append(f"{step['step']} {step['n']}")
                if k:
                    axes.annotate("", (left + 40, y), xytext=(left + 40, y - 26), arrowprops={"arrowstyle": "->", "color": colour("rule")})
                    share = 100.0 * int(step["n"]) / max(int(steps[0]["n"]), 1)
                    axes.text(left + 284, y + 18, f"{share:.0f} % of planned", va="center", fontsize=11, color=colour("muted"))
        return to_svg(figure, name, "Flow of patients", "; ".join(said) + ".")
