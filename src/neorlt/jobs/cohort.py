"""``neorlt cohort`` and ``neorlt cohort map``: a centre's table analysed, and how it was understood."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neorlt.clinic.ctcae import DEFAULT_VERSION
from neorlt.clinic.recist import STABLE_DISEASE_WEEKS
from neorlt.cohorts.analysis import analyse
from neorlt.cohorts.comparison import IMPUTATIONS
from neorlt.cohorts.contributions import contributions
from neorlt.cohorts.exports import read_source
from neorlt.cohorts.guessing import propose
from neorlt.cohorts.mapping import read_map
from neorlt.cohorts.reading import read_cohort
from neorlt.core.errors import InputError
from neorlt.core.run import result_folder, write_json
from neorlt.reporting.cohort import figure_names, render_cohort


def cohort_command(
    table: Path, out: Path, *, map_file: Path | None = None, dictionary: Path | None = None, seed: int = 1, confirm: bool = False,
    landmark_months: float | None = None, stable_weeks: float = STABLE_DISEASE_WEEKS, ctcae_version: str = DEFAULT_VERSION,
    imputations: int = IMPUTATIONS, include_unchecked: bool = False, export_likelihood: bool = False,
) -> dict[str, Any]:
    """Analyse a table and write ``report.html``, ``cohort.json`` and ``run.json`` into ``out``.

    Raises
    ------
    InputError
        If the table is wrong (:class:`neorlt.cohorts.reading.TableError` names every row); nothing is written then.
    """
    cohort = read_cohort(Path(table), None if map_file is None else read_map(map_file), dictionary)
    inputs = [Path(path) for path in (table, map_file, dictionary) if path is not None]
    options: dict[str, Any] = {
        "confirm": confirm, "landmark_months": landmark_months, "stable_weeks": stable_weeks, "ctcae_version": ctcae_version,
        "imputations": imputations, "include_unchecked": include_unchecked,
    }
    document = analyse(cohort, seed=seed, **options)
    document["run"] = {"command": "cohort", "seed": seed, **options}
    with result_folder(out, "cohort", inputs=inputs, options=options, seed=seed) as folder:
        write_json(folder / "cohort.json", document)
        (folder / "report.html").write_text(render_cohort(document), encoding="utf-8")
        if export_likelihood:
            write_json(folder / "likelihood.json", contributions(cohort))
    return {**document, "figures": figure_names(document)}


def map_command(table: Path, out: Path, *, dictionary: Path | None = None) -> dict[str, Any]:
    """Propose a map of a table and write it as a TOML file.

    Raises
    ------
    InputError
        If the table cannot be read, or the map exists already (a person may have corrected it).
    """
    proposal = propose(read_source(Path(table), None, dictionary))
    try:
        with Path(out).open("x", encoding="utf-8") as stream:
            stream.write(proposal.text())
    except FileExistsError:
        raise InputError("the map exists already, and may have been corrected by hand", where=Path(out).name,
                         remedy="give another --out, or move it away") from None
    except OSError as error:
        raise InputError("the map cannot be written", found=str(error.strerror), where=Path(out).name,
                         remedy="give --out a file in a folder that exists and can be written") from error
    return {**proposal.as_json(), "map": str(out)}
