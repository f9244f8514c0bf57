"""A nuclide from a user's TOML file.

::

    name = "Sm-153"
    half_life_h = 46.5
    source = "where the numbers come from"
    beta_per_decay = 1.0                 # what the branches below must sum to
    beta_mean_mev = 0.2236               # optional: what the spectrum must give, within 1 %
    gamma = [[0.1032, 0.298]]            # [MeV, number per decay]; also x_ray, conversion_electron, auger, alpha
    [[beta_minus]]                       # also beta_plus; or beta_table = [[MeV, number per decay], ...]
    endpoint_mev = 0.7
    per_decay = 1.0
    daughter_z = 63
    unique = false
    [therapy]                            # only for a nuclide that a therapy is planned with
    activity_gbq = 1.0                   # usual activity of one cycle
    source = "where it comes from"

A nuclide whose emissions are shipped, such as Tb-161, needs ``name`` and ``[therapy]`` alone.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from neorlt.core.errors import InputError
from neorlt.core.toml_file import flag_of, number_of, read_toml, tables_of, text_of
from neorlt.nuclides.nuclide import Nuclide, as_lines, get_nuclide, list_nuclides, normalise_name, register_nuclide
from neorlt.nuclides.spectra import BetaBranch
from neorlt.nuclides.therapy import TherapyNuclide, register_therapy

SUM_TOLERANCE = 0.005
MEAN_TOLERANCE = 0.01
_LINES = ("gamma", "x_ray", "conversion_electron", "auger", "alpha", "beta_table")
_KEYS = {"name", "half_life_h", "source", "beta_per_decay", "beta_mean_mev", "beta_minus", "beta_plus", "therapy", *_LINES}


def _branches(document: dict[str, Any], key: str, sign: int, where: str) -> tuple[BetaBranch, ...]:
    made = []
    for number, row in enumerate(tables_of(document, key, where), start=1):
        here = f"{where}, {key} {number}"
        endpoint, per_decay, daughter = (number_of(row, name, None, here) for name in ("endpoint_mev", "per_decay", "daughter_z"))
        if endpoint is None or per_decay is None or daughter is None:
            raise InputError("a beta branch lacks a key", expected="endpoint_mev, per_decay, daughter_z", found=", ".join(row), where=here,
                             remedy="complete the branch")
        if not (endpoint > 0 and per_decay >= 0 and daughter == int(daughter) and 1 <= daughter <= 120):
            raise InputError("a beta branch is out of range", expected="endpoint_mev above 0, per_decay 0 or more, daughter_z 1 to 120",
                             found=f"{endpoint:g}, {per_decay:g}, {daughter:g}", where=here, remedy="correct it")
        made.append(BetaBranch(endpoint, per_decay, flag_of(row, "unique", False, here), sign * int(daughter)))
    return tuple(made)


def read_nuclide(path: str | Path) -> Nuclide:
    """Read a nuclide from a TOML file, check it and make it known by its name.

    Raises
    ------
    InputError
        For a file that cannot be read, an unknown key, or a spectrum that does not sum to ``beta_per_decay`` or whose
        mean energy is not ``beta_mean_mev``.
    """
    path = Path(path)
    where = path.name
    document = read_toml(path, "the nuclide file")
    if unknown := sorted(set(document) - _KEYS):
        raise InputError(
            "the nuclide file has an unknown key",
            found=", ".join(unknown),
            expected=", ".join(sorted(_KEYS)),
            where=where,
            remedy="correct or remove it",
        )
    if set(document) == {"name", "therapy"} and normalise_name(text_of(document, "name", "", where)) in list_nuclides():
        shipped = get_nuclide(document["name"])
        register_therapy(_therapy(shipped.name, document["therapy"], where))
        return shipped
    if missing := sorted({"name", "half_life_h", "source"} - set(document)):
        raise InputError("the nuclide file lacks a key", found=", ".join(missing), where=where, remedy="add it")
    for key in ("half_life_h", "beta_per_decay", "beta_mean_mev"):
        if (value := number_of(document, key, None, where)) is not None and not (value > 0 or (key == "beta_per_decay" and value == 0)):
            raise InputError(f"{key} is not above 0", found=f"{value:g}", where=where, remedy="correct it")
    name = normalise_name(text_of(document, "name", "", where))
    digits = name.partition("-")[2]
    if not digits.isdigit():
        raise InputError(
            "the nuclide's name holds no mass number",
            found=str(document["name"]),
            expected="such as Sm-153",
            where=where,
            remedy="name it by symbol and mass number",
        )
    try:
        lines = {key: as_lines(document.get(key, ())) for key in _LINES}
        half_life_h = float(document["half_life_h"])
    except (TypeError, ValueError) as error:
        raise InputError(
            "a table of lines is not numbers", found=str(error), where=where, remedy="give rows of [MeV, number per decay]"
        ) from error
    nuclide = Nuclide(
        name,
        half_life_h,
        int(digits),
        _branches(document, "beta_minus", 1, where),
        _branches(document, "beta_plus", -1, where),
        beta_table=lines["beta_table"],
        gamma=lines["gamma"],
        x_ray=lines["x_ray"],
        conversion_electron=lines["conversion_electron"],
        auger=lines["auger"],
        alpha=lines["alpha"],
        source=text_of(document, "source", "", where),
    )
    _check(nuclide, document, where)
    known = register_nuclide(nuclide)
    if "therapy" in document:
        register_therapy(_therapy(known.name, document["therapy"], where))
    return known


def _therapy(name: str, table: Any, where: str) -> TherapyNuclide:
    activity = table.get("activity_gbq") if isinstance(table, dict) and set(table) == {"activity_gbq", "source"} else None
    if isinstance(activity, bool) or not isinstance(activity, int | float) or not activity > 0:
        raise InputError(
            "[therapy] cannot be read", expected="activity_gbq above 0 and source", found=str(table), where=where, remedy="correct it"
        )
    return TherapyNuclide(name, float(activity), str(table["source"]))


def _check(nuclide: Nuclide, document: dict[str, Any], where: str) -> None:
    energy, number = nuclide.beta_spectrum()
    total = float(number.sum())
    if total > 0 or "beta_per_decay" in document:
        stated = document.get("beta_per_decay")
        if stated is None:
            raise InputError(
                "the file states no number of betas per decay", where=where, remedy="add beta_per_decay, what the spectrum must sum to"
            )
        if not abs(total - float(stated)) <= SUM_TOLERANCE * max(float(stated), 1e-9):
            raise InputError(
                "the beta spectrum does not sum",
                expected=f"{float(stated):.4f} per decay",
                found=f"{total:.4f}",
                where=where,
                remedy="correct the intensities or beta_per_decay",
            )
    if "beta_mean_mev" in document and total > 0:
        stated, found = float(document["beta_mean_mev"]), float((energy * number).sum()) / total
        if not abs(found / stated - 1) <= MEAN_TOLERANCE:
            raise InputError(
                "the mean energy of the beta spectrum is not the stated one",
                expected=f"{stated:.4f} MeV",
                found=f"{found:.4f} MeV",
                where=where,
                remedy="correct the endpoints, the table or beta_mean_mev",
            )
    if total == 0 and not any(len(getattr(nuclide, key)) for key in _LINES):
        raise InputError("the nuclide emits nothing", where=where, remedy="give its betas, electrons, alphas or photons")
