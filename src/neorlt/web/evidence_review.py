"""Screening and extraction in the browser: one work at a time, keyboard first; every click is an event of the review.

The server's own guard, access token and form token stand before it. Reviewers are those whom the protocol names; with ``blind =
true`` nobody sees what the others decided before their own decision.
"""

import html
import json
import re
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from fastapi import FastAPI, Form, HTTPException
from fastapi.responses import RedirectResponse, Response

from neorlt.core.errors import InputError
from neorlt.evidence.records import Record
from neorlt.evidence.review import ReviewFolder
from neorlt.evidence.review.extraction import ALWAYS_IN_FORM
from neorlt.jobs.registry import action

STAGES = ("title", "fulltext")
READ = {"title": "by title and abstract", "fulltext": "by the full text"}
"""Reason of an inclusion for which none was typed."""
SHOWN = 40
"""Works listed beside the open one."""
RERANK_AFTER = 10
"""Decisions after which the order is learned again."""
RANK_TIMEOUT_S = 120.0


class Order:
    """The order in which works are read: learned by a process of its own, so that the server stays small and never waits."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._ranked: dict[str, list[str]] = {}
        self._learned_at: dict[str, int] = {}
        self._running: set[str] = set()

    def of(self, stage: str, decisions: int) -> list[str]:
        """Ids in the order last learned (empty before the first time); learning goes on behind."""
        with self._lock:
            stale = decisions - self._learned_at.get(stage, -RERANK_AFTER) >= RERANK_AFTER
            if stale and stage not in self._running:
                self._running.add(stage)
                threading.Thread(target=self._learn, args=(stage, decisions), daemon=True).start()
            return self._ranked.get(stage, [])

    def _learn(self, stage: str, decisions: int) -> None:
        command = [
            sys.executable,
            "-m",
            "neorlt.cli",
            "evidence",
            "screen",
            str(self._folder),
            "--stage",
            stage,
            "--next",
            "100000",
            "--json",
        ]
        found: list[str] | None = None
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=RANK_TIMEOUT_S, stdin=subprocess.DEVNULL, check=False)
            if done.returncode == 0:
                found = [str(item["id"]) for item in json.loads(done.stdout)["next"]]
        except (subprocess.TimeoutExpired, ValueError, KeyError, OSError):
            found = None
        with self._lock:
            if found is not None:
                self._ranked[stage] = found
            self._learned_at[stage] = decisions
            self._running.discard(stage)


def marked(text: str, keywords: tuple[str, ...]) -> str:
    """HTML of a text with the keywords marked, letter case aside."""
    if not keywords:
        return html.escape(text)
    pattern = re.compile("|".join(re.escape(word) for word in sorted(keywords, key=len, reverse=True)), re.IGNORECASE)
    out, last = [], 0
    for match in pattern.finditer(text):
        out += [html.escape(text[last : match.start()]), f"<mark>{html.escape(match.group(0))}</mark>"]
        last = match.end()
    return "".join([*out, html.escape(text[last:])])


class ReviewPages:
    """What the page shows of a review, read afresh for each request: two browsers may work at once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.order = Order(folder)

    def overview(self) -> dict[str, Any]:
        """People, progress and conflicts."""
        with ReviewFolder(self.folder) as review:
            total = len(review.works().members)
            people = []
            for name in review.protocol.resolvers:
                done = {stage: sum(name in by for by in review.verdicts(stage).values()) for stage in STAGES}
                people.append({"name": name, "reviewer": name in review.protocol.reviewers, **done})
            conflicts = {stage: len(review.conflicts(stage)) for stage in STAGES}
            return {
                "question": review.protocol.question,
                "total": total,
                "people": people,
                "conflicts": conflicts,
                "blind": review.protocol.blind,
            }

    def desk(self, who: str, stage: str, wanted: str | None = None) -> dict[str, Any]:
        """One reviewer's desk: the open work, what follows, conflicts, progress.

        Raises
        ------
        InputError
            If the protocol does not know the reviewer, or the review holds no such work.
        """
        with ReviewFolder(self.folder) as review:
            self._require(review, who)
            verdicts, outcome = review.verdicts(stage), review.outcome(stage)
            pool = list(review.works().members)
            if stage == "fulltext":
                titles = review.outcome("title")
                pool = [key for key in pool if titles.get(key) in ("include", "unsure", "conflict")]
            left = {key for key in pool if who not in verdicts.get(key, {})}
            ranked = [key for key in self.order.of(stage, sum(map(len, verdicts.values()))) if key in left]
            queue = ranked + [key for key in pool if key in left and key not in set(ranked)]
            key = review.work_of(wanted) if wanted else (queue[0] if queue else None)
            conflicts = review.conflicts(stage)
            following = [{"id": name, "title": review.require(name).title} for name in queue if name != key][:SHOWN]
            return {
                "who": who, "stage": stage, "total": len(pool), "left": len(left), "following": following,
                "conflicts": [{"id": name, "title": review.require(name).title} for name in conflicts[:SHOWN]],
                "may_resolve": who in review.protocol.resolvers, "reviewer": who in review.protocol.reviewers,
                "reasons": list(review.protocol.exclude),
                "card": None if key is None else self._card(review, key, who, verdicts.get(key, {}), outcome.get(key), key in conflicts),
            }  # fmt: skip

    @staticmethod
    def _require(review: ReviewFolder, who: str) -> None:
        if who not in review.protocol.resolvers:
            raise InputError(
                "not a reviewer of this protocol", found=who, expected=", ".join(review.protocol.resolvers), remedy="choose your name"
            )

    @staticmethod
    def _card(review: ReviewFolder, key: str, who: str, by: dict[str, str], outcome: str | None, conflict: bool) -> dict[str, Any]:
        record: Record = review.require(key)
        # A blinded reviewer sees the others' verdicts after their own; a conflict is open to whoever settles it.
        hidden = review.protocol.blind and who not in by and not (conflict and who not in review.protocol.reviewers)
        readings, settled = review.extractions(key), review.cells(key)
        cells = []
        for field, read in readings.items():
            for name, cell in read.items():
                if not (review.protocol.blind and name != who and who not in read):
                    cells.append(
                        {"field": field, "who": name, "value": json.dumps(cell["value"], ensure_ascii=False), "where": cell["where"]}
                    )
            if len(read) > 1 and field in settled and not (review.protocol.blind and who not in read):
                # Which of the readings stands, and who says so.
                stands = settled[field]
                value = json.dumps(stands["value"], ensure_ascii=False)
                cells.append({"field": field, "who": f"stands: {stands['who']}", "value": value, "where": stands["where"]})
        return {
            "id": key,
            "title": marked(record.title, review.protocol.keywords),
            "abstract": marked(record.abstract or "", review.protocol.keywords),
            "source": [part for part in (", ".join(record.authors[:6]) + (" and others" if len(record.authors) > 6 else ""),
                                         " ".join(str(part) for part in (record.journal, record.year) if part)) if part],
            "link": f"https://doi.org/{record.doi}" if record.doi else record.url if (record.url or "").startswith("https://") else None,
            "copies": len(review.works().members[key]),
            "mine": by.get(who),
            "others": {} if hidden else {name: verdict for name, verdict in by.items() if name != who},
            "outcome": None if hidden else outcome,
            "conflict": conflict,
            "fields": [*dict.fromkeys((*review.protocol.form, *ALWAYS_IN_FORM))],
            "cells": cells,
            "differing": [] if review.protocol.blind and who in review.protocol.reviewers else sorted(review.disagreements(key)),
        }


