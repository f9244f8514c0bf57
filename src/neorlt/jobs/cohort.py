"""``neorlt cohort``: a centre's table analysed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neorlt.cohorts.analysis import analyse
from neorlt.cohorts.reading import read_cohort
from neorlt.core.run import result_folder, write_json


def cohort_command(
    table: Path, out: Path, *, seed: int = 1, confirm: bool = False, landmark_months: float | None = None
) -> dict[str, Any]:
    """Analyse a table and write ``cohort.json``, pictures and ``run.json`` into ``out``.

    Raises
    ------
    InputError
        If the table is wrong (:class:`neorlt.cohorts.reading.TableError` names every row); nothing is written then.
    """
    cohort = read_cohort(Path(table))
    document, pictures = analyse(cohort, seed=seed, confirm=confirm, landmark_months=landmark_months)
    options = {"confirm": confirm, "landmark_months": landmark_months}
    with result_folder(out, "cohort", inputs=[Path(table)], options=options, seed=seed) as folder:
        write_json(folder / "cohort.json", document)
        for name, text in pictures.items():
            (folder / name).write_text(text, encoding="utf-8")
    return {**document, "figures": sorted(pictures)}
