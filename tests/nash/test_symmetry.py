"""Symmetries of a system shorten proofs: only what changes no constraint is taken for one."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import pytest

from discovery.tasks.nash import zoo
from discovery.tasks.nash.certificate import as_proved
from discovery.tasks.nash.compiler.symmetry import symmetric
from discovery.tasks.nash.compiler.system import System, compile_program
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.program import Program
from discovery.tasks.nash.proof.several import ordered
from discovery.tasks.nash.reduce import reduced
from discovery.tasks.nash.solvers.relaxation import branching

THREE = NashLanguage(3)
JOINT = "x, y, z, u, v, w = JointStationaryPoint()\n"
CYCLE = "m: P1 = BestResponse(v, z)\nn: P2 = BestResponse(x, w)\no: P3 = BestResponse(u, y)\n"
TURN = {"x": "y", "y": "z", "z": "x", "u": "v", "v": "w", "w": "u"}
SWAP = {"x": "y", "y": "x", "z": "z", "u": "v", "v": "u", "w": "w"}


def system(source: str) -> System:
    (found,) = compile_program(THREE.algorithm(source))
    return found


def assumed(source: str) -> set[str]:
    """What the symmetries of a program allow to assume."""
    form = reduced(THREE.lower(source), THREE.words)
    (bare,) = compile_program(Program.of(form, 3))
    found = ordered(bare, form.blocks[0], THREE.words)
    names = {name: name[:4] for name in branching(bare)}
    texts = {str(each) for each in found.axioms[len(bare.axioms) :]}
    for name, short in names.items():
        texts = {text.replace(name, short) for text in texts}
    return texts


def test_players_that_are_alike_are_ordered() -> None:
    """All of them, or as far as rotations go; not where one of them is treated otherwise."""
    first = {"rho1 >= rho2", "rho1 >= rho3"}
    assert assumed(JOINT) == assumed(zoo.source("joint3")) == first | {"rho2 >= rho3"}
    assert assumed(JOINT + CYCLE) == first
    assert assumed(JOINT + "a: P1 = BestResponse(v, w)\n") == {"rho2 >= rho3"}
    assert assumed(JOINT + "a: P1 = BestResponse(v, z)\n") == set()


@pytest.mark.parametrize(
    ("source", "renaming"),
    [
        (JOINT + "a: P1 = BestResponse(v, w)\n", {**TURN, "a": "a"}),  # gives strategies of P1 to two players
        (JOINT, {**SWAP, "u": "u", "v": "v"}),  # of other players
        (JOINT, {"x": "u", "u": "x", "y": "y", "v": "v", "z": "z", "w": "w"}),  # the point is not its dual
        (JOINT, {"x": "y", "y": "x"}),  # not all strategies
        (JOINT + CYCLE, {**SWAP, "m": "n", "n": "m", "o": "o"}),  # a cycle has no transposition
        (JOINT + "wlog(f1(x, y, z) >= f2(x, y, z))\n", SWAP),  # what is assumed tells the players apart
    ],
)
def test_what_changes_a_constraint_is_no_symmetry(source: str, renaming: dict[str, str]) -> None:
    made = system(source)
    with pytest.raises(ValueError, match="renaming"):
        symmetric(made, [renaming], branching(made))


def test_a_line_too_few_is_no_symmetry() -> None:
    """Lines count as well as axioms do."""
    made = system(JOINT)
    assert symmetric(made, [TURN], branching(made)).symmetries == (TURN,)
    with pytest.raises(ValueError, match="constraint and line"):
        symmetric(replace(made, lines=made.lines[1:]), [TURN], branching(made))


def test_a_certificate_cannot_claim_a_symmetry() -> None:
    """What a recipe names is checked before its texts are written."""
    made = system(JOINT + "a: P1 = BestResponse(v, z)\n")
    step = {"case": 1, "simpler": [], "symmetries": [{**SWAP, "a": "a"}]}
    with pytest.raises(ValueError, match="renaming"):
        as_proved([made], [step])
    (found,) = as_proved([system(JOINT)], [{**step, "symmetries": [SWAP, TURN]}])
    assert len(found.axioms) == len(system(JOINT).axioms) + 3


def test_every_state_has_an_image_in_order() -> None:
    """Values of all variables that meet the axioms still do when renamed, with the same lines; one image is ordered."""
    made = system(JOINT)
    values = dict.fromkeys(made.state.variables, Fraction(0))
    shares = {"rho1(x,y,z)": Fraction(1, 5), "rho2(x,y,z)": Fraction(1, 2), "rho3(x,y,z)": Fraction(3, 10)}
    ordering = symmetric(made, [SWAP, TURN], branching(made)).axioms[len(made.axioms) :]
    images = []
    for first, second, third in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        parts = [list(shares.values())[place] for place in (first, second, third)]
        images.append({**values, **dict(zip(shares, parts, strict=True))})
    assert sum(all(each.poly.at(image) >= 0 for each in ordering) for image in images) == 1
