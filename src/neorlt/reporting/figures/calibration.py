"""Figures of the response model's calibration: what the data taught it, how well it predicts what it has not seen.

They read the report that ``neorlt calibrate`` writes (``posterior.json``), never the model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.drawing.axes import light_grid, log_ticks
from neorlt.drawing.palette import LIGHT
from neorlt.drawing.svg import drawing, new_figure, to_svg

LABELS = {
    "alpha_per_gy": "effective sensitivity α (1/Gy)",
    "omega_alpha": "spread of α between lesions (log-SD)",
    "residual_fraction": "what stays when all cells are dead",
    "clearance_half_life_d": "clearance of dead cells, T½ (days)",
    "activity_log_sd": "unevenness of activity (log-SD)",
    "sigma_d": "measuring error of a diameter (log-SD)",
    "doubling_time_d": "doubling time of volume, untreated (days)",
    "study_log_sd": "spread of α·dose between studies (log-SD)",
}
LOG_AXIS = {"alpha_per_gy": (0.01, 0.1, 1.0), "clearance_half_life_d": (10.0, 30.0, 100.0), "doubling_time_d": (300.0, 1000.0, 3000.0)}


def draw_prior_posterior(prior: Mapping[str, NDArray[Any]], posterior: Mapping[str, NDArray[Any]]) -> str:
    """Return densities of the main parameters before and after the data, as SVG.

    Parameters
    ----------
    prior, posterior
        Draws ``(draw,)`` by parameter name.

    """
    with drawing("prior-posterior"):
        figure = new_figure(430, grid=(2, 4), margins_px=(16, 16, 34, 46), gaps_px=(22, 74))
        axes = np.ravel(figure.subplots(2, 4))
        for axis, (name, label) in zip(axes, LABELS.items(), strict=True):
            before, after = (np.asarray(x[name], np.float64) for x in (prior, posterior))
            turn = np.log10 if name in LOG_AXIS else np.asarray
            low, high = np.quantile(np.concatenate([turn(before), turn(after)]), [0.002, 0.998])
            bins = np.linspace(low, high, 41)
            for values, colour, style in ((before, LIGHT["muted"], "--"), (after, LIGHT["ink"], "-")):
                count, _ = np.histogram(turn(values), bins, density=True)
                centre = (bins[1:] + bins[:-1]) / 2
                x = 10**centre if name in LOG_AXIS else centre
                axis.plot(x, count, color=colour, linestyle=style)
            if name in LOG_AXIS:
                log_ticks(axis, LOG_AXIS[name])
            axis.set_yticks([])
            axis.spines["left"].set_visible(False)
            axis.set_title(label.replace(" (", "\n("), fontsize=10, fontweight="normal", pad=4)
        axes[0].plot([], [], color=LIGHT["muted"], linestyle="--", label="prior")
        axes[0].plot([], [], color=LIGHT["ink"], label="posterior")
        figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=2)
        return to_svg(figure, "prior-posterior", "What the studies taught the model",
                      "Densities of eight parameters before (dashed) and after (solid) the fit.")


def draw_studies_left_out(report: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return each arm and each progression-free share with the 90 % interval predicted without its study, as SVG.

    A hazard ratio is no share and stands in the table alone.

    Parameters
    ----------
    report
        Content of the ``posterior.json`` of a fit of the synthesis; reads ``left_out``.
    titles
        Title of every study (:func:`neorlt.response.studies.titles`).

    """
    rows: Sequence[Mapping[str, Any]] = report["left_out"]["rows"]
    arms = [(_named(row, titles), 100 * row["seen"] / row["n"], row["predicted_pct"], row["ci90_pct"], row["inside_90"])
            for row in rows if row["kind"] == "counts"]
    shares = [(f"{_named(row, titles)}, {row['month']:g} mo", 100 * row["seen"], 100 * row["predicted"][1],
               [100 * row["predicted"][0], 100 * row["predicted"][2]], row["inside_90"])
              for row in rows if row["kind"] == "pfs" and row["statistic"] != "hazard_ratio"]
    with drawing("studies-left-out"):
        figure = new_figure(80 + 17 * max(len(arms), len(shares)), grid=(1, 2), margins_px=(208, 12, 34, 46), gaps_px=(236, 0))
        left, right = figure.subplots(1, 2)
        for axis, some, said in ((left, arms, "responders (%)"), (right, shares, "free of progression (%)")):
            some.sort(key=lambda one: one[2])
            for at, (_, seen, centre, interval, inside) in enumerate(some):
                axis.plot(interval, [at, at], color=LIGHT["rule"], linewidth=5, solid_capstyle="butt")
                axis.plot(centre, at, "|", color=LIGHT["muted"], markersize=9)
                axis.plot(seen, at, "o" if inside else "X", color=LIGHT["ink"], markersize=4 if inside else 7)
            axis.set_yticks(range(len(some)), [one[0] for one in some], fontsize=8.5)
            axis.set_ylim(-0.7, max(len(arms), len(shares)) - 0.3)
            axis.set_xlim(-2, 102)
            axis.set_xticks([0, 25, 50, 75, 100])
            axis.set_xlabel(said)
            axis.set_title(f"{sum(one[4] for one in some)} of {len(some)} inside 90 %", pad=8)
            light_grid(axis)
        return to_svg(figure, "studies-left-out", "Arms predicted without their study",
                      "Bars: 90 % interval with its centre; dots: seen inside it; crosses: seen outside it.")


