"""The task family `nash`: approximate-equilibrium algorithms with proven bounds."""
