"""Order of screening by a small local classifier, and when one may stop. Nothing is ever excluded by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from scipy import stats

from neorlt.core.citations import Citation, register
from neorlt.evidence.records import Record
from neorlt.evidence.review.folder import ReviewFolder

TARGET_RECALL = 0.95
TEXT_LIMIT = 1500
"""Letters of title and abstract that are read: what a paper is about stands in its first sentences."""

register(
    Citation(
        "callaghan2020",
        "Callaghan MW, Mueller-Hansen F. Statistical stopping criteria for automated screening in systematic reviews. Syst Rev 2020;9:273",
        "10.1186/s13643-020-01521-4",
    )
)


def rank(records: Mapping[str, Record], labels: Mapping[str, bool], *, topic: str) -> list[tuple[str, float]]:
    """Unlabelled records by falling relevance score.

    ``labels`` maps an id to True (relevant) or False. While one kind is still missing, the score is the similarity to
    ``topic`` (the question and the inclusion rules); afterwards a class-balanced logistic regression on TF-IDF words,
    in which the topic stays as one weak positive.

    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    keys = list(records)
    if not keys:
        return []
    texts = [f"{r.title} {r.title} {r.abstract or ''}"[:TEXT_LIMIT] for r in records.values()]
    vectorizer = TfidfVectorizer(sublinear_tf=True, max_features=20_000, stop_words="english", strip_accents="unicode")
    matrix = vectorizer.fit_transform([*texts, topic])
    topic_row, rows = matrix[-1], matrix[:-1]
    index = {key: i for i, key in enumerate(keys)}
    known = [key for key in labels if key in index]
    open_keys = [key for key in keys if key not in labels]
    if not open_keys:
        return []
    truth = np.array([labels[key] for key in known], dtype=bool)
    open_rows = rows[[index[key] for key in open_keys]]
    if truth.any() and not truth.all():
        from scipy.sparse import vstack

        model = LogisticRegression(C=10.0, class_weight="balanced", max_iter=200, solver="liblinear")
        weight = np.concatenate([np.ones(len(known)), [0.2]])
        model.fit(vstack([rows[[index[key] for key in known]], topic_row]), np.append(truth, True), sample_weight=weight)
        scores = model.decision_function(open_rows)
    else:
        scores = np.asarray((open_rows @ topic_row.T).todense()).ravel()
    order = np.argsort(-scores, kind="stable")
    return [(open_keys[i], float(scores[i])) for i in order]


def stopping(sequence: Sequence[bool], total: int, *, stop_after_irrelevant: int, target_recall: float = TARGET_RECALL) -> dict[str, Any]:
    """Whether one may stop screening.

    ``sequence`` holds the verdicts in the order of screening (True relevant), ``total`` the records in all. Two rules
    must hold: a run of irrelevant records as long as the protocol says, and a hypergeometric test that rejects a recall
    below the target at 5 % (Callaghan and Mueller-Hansen 2020; its ranked form treats what was read last as a random
    draw, which is cautious when the ranking is good and void when it is not, so this is advice and never an exclusion).
    """
    run = 0
    for relevant in reversed(sequence):
        if relevant:
            break
        run += 1
    p = _recall_p(np.array(sequence, dtype=bool), total, target_recall)
    found = int(sum(sequence))
    may_stop = len(sequence) >= total or (found > 0 and run >= stop_after_irrelevant and p < 0.05)
    return {
        "screened": len(sequence),
        "total": total,
        "relevant": found,
        "irrelevant_in_a_row": run,
        "p_recall_below_target": p,
        "target_recall": target_recall,
        "may_stop": may_stop,
        "note": "records that were not read are not excluded: they stay unscreened and are counted so",
    }


def _recall_p(sequence: np.ndarray, total: int, target: float) -> float:
    seen = int(sequence.sum())
    if seen == 0 or len(sequence) == 0:
        return 1.0
    found_before = np.concatenate([[0], np.cumsum(sequence)[:-1]])
    starts = np.arange(len(sequence))
    sample = len(sequence) - starts
    remaining = total - starts
    relevant_in_sample = seen - found_before
    least_missing = np.floor(seen / target - found_before + 1).astype(int)
    possible = least_missing <= remaining
    p = np.where(possible, stats.hypergeom.cdf(relevant_in_sample, remaining, np.minimum(least_missing, remaining), sample), 0.0)
    return float(np.clip(p.min(), 0.0, 1.0))


def screening_order(review: ReviewFolder, *, stage: str = "title", limit: int | None = None) -> dict[str, Any]:
    """The next records to read, and the state of the stopping rule."""
    records = review.records()
    outcome = review.outcome(stage)
    labels = {key: verdict == "include" for key, verdict in outcome.items() if verdict in ("include", "exclude") and key in records}
    topic = " ".join((review.protocol.question, *review.protocol.include))
    ranked = rank(records, labels, topic=topic)
    sequence: dict[str, bool] = {}
    of = review.works().of_record
    for event in review.store.events("screen"):
        if (work := of(event["subject"])) in labels:
            sequence[work] = labels[work]
    stop = stopping(list(sequence.values()), len(records), stop_after_irrelevant=review.protocol.stop_after_irrelevant)
    return {
        "next": [{"id": key, "title": records[key].title, "score": score} for key, score in ranked[:limit]],
        "unscreened": len(ranked),
        "conflicts": review.conflicts(stage),
        "stopping": stop,
    }