def add_review_pages(app: FastAPI, folder: Path, show: Callable[..., Response], reader: Any, writer: Any) -> None:
    """Mount the pages of a review under ``/review``; ``reader`` and ``writer`` are the server's own guards of a session."""
    pages = ReviewPages(folder)

    def desk(session: Any, who: str, stage: str, wanted: str | None = None, problem: str | None = None, part: bool = True) -> Response:
        if stage not in STAGES:
            raise HTTPException(404, "There is no such stage.")
        try:
            content = pages.desk(who, stage, wanted)
        except InputError as error:
            raise HTTPException(404, str(error)) from error
        return show("review_desk.html.j2" if part else "review.html.j2", session, problem=problem, **content)

    @app.get(action("evidence status", "/review").path)
    def review_overview(session: reader) -> Response:
        return show("review_overview.html.j2", session, **pages.overview())

    @app.get("/review/{who}")
    def review_desk(who: str, session: reader, stage: str = "title", work: str | None = None) -> Response:
        return desk(session, who, stage, work, part=False)

    @app.get("/review/{who}/desk")
    def review_part(who: str, session: reader, stage: str = "title", work: str | None = None) -> Response:
        return desk(session, who, stage, work)

    @app.post(action("evidence screen", "/review/{who}/decide").path)
    def review_decide(
        who: str,
        session: writer,
        work: Annotated[str, Form(max_length=300)],
        verdict: Annotated[str, Form(pattern="^(include|exclude|unsure|not-retrieved)$")],
        why: Annotated[str, Form(max_length=500)] = "",
        stage: Annotated[str, Form(pattern="^(title|fulltext)$")] = "title",
        settle: Annotated[bool, Form()] = False,
    ) -> Response:
        problem = None
        try:
            with ReviewFolder(folder) as review:
                if verdict == "not-retrieved":
                    review.not_retrieved(work, who=who, why=why)
                else:
                    # An exclusion keeps its own reason, or is refused without one.
                    reason = why if why.strip() or verdict == "exclude" else READ[stage]
                    (review.resolve if settle else review.decide)(work, verdict, who=who, why=reason, stage=stage)
        except InputError as error:
            problem = str(error)
        return desk(session, who, stage, work if problem else None, problem)

    @app.post(action("evidence extract", "/review/{who}/extract").path)
    def review_extract(
        who: str,
        session: writer,
        work: Annotated[str, Form(max_length=300)],
        field: Annotated[str, Form(max_length=80)],
        value: Annotated[str, Form(max_length=4000)],
        where: Annotated[str, Form(max_length=300)],
        how: Annotated[str, Form(pattern="^(fulltext|abstract|secondary|registry)$")],
        stage: Annotated[str, Form(pattern="^(title|fulltext)$")] = "title",
        consensus: Annotated[str, Form(max_length=500)] = "",
    ) -> Response:
        try:
            parsed: Any = json.loads(value)
        except ValueError:
            parsed = value
        problem = None
        try:
            with ReviewFolder(folder) as review:
                if consensus.strip():
                    review.agree(work, field, parsed, who=who, why=consensus, where=where, how=how)
                elif who in review.protocol.resolvers:
                    review.extract(work, field, parsed, who=who, where=where, how=how)
                else:
                    raise InputError("not a reviewer of this protocol", found=who, remedy="choose your name")
        except InputError as error:
            problem = str(error)
        return desk(session, who, stage, work, problem)

    @app.get("/review/{who}/open")
    def review_open(who: str, session: reader, work: str, stage: str = "title") -> Response:
        return RedirectResponse(f"/review/{who}?stage={stage}&work={work}", status_code=303)
