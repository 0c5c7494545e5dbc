"""From systems to outcomes: bounds with proofs, counterexamples checked exactly."""
