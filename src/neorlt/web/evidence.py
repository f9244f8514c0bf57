"""The evidence page: Table 1, the flow and the pooled rates, made once by a process of its own and kept.

Pooling loads SciPy and Matplotlib (some 130 MB): the server itself stays small.
"""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from neorlt import __version__
from neorlt.core.errors import NeorltError
from neorlt.jobs.registry import Place, actions
from neorlt.web.child import command as child_command

MEDIA = {".csv": "text/csv; charset=utf-8", ".json": "application/json"}
FILES = {name: MEDIA[Path(name).suffix] for name in (action.path.removeprefix("/evidence/") for action in actions(Place.DOWNLOAD))}
"""What may be downloaded, with its media type."""
TIMEOUT_S = 300.0
_BODY = re.compile(r"<body>\n(?:<p>Research software[^<]*</p>\n)?(.*)</body>", re.DOTALL)
_TABLE = re.compile(r'(<table class="(evidence-[a-z]+)[^"]*">)(.*?</table>)', re.DOTALL)
_FIGURE = re.compile(r"<svg\b[^>]*>(<title[^>]*>([^<]*)</title>).*?</svg>", re.DOTALL)
_NAMES = {"evidence-table": "Table 1", "evidence-recomputed": "Recomputed values", "evidence-grade": "Certainty of the evidence",
          "evidence-claims": "The review, claim by claim", "evidence-trials": "Registrations", "evidence-since": "Published since",
          "evidence-patients": "Patients", "evidence-references": "References"}  # fmt: skip


class EvidenceError(NeorltError):
    """The evidence could not be computed."""


class Evidence:
    """The shipped review as files under the server's folder, one set for each version of program and review."""

    def __init__(self, root: Path) -> None:
        self._folder = root / f"evidence-{_key()}"
        self._lock = threading.Lock()

    @property
    def is_made(self) -> bool:
        """Whether the files are there; they are whole or absent."""
        return (self._folder / "index.html").is_file()

    def file(self, name: str) -> Path:
        """Path of one of :data:`FILES`, computed first where it is not there yet (some seconds).

        Raises
        ------
        EvidenceError
            If the review cannot be computed.
        """
        self._make()
        return self._folder / name

    def fragment(self) -> str:
        """The page's body: no script, no style, tables in regions that scroll.

        Raises
        ------
        EvidenceError
            If the review cannot be computed.
        """
        found = _BODY.search(self.file("index.html").read_text(encoding="utf-8"))
        if found is None:
            raise EvidenceError("The evidence files are damaged: remove the evidence folder of the server and load this page again.")
        return for_the_page(found.group(1))

    def summary(self) -> dict[str, Any]:
        """The pooled rates in words, and the review's plain sum beside them: ``rows`` and ``crude``."""
        pooled = json.loads(self.file("pooled.json").read_text(encoding="utf-8"))
        rows = [_row(outcome) for outcome in pooled["outcomes"].values()]
        crude = pooled.get("printed_crude")
        return {"rows": rows, "crude": crude, "crude_rate": None if not crude else f"{100 * crude['rate']:.1f}"}

    def _make(self) -> None:
        with self._lock:
            if self.is_made:
                return
            command = child_command("neorlt.web.evidence", str(self._folder))
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT_S, stdin=subprocess.DEVNULL, check=False)
            except subprocess.TimeoutExpired as error:
                raise EvidenceError("The evidence took longer than five minutes and was stopped.") from error
            if done.returncode != 0 or not self.is_made:
                raise EvidenceError("The evidence could not be computed; try `neorlt evidence table` to see why.")


def _row(outcome: dict[str, Any]) -> dict[str, str]:
    def span(pair: list[float]) -> str:
        return f"{100 * pair[0]:.0f} to {100 * pair[1]:.0f} %"

    shown = {"title": str(outcome["title"]), "series": f"{outcome['k']} series, {outcome['n']} patients", "sum": ""}
    if outcome["n"]:
        shown["sum"] = f"{outcome['events']}/{outcome['n']} = {100 * outcome['events'] / outcome['n']:.0f} %"
    other = outcome["sensitivity"].get("glmm-wald-t") or outcome["sensitivity"].get("bayes") or {}
    second = f"{100 * other['pooled']:.0f} % ({span(other['ci95'])})" if other.get("pooled") is not None else "–"
    if outcome["pooled"] is None:
        return shown | {"pooled": "none", "why": str(outcome["reason"]), "beside": second}
    return shown | {"pooled": f"{100 * outcome['pooled']:.0f} % ({span(outcome['ci95'])})", "why": "", "beside": second}


def for_the_page(body: str) -> str:
    """Fit the files' body to the page: a wide table scrolls by keyboard too."""
    body = body.replace("<th scope='col'></th>", "<th scope='col'>Verdict</th>")
    # So does a figure, whose letters cannot be read in the width of a telephone.
    body = _FIGURE.sub(lambda found: f'<div class="table figure" role="region" aria-label="{found[2]}" tabindex="0">{found[0]}</div>', body)
    return _TABLE.sub(
        lambda found: f'<div class="table" role="region" aria-label="{_NAMES.get(found[2], "Table")}" tabindex="0">{found[0]}</div>',
        body,
    )


def _key() -> str:
    """Short digest of the program's version, of the shipped review's files and of what draws them."""
    from neorlt import drawing, evidence

    digest = hashlib.sha256(__version__.encode())
    homes = [Path(str(room.__file__)).parent for room in (evidence, drawing)]
    for path in sorted(path for home in homes for path in [*home.rglob("data/**/*"), *home.rglob("*.py")]):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def main() -> int:
    """``python -m neorlt.web.evidence FOLDER``: write the shipped review's files."""
    from neorlt.evidence.page import write_evidence
    from neorlt.evidence.prisma import shipped_flow
    from neorlt.evidence.studies import shipped_review

    table = shipped_review()
    write_evidence(table, shipped_flow(table), Path(sys.argv[1]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
