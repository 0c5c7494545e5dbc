"""Linear programs, solved by HiGHS (Huangfu and Hall 2018)."""

from __future__ import annotations

from typing import NamedTuple

import highspy
import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Optimum", "QuietHighs", "linear_program"]


class Optimum(NamedTuple):
    """Solution of a linear program.

    Attributes:
        point: An optimal point, shape (variables,).
        value: The minimum.
        duals: Multipliers of the inequalities, at least 0, shape (inequalities,).
    """

    point: NDArray[np.float64]
    value: float
    duals: NDArray[np.float64]


class QuietHighs(highspy.Highs):
    """HiGHS without the banner that it writes to standard output as soon as callbacks are enabled."""

    def enableCallbacks(self) -> None:
        """Enables none, and turns all output off instead."""
        self.setOptionValue("output_flag", False)


def linear_program(
    cost: ArrayLike,
    rows: ArrayLike,
    most: ArrayLike,
    equations: ArrayLike,
    equal: ArrayLike,
    lower: ArrayLike = 0.0,
    upper: ArrayLike = np.inf,
    binary: ArrayLike = False,
) -> Optimum:
    """Minimise `cost @ v` subject to `rows @ v <= most`, `equations @ v == equal` and `lower <= v <= upper`.

    Args:
        cost: Shape (variables,).
        rows, most: Shapes (inequalities, variables) and (inequalities,).
        equations, equal: Shapes (equations, variables) and (equations,).
        lower, upper: Bounds of the variables, one number or shape (variables,).
        binary: Which variables may only be 0 or 1; with any, the duals say nothing.

    Raises:
        RuntimeError: HiGHS found no optimum.
    """
    matrix = np.vstack([rows, equations]).astype(float)
    inequalities, columns = len(matrix) - len(np.asarray(equal)), matrix.shape[1]
    row, column = np.nonzero(matrix)
    model = highspy.HighsLp()
    model.num_row_, model.num_col_ = matrix.shape
    model.col_cost_ = np.asarray(cost, float)
    model.col_lower_, model.col_upper_ = np.full(columns, lower, float), np.full(columns, upper, float)
    model.row_lower_ = np.concatenate([np.full(inequalities, -np.inf), equal])
    model.row_upper_ = np.concatenate([most, equal])
    model.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.searchsorted(row, np.arange(len(matrix) + 1)).astype(np.int32)
    model.a_matrix_.index_, model.a_matrix_.value_ = column.astype(np.int32), matrix[row, column]
    kinds = (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
    if np.any(binary):
        model.integrality_ = [kinds[int(each)] for each in np.full(columns, binary)]
    for presolve in ("off", "on"):  # small programs are solved faster without it; the other way is a second chance
        solver = QuietHighs()  # type: ignore[no-untyped-call]  # its base has no annotations
        for option, value in (("output_flag", False), ("parallel", "off"), ("random_seed", 0), ("presolve", presolve)):
            solver.setOptionValue(option, value)
        for option in ("primal_feasibility_tolerance", "dual_feasibility_tolerance", "mip_feasibility_tolerance"):
            solver.setOptionValue(option, 1e-9)
        solver.passModel(model)
        solver.run()
        if solver.getModelStatus() == highspy.HighsModelStatus.kOptimal:
            found = solver.getSolution()
            duals = np.maximum(-np.array(found.row_dual)[:inequalities], 0.0)
            return Optimum(np.array(found.col_value), solver.getInfo().objective_function_value, duals)
    raise RuntimeError(f"HiGHS ended with {solver.modelStatusToString(solver.getModelStatus())}, not with an optimum")
