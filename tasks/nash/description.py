"""The language in Markdown, generated from the blocks."""

from __future__ import annotations

from discovery.tasks.nash.blocks._base import COEFFICIENT
from discovery.tasks.nash.vocabulary import ARITHMETIC, MAX_STATEMENTS, MAX_STRATEGIES, Words

__all__ = ["description"]

#: They show the form. None may be good: a run from trivial seeds would start from what it should find.
_EXAMPLES = {
    2: """x: P1 = Random()
y: P2 = Random()
wlog(f1(x, y) >= f2(x, y))
u, v = MaxPayoff(U1 + U2)
m: P2 = Mix(y, v, 1/4)
""",
    3: """z: P3 = Random()
x, y = ZeroSum(z, U1 - U2)
w: P3 = BestResponse(x, y)
""",
}


def _example(known: Words) -> str:
    """A program of blocks that the language knows."""
    text = _EXAMPLES.get(known.players, "")
    if all(f"{name}(" not in text for name in known.without):
        return text
    return "".join(f"{name}: P{i} = Random()\n" for i, name in enumerate("xyz"[: known.players], 1))


def description(known: Words) -> str:
    """What a program is, and every block with its types."""
    n = known.players
    profile = ", ".join("xyz"[:n]) if n <= 3 else "s1, ..., sn"
    others = "y" if n == 2 else "y, z" if n == 3 else "s2, ..., sn"
    lines = [
        "A program constructs strategies; it is compiled and interpreted, never executed. An example of the form, not "
        "of a good program:",
        "",
        "```python",
        *_example(known).rstrip().split("\n"),
        "```",
        "",
        f"- Players are {', '.join(f'P{i}' for i in range(1, n + 1))}, payoffs U1, U2, ... lie in [0, 1]. Each line is "
        "`name: P1 = Block(...)` or `name, name = Block(...)`; every name is assigned once. Arguments are positional.",
        "- The last step is implicit: for every choice of constructed strategies of all players but one, the "
        "strategies of that one are mixed as well as possible; also two strategies of one player and two of another, "
        "half and half. The best profile found is returned, so every constructed strategy helps.",
        "- The bound is the largest regret that any game can force, over all ties and legal outputs of the blocks.",
        f"- Values: `U1({profile})` payoff, `M1({others})` best payoff against these, `f1({profile})` regret, "
        "fractions such as 1/2; `+ - * /` and `sqrt`. A value may be the weight of `Mix`, clipped to [0, 1].",
        f"- `wlog(f1({profile}) >= f2({profile}))`, once: free only if exchanging two players turns each side, with "
        "all it is computed from, into the other.",
        "- At the end cases: `if A >= B:` ... `elif ...:` ... `else:` ..., each with more lines. The bound is that of "
        "the worst case.",
        f"- At most {MAX_STRATEGIES.get(n, 2)} strategies of each player and {MAX_STATEMENTS} operations.",
        "",
        "**Blocks**",
        "",
    ]  # fmt: skip
    for block in known.blocks.values():
        lines.append(f"- `{block.name}`: {block.summary}")
        for overload in block.overloads(n):
            takes = [t for t in overload.inputs if t != COEFFICIENT]
            takes += ["payoff expression"] if COEFFICIENT in overload.inputs else []
            lines.append(f"    - ({', '.join(takes)}) -> {', '.join(overload.outputs)}")
    lines += ["", "**Arithmetic**", "", *(f"- `{name}`: {doc}" for name, (_, doc) in ARITHMETIC.items())]
    return "\n".join(lines) + "\n"
