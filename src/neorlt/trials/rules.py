"""Eligibility as a rule in words: comparisons of named quantities joined by and, or, not."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from neorlt.core.errors import InputError

QUANTITIES: dict[str, str] = {
    "age_y": "years",
    "male": "1 or 0",
    "size_mm": "longest diameter of the primary",
    "ki67_pct": "%",
    "grade": "WHO 1-3",
    "suv_max": "g/ml",
    "vein_deg": "contact with SMV or PV",
    "artery_deg": "contact with SMA",
    "head": "1 head, 0 body or tail",
    "nodes_positive": "1 or 0",
    "liver_metastases": "1 or 0",
    "liver_burden_pct": "% of the liver",
    "egfr_ml_min": "ml/min",
    "platelets_e9_per_l": "10^9/l",
    "neutrophils_e9_per_l": "10^9/l",
    "haemoglobin_g_dl": "g/dl",
    "prior_chemotherapy": "1 or 0",
    "resectability": "0 resectable, 1 borderline, 2 locally advanced",
}
_COMPARE: dict[type[ast.cmpop], Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


@dataclass(frozen=True)
class Rule:
    """A parsed rule; call it with columns to get ``(patient,)`` true or false. An empty text lets everybody pass."""

    text: str

    def __post_init__(self) -> None:
        if self.text.strip():
            _check(self._tree(), self.text)

    def _tree(self) -> ast.expr:
        try:
            return ast.parse(self.text.strip(), mode="eval").body
        except SyntaxError as error:
            raise InputError(
                "the eligibility rule cannot be read",
                found=self.text,
                where=f"position {error.offset}",
                remedy='write for example "size_mm > 40 or ki67_pct > 5"',
            ) from None

    def __call__(self, columns: Mapping[str, Any]) -> NDArray[np.bool_]:
        """Which patients pass, ``(patient,)``; a missing value passes no comparison."""
        n = len(next(iter(columns.values())))
        if not self.text.strip():
            return np.ones(n, bool)
        return np.broadcast_to(np.asarray(_evaluate(self._tree(), columns), bool), (n,))


def _refuse(text: str, what: str) -> InputError:
    return InputError(
        "the eligibility rule holds something that is not allowed",
        found=what,
        where=text,
        expected="comparisons of " + ", ".join(QUANTITIES) + " with numbers, joined by and, or, not",
        remedy="rewrite it",
    )


def _check(node: ast.expr, text: str) -> None:
    if isinstance(node, ast.BoolOp):
        for value in node.values:
            _check(value, text)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        _check(node.operand, text)
    elif isinstance(node, ast.Compare):
        for part in (node.left, *node.comparators):
            number = isinstance(part, ast.Constant) and isinstance(part.value, int | float)
            if not number and not (isinstance(part, ast.Name) and part.id in QUANTITIES):
                raise _refuse(text, ast.unparse(part))
        for op in node.ops:
            if type(op) not in _COMPARE:
                raise _refuse(text, type(op).__name__)
    elif not (isinstance(node, ast.Name) and node.id in QUANTITIES):
        raise _refuse(text, ast.unparse(node))


def _evaluate(node: ast.expr, columns: Mapping[str, Any]) -> Any:
    if isinstance(node, ast.BoolOp):
        parts = [np.asarray(_evaluate(value, columns), bool) for value in node.values]
        return np.logical_and.reduce(parts) if isinstance(node.op, ast.And) else np.logical_or.reduce(parts)
    if isinstance(node, ast.UnaryOp):
        return ~np.asarray(_evaluate(node.operand, columns), bool)
    if isinstance(node, ast.Compare):
        values = [_evaluate(part, columns) for part in (node.left, *node.comparators)]
        checks = [_COMPARE[type(op)](a, b) for op, a, b in zip(node.ops, values, values[1:], strict=False)]
        return np.logical_and.reduce(checks)
    if isinstance(node, ast.Constant):
        return node.value
    assert isinstance(node, ast.Name)
    return columns[node.id]
