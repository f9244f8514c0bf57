"""A linearly implicit integrator for many small stiff systems at once: RODAS, order 4, six stages.

Coefficients: Hairer & Wanner, Solving Ordinary Differential Equations II (2nd ed. 1996), section IV.7, code RODAS.
Steps are given, not adapted: one sequence serves every system, so all systems advance as one array. Linear invariants
(mass) are kept to rounding, because every stage solves with the exact Jacobian.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RightSide = Callable[[Floats], Floats]
Solve = Callable[[Floats, Floats, float], Floats]

GAMMA = 0.25
_A = (
    (),
    (1.544,),
    (0.9466785280815826, 0.2557011698983284),
    (3.314825187068521, 2.896124015972201, 0.9986419139977817),
    (1.221224509226641, 6.019134481288629, 12.53708332932087, -0.6878860361058950),
)
_C = (
    (),
    (-5.6688,),
    (-2.430093356833875, -0.2063599157091915),
    (-0.1073529058151375, -9.594562251023355, -20.47028614809616),
    (7.496443313967647, -10.24680431464352, -33.99990352819905, 11.70890893206160),
    (8.083246795921522, -7.981132988064893, -31.52159432874371, 16.31930543123136, -6.058818238834054),
)


def integrate(right_side: RightSide, solve: Solve, start: Floats, steps: Floats) -> Floats:
    """Integrate an autonomous system through given steps.

    Parameters
    ----------
    right_side
        f(y) for states ``(state, system)``.
    solve
        ``solve(y, r, s)`` returns v with (s·1 − J(y)) v = r, J the Jacobian of f.
    start
        ``(state, system)``.
    steps
        ``(n,)`` step sizes.

    Returns
    -------
    states
        ``(n + 1, state, system)``, the start included.
    """
    states = np.empty((len(steps) + 1, *start.shape))
    states[0] = y = start
    for index, h in enumerate(steps):
        s = 1.0 / (h * GAMMA)
        stages: list[Floats] = []
        last = y
        for stage in range(6):
            point = y.copy()
            if stage < 5:
                for a, k in zip(_A[stage], stages, strict=False):
                    point += a * k
            else:
                point = last + stages[4]
            if stage == 4:
                last = point
            r = right_side(point)
            for c, k in zip(_C[stage], stages, strict=False):
                r += (c / h) * k
            stages.append(solve(y, r, s))
        y = last + stages[4] + stages[5]
        states[index + 1] = y
    return states
