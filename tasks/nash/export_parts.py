"""The frame of an exported module."""

from __future__ import annotations

__all__ = ["MODULE"]

#: The module, with `string.Template` fields.
MODULE = '''"""$name: an algorithm for approximate Nash equilibria of games with $players players.

$header
"""

from __future__ import annotations

$imports

__all__ = ["BOUND", "solve"]

#: In every game no player gains more than this (plus a term that vanishes with `delta`) by deviating; None: not proved.
BOUND = $bound

$library


def solve(*payoffs: ArrayLike, delta: float = 1e-3, seed: int = 0) -> Approximation:
    """An approximate equilibrium: a profile, and what each player would gain at most by deviating from it alone.

    Args:
        payoffs: For each player an array of shape ($shape), the numbers of actions, with values in [0, 1].
        delta: Slack of the steps that are approximate (stationary points, samples), in [1e-6, 1].
        seed: Of strategies that may be arbitrary.

    Returns:
        `(profile, regrets)`: probability vectors of shapes (m_1,), (m_2,), ..., and an array of shape ($players,).

    Raises:
        ValueError: the payoffs are no game of $players players with values in [0, 1].
    """
    payoffs = checked_payoffs(*payoffs)
    if len(payoffs) != $players:
        raise ValueError(f"expected the payoffs of $players players; got {len(payoffs)}")
$body


def main() -> int:
    """Play some games, and compute the regrets again from their definition; 0 when all is as promised."""
    delta, worst, games = 1e-3, 0.0, 0
    for seed in range(24):
        rng = np.random.default_rng(seed)
        shape = rng.integers(1, 5, $players)
        payoffs = [rng.random(shape) if seed % 2 else rng.integers(0, 2, shape).astype(float) for _ in shape]
        profile, regrets = solve(*payoffs, delta=delta, seed=seed)
        for player, (tensor, strategy) in enumerate(zip(payoffs, profile, strict=True)):
            values = np.moveaxis(tensor, player, -1)
            for other in (each for index, each in enumerate(profile) if index != player):
                values = np.tensordot(other, values, axes=(0, 0))
            gain = values.max() - values @ strategy
            if abs(gain - regrets[player]) > 1e-9 or abs(strategy.sum() - 1) > 1e-9 or strategy.min() < 0:
                print(f"$name: game {seed}: regret {regrets[player]} of player {player + 1} is {gain}: FAILED")
                return 1
        worst, games = max(worst, float(regrets.max())), games + 1
    holds = BOUND is None or worst <= BOUND + 10 * delta
    told = "no bound is proved" if BOUND is None else f"at most {BOUND:.6f} is proved"
    print(f"$name: largest regret {worst:.4f} in {games} games; {told}: {'ok' if holds else 'FAILED'}")
    return 0 if holds else 1


if __name__ == "__main__":
    sys.exit(main())
'''
