"""The task family `nash`: approximate-equilibrium algorithms with proved bounds."""
