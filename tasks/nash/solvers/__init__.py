"""Constraint systems for solvers, each in its own process."""
