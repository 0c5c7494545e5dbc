"""Numeric building blocks on payoff tensors.

They need numpy and highspy only, and no two functions have the same name, so that an exported module can hold copies.
"""

from __future__ import annotations

from discovery.tasks.nash.numerics.approximate import one_third_equilibrium
from discovery.tasks.nash.numerics.descent import StationaryPoint, stationary_point
from discovery.tasks.nash.numerics.equilibrium import nash_equilibrium
from discovery.tasks.nash.numerics.mixing import Approximation, best_mixture, best_on_lines, best_product
from discovery.tasks.nash.numerics.payoffs import (
    Payoffs,
    Profile,
    Vector,
    checked_payoffs,
    checked_profile,
    mixture,
    pair_payoffs,
    payoff,
    payoff_vector,
    probabilities,
    pure,
    regrets,
    replaced,
    uniform,
)
from discovery.tasks.nash.numerics.responses import best_actions, best_response, max_payoff
from discovery.tasks.nash.numerics.sampling import Sampled, sampled_equilibrium
from discovery.tasks.nash.numerics.zero_sum import SaddlePoint, zero_sum_equilibrium

__all__ = [
    "Approximation",
    "Payoffs",
    "Profile",
    "SaddlePoint",
    "Sampled",
    "StationaryPoint",
    "Vector",
    "best_actions",
    "best_mixture",
    "best_on_lines",
    "best_product",
    "best_response",
    "checked_payoffs",
    "checked_profile",
    "max_payoff",
    "mixture",
    "nash_equilibrium",
    "one_third_equilibrium",
    "pair_payoffs",
    "payoff",
    "payoff_vector",
    "probabilities",
    "pure",
    "regrets",
    "replaced",
    "sampled_equilibrium",
    "stationary_point",
    "uniform",
    "zero_sum_equilibrium",
]
