"""Reading a cohort table: by a map, or where its columns bear the dictionary's own names."""

from __future__ import annotations

from pathlib import Path

from neorlt.cohorts.cohort import DAYS_PER_MONTH, Cohort, TableError
from neorlt.cohorts.exports import read_source
from neorlt.cohorts.mapping import TableMap, apply_map, identity_map

__all__ = ["DAYS_PER_MONTH", "Cohort", "TableError", "read_cohort"]


def read_cohort(path: Path, table_map: TableMap | None = None, dictionary: Path | None = None) -> Cohort:
    """Read and check a table: a file (CSV, .xlsx, SPSS, Stata, REDCap) or a folder of SDTM domains.

    Parameters
    ----------
    path
        The table.
    table_map
        How its columns are read; left out, they must bear the dictionary's names, with plain numbers and ISO dates.
    dictionary
        REDCap's data dictionary.

    Raises
    ------
    TableError
        With every wrong cell, impossible order of dates, and duplicated patient, by row (the header is row 1).
    InputError
        If a required column is missing or the file is not a table.
    """
    grid = read_source(Path(path), None if table_map is None else table_map.file, dictionary)
    return apply_map(grid, identity_map(grid) if table_map is None else table_map)
