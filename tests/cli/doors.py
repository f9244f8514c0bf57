"""Every command as a person may type it: the words that it needs, and each input that may be left out."""

from __future__ import annotations

from dataclasses import dataclass, field

BASE = "--draws 50 --seed 1"


@dataclass(frozen=True)
class Door:
    """A command with its inputs; names in braces are files of the fixture ``made``."""

    needed: str = ""
    optional: dict[str, str] = field(default_factory=dict)
    """Name of the parameter to the words that give it."""
    expected: int = 0
    """Status with every input and every extra: 2 where the door leads to a server that is not there."""


REGIONS = {"labels": "--regions {labels}", "names": "--names {names}"}
NOWHERE = "http://127.0.0.1:9"
EARLIER = {"previous": "--previous {previous}", "population": "--population {population}"}
TLS = {"user": "--user a", "tls_ca": "--tls-ca {names}", "tls_cert": "--tls-cert {names}", "tls_key": "--tls-key {names}"}
THERAPY = {"nuclide_file": "--nuclide-file {therapy}"}
OWN = {"posterior": "--posterior {centre}", **THERAPY}
"""The plan of the files was made with that centre's posterior: both may be given together."""
WHO = {"patient": "{patient}", "plan": "--plan {plan}", **OWN}
"""Patient and plan together are refused, and so is neither."""
REPORT = {"limits": "--limits surgery_week=40", "out": "--out {new}"}

