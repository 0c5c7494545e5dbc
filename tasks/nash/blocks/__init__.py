"""The building blocks, one file each, and `BLOCKS`, which lists them."""

from __future__ import annotations

from discovery.tasks.nash.blocks._base import Block, Call, Overload
from discovery.tasks.nash.blocks.approximate import Approximate
from discovery.tasks.nash.blocks.best_response import BestResponse
from discovery.tasks.nash.blocks.joint_stationary_point import JointStationaryPoint
from discovery.tasks.nash.blocks.max_payoff import MaxPayoff
from discovery.tasks.nash.blocks.mix import Mix
from discovery.tasks.nash.blocks.random import Random
from discovery.tasks.nash.blocks.sample_lp import SampleLP
from discovery.tasks.nash.blocks.stationary_point import StationaryPoint
from discovery.tasks.nash.blocks.zero_sum import ZeroSum

__all__ = ["BLOCKS", "Block", "Call", "Overload"]

#: Every block, in the order in which the language's description shows them.
BLOCKS: tuple[Block, ...] = (
    Random(),
    BestResponse(),
    Mix(),
    ZeroSum(),
    MaxPayoff(),
    StationaryPoint(),
    SampleLP(),
    JointStationaryPoint(),
    Approximate(),
)
