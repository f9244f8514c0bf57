"""Draw the figures of ``docs/gallery/how-far-to-trust-the-prediction.md`` from the shipped fit
and ``validation/synthesis_sbc.json``.

Usage: ``python tools/response/make_figures.py``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from neorlt.core import tables
from neorlt.drawing.svg import standalone
from neorlt.reporting.figures.calibration import (
    LABELS,
    draw_prior_posterior,
    draw_sbc,
    draw_studies_left_out,
    draw_studies_pit,
)
from neorlt.response.parameters import draw_from, read_priors
from neorlt.response.studies import titles

ROOT = Path(__file__).resolve().parents[2]
IMAGES = ROOT / "docs/images"


def read_ranks() -> dict[str, Any]:
    """Ranks of the calibration by simulation, without fault, by quantity."""
    report = json.loads((ROOT / "validation/synthesis_sbc.json").read_text(encoding="utf-8"))
    titles = [name.replace("of ", "of\n").replace("_", " ") for name in report["quantities"]]
    ranks = dict(zip(titles, np.array(report["ranks"][""]).T.tolist(), strict=True))
    p = {title: report["sound"]["p"][name] for title, name in zip(titles, report["quantities"], strict=True)}
    rejected = [title for title, name in zip(titles, report["quantities"], strict=True) if name in report["sound"]["rejected"]]
    return {"ranks": ranks, "n": report["n"], "n_ranked": report["n_ranked"], "p": p, "rejected": rejected}


def main() -> None:
    """Write the pictures."""
    fit = tables.read_json("response", "posterior.json")
    rng = np.random.default_rng(1)
    prior = {name: draw_from(read_priors()[name], rng, 20_000) for name in LABELS}
    figures = {
        "studies-left-out": draw_studies_left_out(fit, titles()), "studies-pit": draw_studies_pit(fit, titles()),
        "sbc": draw_sbc(read_ranks()),
        "prior-posterior": draw_prior_posterior(prior, tables.read_npz("response", "posterior.npz")),
    }
    for name, svg in figures.items():
        # Alone, outside a page, an SVG needs its namespace and a ground to stand on.
        text = standalone(svg)
        (IMAGES / f"response-{name}.svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