DOORS: dict[str, Door] = {
    "plan": Door("--out {new} " + BASE, {"study": "{study}", "patient": "--patient {patient}", "scheme": "--scheme {scheme}",
                                         "psf_fwhm_mm": "--psf-fwhm-mm 8", "injected_at": "--injected-at 2026-01-19T10:00:00",
                                         "cycle": "--cycle 1", **REGIONS,
                                         **EARLIER, **OWN}),
    "example": Door("pannet-head --out {new}"),
    "predict": Door(BASE, {"patient": "{patient}", "plan": "--plan {plan}", "scheme": "--scheme neolupanet", **OWN}, expected=2),
    "new": Door("patient {new}"),
    "decide": Door("--draws 200 --seed 1", {"patient": "{patient}", "plan": "--plan {plan}", "scheme": "--scheme neolupanet",
                                            "out": "--out {new}", "criterion": "--criterion qaly_10",
                                            "ask": "--ask rlt-then-surgery", **OWN}),
    "optimise": Door("--candidates 30 --screen-draws 10 --best 3 " + BASE, WHO | REPORT, expected=2),
    "adapt": Door("--scheme neolupanet --after 1 --updates {update} --worlds 200", WHO | REPORT, expected=2),
    "benefit": Door("--patients 8 --draws 10", {"plan": "--plan {plan}", "out": "--out {new}", **OWN}),
    "measure": Door("{study}", {"follow_up": "--follow-up {study}", **REGIONS}),
    "lesions": Door("{study} --out {new}", {"suv": "--suv 8", "at": "--at 25,-20,0", **REGIONS}),
    "recovery": Door("{phantom}", {"also": "--also {phantom}", "concentration": "--concentration 1"}, expected=2),
    "calibrate-camera": Door("{scans} --out {new}", {"nuclide": "--nuclide Lu-177", "activity_sd": "--activity-sd 0.02"}),
    "pacs find": Door(f"--pacs {NOWHERE}", {"key": "--key PatientID=42", **TLS}, expected=2),
    "pacs echo": Door(f"--pacs {NOWHERE}", TLS, expected=2),
    "pacs fetch": Door(f"1.2.3 --pacs {NOWHERE} --out {{new}}", {"listen_port": "--listen-port 11119", **TLS}, expected=2),
    "pacs send": Door(f"{{study}} --pacs {NOWHERE}", TLS, expected=2),
    "deidentify": Door("{study} --out {new}"),
    "dose": Door("{study} --out {new} " + BASE, {"psf_fwhm_mm": "--psf-fwhm-mm 8", "s_values": "--s-values {s_values}",
                                                 "injected_at": "--injected-at 2026-01-19T10:00:00", "cycle": "--cycle 1",
                                                 "s_masses": "--s-masses {s_masses}", "checkpoint": "--checkpoint {new}.npz",
                                                 **REGIONS, **EARLIER, **THERAPY}),
    "marrow": Door("{study} --out {new} " + BASE, {"blood": "--blood {blood}", "haematocrit": "--haematocrit 0.4",
                                                   "psf_fwhm_mm": "--psf-fwhm-mm 8", **REGIONS}),
    "sphere": Door("Lu-177", {"nuclide_file": "--nuclide-file {nuclide}"}),
    "kernel": Door("Y-90 --voxel-mm 4.8", {"nuclide_file": "--nuclide-file {nuclide}", "out": "--out {new}.json"}),
    "crossfire": Door("--diameter-mm 5", {"nuclide_file": "--nuclide-file {nuclide}"}),
    "kinetics what-if": Door("--try-peptide-ug 50", {"total_tumour_ml": "--total-tumour-ml 100", **THERAPY}),
    "kinetics pet": Door("--suv 15", {"activity_gbq": "--activity-gbq 7.4",
                                      "suv_median": "--suv-median 20", "suv_log_sd": "--suv-log-sd 0.5", **THERAPY}),
    "kinetics second-image": Door("--first-h 24", THERAPY),
    "trial": Door("{trial}", {"dask": "--dask tcp://127.0.0.1:9", "plan": "--plan {plan}", **OWN}, expected=2),
    "design": Door("simon --p0 0.1 --p1 0.3", {"plots": "--plots {new}"}),
    "cohort analyse": Door("{cohort} --out {new}", {"landmark_months": "--landmark-months 3", "map_file": "--map {map}",
                                                    "dictionary": "--dictionary {dictionary}"}, expected=2),
    "cohort map": Door("{cohort} --out {new}.toml", {"dictionary": "--dictionary {dictionary}"}, expected=2),
    "kinetics population": Door("{curves} --out {new}"),
    "evidence claims": Door("", {"find": "--find {notes}", "number": "--number 1", "verdict": "--verdict yes",
                                  "out": "--out {new}"}, expected=2),
    "evidence trials": Door("", {"folder": "{review}"}),
    "grade": Door("", {"words": "ctcae value=1", "ki67_pct": "--ki67-pct 8", "mitoses": "--mitoses 1"}, expected=2),
    "stage": Door("", {"t": "--t 2", "n": "--n 0", "m": "--m 0", "size_mm": "--size-mm 30", "duct": "--duodenum-or-bile-duct no",
                       "organ": "--organ-or-artery no"}, expected=2),
    "recist": Door("--sums 100,60", {"weeks": "--weeks 12", "new": "--new no", "gone": "--gone no"}),
    "ctcae": Door("platelets 40", {"lln": "--lln 150", "uln": "--uln 400", "baseline": "--baseline 230",
                                   "proteinuria": "--proteinuria no"}),
    "evidence search": Door("{review}", {"email": "--email a@b.org", "pubmed_url": f"--pubmed-url {NOWHERE}",
                                         "ctgov_url": f"--ctgov-url {NOWHERE}"}, expected=2),
    "evidence import": Door("{review} {records}", {"source": "--source mine"}),
    "evidence dedupe": Door("{review}", {"undo": "--undo none", "same": "--same {record}", "of": "--of none"}, expected=2),
    "evidence screen": Door("{review}", {"record": "--record {record}", "verdict": "--verdict include", "who": "--who anna",
                                         "export": "--export rayyan", "take": "--take {records}", "out": "--out {new}.csv"}),
    "evidence chase": Door("{review}", {"ids": "--id {record}", "email": "--email a@b.org", "openalex_url": f"--openalex-url {NOWHERE}",
                                        "crossref_url": f"--crossref-url {NOWHERE}"}),
    "evidence extract": Door("{review} {record} n 12 --who anna --where p.1 --how fulltext", expected=2),
    "evidence appraise": Door("{review} {record} jbi 1 yes --who anna --why read", expected=2),
    "evidence amend": Door("{review} --who anna --why later", expected=2),
    "evidence export": Door("{review} ris --out {new}.ris"),
    "evidence table": Door("", {"folder": "{review}", "out": "--out {new}"}),
    "evidence pool": Door("{counts}", {"out": "--out {new}.svg"}),
    "evidence watch": Door("{review}", {"nct": "--nct NCT00000000", "add": "--add {registration}", "dated": "--dated 2026-01-01",
                                        "ctgov_url": f"--ctgov-url {NOWHERE}"}),
    "evidence update": Door("{review}", {"email": "--email a@b.org", "pubmed_url": f"--pubmed-url {NOWHERE}",
                                         "ctgov_url": f"--ctgov-url {NOWHERE}"}, expected=2),
    "evidence status": Door("{review}"),
    "info": Door(),
}

NOT_RUN = {
    "serve": "runs until it is stopped; tests/web opens it",
    "calibrate": "samples for minutes; its absence of the extra is tried, and tests/response runs it small",
}