def _named(row: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Study and arm as a reader would write them; what is counted stands on the axis."""
    study = titles[row["study"]].split(":")[0].split(",")[0]
    arm = row["term"].split(": ")[0]
    return study if arm in ("all", "evaluable") else f"{study}, {arm}"


def draw_studies_pit(report: Mapping[str, Any], titles: Mapping[str, str]) -> str:
    """Return the distribution of the PIT of studies that were left out, by kind of outcome, each with its band, as SVG.

    The band holds 90 % of the curves of a model that is right (independent uniform values; pointwise, from the binomial). Terms of one
    study share its effect, lesions of one figure more so: the band is a guide.

    Parameters
    ----------
    report
        Content of the ``posterior.json`` of a fit of the synthesis; reads ``left_out``.
    titles
        Title of every study (:func:`neorlt.response.studies.titles`).

    """
    rows: Sequence[Mapping[str, Any]] = report["left_out"]["rows"]
    panels = [(title, [row["pit"][0] for row in rows if row["kind"] == kind])
              for title, kind in (("Response of arms", "counts"), ("Progression", "pfs"))]
    panels += [(_named(row, titles), row["pit"]) for row in rows if row["kind"] == "lesions"]
    with drawing("studies-pit"):
        figure = new_figure(250, grid=(1, len(panels)), margins_px=(50, 12, 46, 46), gaps_px=(26, 0))
        axes = figure.subplots(1, len(panels), sharey=True)
        for axis, (title, values) in zip(axes, panels, strict=True):
            pit_panel(axis, values)
            axis.set_title(f"{title.replace(', ', chr(10))}\n{len(values)} values", fontsize=10, fontweight="normal", pad=5)
            axis.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
            axis.set_xlabel("")
            axis.set_ylabel("")
        axes[0].set_ylabel("share")
        axes[len(panels) // 2].set_xlabel("predicted probability of less than was seen")
        return to_svg(figure, "studies-pit", "Probability integral transform of studies left out",
                      "A right model follows the diagonal; the band holds 90 % of such curves at each point.")


def pit_panel(axis: Any, values: Sequence[float]) -> None:
    """Draw the empirical distribution of PIT values, the diagonal, and the band that holds 90 % of a right model's curves at each point."""
    from scipy.stats import binom

    pit = np.sort(np.asarray(values, np.float64))
    n, grid = len(pit), np.linspace(0, 1, 201)
    axis.fill_between(grid, binom.ppf(0.05, n, grid) / n, binom.ppf(0.95, n, grid) / n, color=LIGHT["line"], step="mid")
    axis.plot([0, 1], [0, 1], color=LIGHT["muted"], linewidth=0.8)
    axis.step(np.concatenate([[0], pit, [1]]), np.concatenate([[0], np.arange(1, n + 1) / n, [1]]), where="post", color=LIGHT["ink"])
    axis.set_xlabel("predicted probability of less than was seen")
    axis.set_ylabel("share of lesions")


def draw_sbc(report: Mapping[str, Any], n_bins: int = 10) -> str:
    """Return rank histograms of simulation-based calibration, each with the band that holds 99 % of a right sampler's bars, as SVG.

    Parameters
    ----------
    report
        Ranks with what :func:`neorlt.response.ranks.uniformity` says of them; reads ``ranks``, ``n``, ``n_ranked``, ``p`` and ``rejected``.
    n_bins
        Bars of a histogram.

    """
    from scipy.stats import binom

    ranks: Mapping[str, Sequence[int]] = report["ranks"]
    columns = 5
    rows = -(-len(ranks) // columns)
    low, high = (float(binom.ppf(q, report["n"], 1 / n_bins)) for q in (0.005, 0.995))
    with drawing("sbc"):
        figure = new_figure(34 + 118 * rows, grid=(rows, columns), margins_px=(16, 16, 28, 16), gaps_px=(16, 38))
        axes = np.ravel(figure.subplots(rows, columns))
        for axis in axes[len(ranks) :]:
            axis.set_visible(False)
        for axis, (name, values) in zip(axes, ranks.items(), strict=False):
            counts = np.histogram(values, n_bins, (0, report["n_ranked"] + 1))[0]
            axis.axhspan(low, high, color=LIGHT["line"])
            axis.step(np.arange(n_bins + 1), np.append(counts, counts[-1]), where="post", color=LIGHT["ink"])
            axis.set_ylim(0, max(high, counts.max()) * 1.25)
            axis.set_xticks([])
            axis.set_yticks([])
            verdict = "rejected" if name in report["rejected"] else f"p = {report['p'][name]:.2f}"
            axis.set_title(f"{name.replace('_', ' ')}\n{verdict}", fontsize=9, fontweight="normal", pad=3)
        return to_svg(figure, "sbc", "Simulation-based calibration", "Ranks of the truth among the fit's draws; flat is right.")
