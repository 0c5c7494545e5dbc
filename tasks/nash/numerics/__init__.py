"""Numeric building blocks on payoff tensors.

They need numpy and highspy only, and no two functions have the same name, so that an exported module can hold copies.
"""

from __future__ import annotations

from discovery.tasks.nash.numerics.approximate import one_third_equilibrium, one_third_pair
from discovery.tasks.nash.numerics.arithmetic import quotient, root
from discovery.tasks.nash.numerics.descent import (
    StationaryPoint,
    joint_stationary_point,
    stationary_pair,
    stationary_point,
)
from discovery.tasks.nash.numerics.equilibrium import nash_equilibrium
from discovery.tasks.nash.numerics.mixing import (
    Approximation,
    best_mixture,
    best_on_lines,
    best_on_squares,
    best_profile,
    exchanged_players,
)
from discovery.tasks.nash.numerics.payoffs import (
    Partial,
    Payoffs,
    Profile,
    Vector,
    best_payoff,
    checked_payoffs,
    checked_profile,
    exchanged_payoffs,
    mixture,
    pair_payoffs,
    payoff,
    payoff_vector,
    probabilities,
    pure,
    regret,
    regrets,
    replaced,
    uniform,
)
from discovery.tasks.nash.numerics.responses import arbitrary, best_actions, best_response, blend, max_payoff
from discovery.tasks.nash.numerics.sampling import Sampled, sampled_equilibrium
from discovery.tasks.nash.numerics.zero_sum import zero_sum_equilibrium

__all__ = [
    "Approximation",
    "Partial",
    "Payoffs",
    "Profile",
    "Sampled",
    "StationaryPoint",
    "Vector",
    "arbitrary",
    "best_actions",
    "best_mixture",
    "best_on_lines",
    "best_on_squares",
    "best_payoff",
    "best_profile",
    "best_response",
    "blend",
    "checked_payoffs",
    "checked_profile",
    "exchanged_payoffs",
    "exchanged_players",
    "joint_stationary_point",
    "max_payoff",
    "mixture",
    "nash_equilibrium",
    "one_third_equilibrium",
    "one_third_pair",
    "pair_payoffs",
    "payoff",
    "payoff_vector",
    "probabilities",
    "pure",
    "quotient",
    "regret",
    "regrets",
    "replaced",
    "root",
    "sampled_equilibrium",
    "stationary_pair",
    "stationary_point",
    "uniform",
    "zero_sum_equilibrium",
]
