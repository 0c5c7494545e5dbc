"""Random edits of plain Python, made on the syntax tree: modest ones, which need no model.

An edit changes a copy in place and says whether it found something to change. The results always parse; whether they
run is for the sandbox to say.
"""

from __future__ import annotations

import ast
import copy
import random
from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias, TypeVar

__all__ = ["cross", "mutate"]

Function: TypeAlias = ast.FunctionDef | ast.AsyncFunctionDef
Edit: TypeAlias = Callable[[ast.Module, random.Random], bool]
_T = TypeVar("_T")

_ARITHMETIC: tuple[type[ast.operator], ...] = (ast.Add, ast.Sub, ast.Mult, ast.Div, ast.FloorDiv, ast.Mod, ast.Pow)
_COMPARISONS: tuple[type[ast.cmpop], ...] = (ast.Lt, ast.LtE, ast.Gt, ast.GtE, ast.Eq, ast.NotEq)
_MAX_STATEMENTS = 400


def mutate(tree: ast.Module, rng: random.Random) -> ast.Module:
    """A copy of `tree` with one random edit; unchanged when none applies."""
    child = copy.deepcopy(tree)
    edits, weights = zip(*_EDITS, strict=True)
    for _ in range(20):
        if rng.choices(edits, weights)[0](child, rng):
            break
    return child


def cross(first: ast.Module, second: ast.Module, rng: random.Random) -> ast.Module:
    """A copy of `first` with something of `second`: a whole function with what it needs, or a statement."""
    child, donor = copy.deepcopy(first), copy.deepcopy(second)
    if rng.random() < 0.5 and _graft_function(child, donor, rng):
        return child
    _graft_statement(child, donor, rng)
    return child


def _pick(rng: random.Random, items: Sequence[_T]) -> _T | None:
    return rng.choice(items) if items else None


def _nodes(tree: ast.AST, kind: type[_T]) -> list[_T]:
    return [node for node in ast.walk(tree) if isinstance(node, kind)]


def _functions(tree: ast.AST) -> list[Function]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _bodies(tree: ast.AST) -> Iterator[list[ast.stmt]]:
    """Every list of statements inside a function."""
    for function in _functions(tree):
        for node in ast.walk(function):
            for name in ("body", "orelse", "finalbody"):
                body = getattr(node, name, None)
                if isinstance(body, list) and body:
                    yield body


def _places(tree: ast.AST) -> list[tuple[list[ast.stmt], int]]:
    return [(body, index) for body in _bodies(tree) for index in range(len(body))]


def _other(rng: random.Random, kinds: Sequence[type[_T]], present: object) -> _T:
    return rng.choice([kind for kind in kinds if not isinstance(present, kind)])()


def _number(tree: ast.Module, rng: random.Random) -> bool:
    node = _pick(rng, [node for node in _nodes(tree, ast.Constant) if type(node.value) in (int, float)])
    if node is None:
        return False
    if isinstance(node.value, int):
        whole = node.value
        node.value = rng.choice([whole + 1, whole - 1, whole * 2, whole // 2, whole + rng.randint(-10, 10)])
    elif isinstance(node.value, float):
        value = node.value * rng.lognormvariate(0, 0.5) if node.value and rng.random() < 0.8 else rng.gauss(0, 1)
        node.value = float(f"{value:.6g}")
    return True


def _negate_number(tree: ast.Module, rng: random.Random) -> bool:
    node = _pick(rng, _nodes(tree, ast.BinOp))
    if node is None:
        return False
    node.right = ast.UnaryOp(ast.USub(), node.right)
    return True


def _arithmetic(tree: ast.Module, rng: random.Random) -> bool:
    nodes: list[ast.BinOp | ast.AugAssign] = [*_nodes(tree, ast.BinOp), *_nodes(tree, ast.AugAssign)]
    node = _pick(rng, nodes)
    if node is None or not isinstance(node.op, _ARITHMETIC):
        return False
    node.op = _other(rng, _ARITHMETIC, node.op)
    return True


def _operands(tree: ast.Module, rng: random.Random) -> bool:
    node = _pick(rng, _nodes(tree, ast.BinOp))
    if node is None:
        return False
    node.left, node.right = node.right, node.left
    return True


def _comparison(tree: ast.Module, rng: random.Random) -> bool:
    node = _pick(rng, [node for node in _nodes(tree, ast.Compare) if isinstance(node.ops[0], _COMPARISONS)])
    if node is None:
        return False
    node.ops[0] = _other(rng, _COMPARISONS, node.ops[0])
    return True


def _name(tree: ast.Module, rng: random.Random) -> bool:
    """Use another name of the same function in one place."""
    function = _pick(rng, _functions(tree))
    if function is None:
        return False
    names = [node for node in _nodes(function, ast.Name) if isinstance(node.ctx, ast.Load)]
    known = {node.id for node in _nodes(function, ast.Name) if isinstance(node.ctx, ast.Store)}
    known |= {argument.arg for argument in _nodes(function, ast.arg)}
    node = _pick(rng, [node for node in names if node.id in known])
    others = sorted(known - {node.id}) if node is not None else []
    if node is None or not others:
        return False
    node.id = rng.choice(others)
    return True


def _combine(tree: ast.Module, rng: random.Random) -> bool:
    """Put a name of the function into an expression: `e` becomes `e + c * name`."""
    function = _pick(rng, _functions(tree))
    if function is None:
        return False
    targets: list[ast.Return | ast.Assign] = [*_nodes(function, ast.Return), *_nodes(function, ast.Assign)]
    names = sorted({argument.arg for argument in _nodes(function, ast.arg)})
    node = _pick(rng, targets)
    if node is None or not names or node.value is None:
        return False
    scaled = ast.BinOp(
        ast.Constant(float(f"{rng.gauss(0, 1):.3g}")), ast.Mult(), ast.Name(rng.choice(names), ast.Load())
    )
    node.value = ast.BinOp(node.value, ast.Add(), scaled)
    return True


def _delete(tree: ast.Module, rng: random.Random) -> bool:
    place = _pick(rng, _places(tree))
    if place is None:
        return False
    body, index = place
    body[index : index + 1] = [] if len(body) > 1 else [ast.Pass()]
    return True


def _duplicate(tree: ast.Module, rng: random.Random) -> bool:
    places = _places(tree)
    if not places or len(places) >= _MAX_STATEMENTS:
        return False
    body, index = rng.choice(places)
    body.insert(index, copy.deepcopy(body[index]))
    return True


def _swap(tree: ast.Module, rng: random.Random) -> bool:
    place = _pick(rng, [(body, index) for body, index in _places(tree) if index + 1 < len(body)])
    if place is None:
        return False
    body, index = place
    body[index], body[index + 1] = body[index + 1], body[index]
    return True


_EDITS: tuple[tuple[Edit, float], ...] = (
    (_number, 5),
    (_arithmetic, 2),
    (_operands, 2),
    (_negate_number, 1),
    (_comparison, 2),
    (_name, 2),
    (_combine, 2),
    (_swap, 1),
    (_duplicate, 0.5),
    (_delete, 1),
)


def _graft_function(child: ast.Module, donor: ast.Module, rng: random.Random) -> bool:
    """Take a top-level function of `donor` that `child` has in another form, and the definitions it uses and `child`
    lacks."""
    mine = {name: node for node in child.body for name in _defines(node)}
    theirs = {name: node for node in donor.body for name in _defines(node)}
    shared = [
        name
        for name, node in theirs.items()
        if name in mine and isinstance(node, ast.FunctionDef) and ast.dump(node) != ast.dump(mine[name])
    ]
    name = _pick(rng, shared)
    if name is None:
        return False
    child.body[child.body.index(mine[name])] = theirs[name]
    wanted = [theirs[name]]
    while wanted:
        for used in sorted({node.id for node in _nodes(wanted.pop(), ast.Name)}):
            if used in theirs and used not in mine:
                definition = theirs[used]
                child.body.insert(0, definition)
                mine |= dict.fromkeys(_defines(definition), definition)
                wanted.append(definition)
    return True


def _defines(node: ast.stmt) -> list[str]:
    """Names that a top-level statement brings."""
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return [node.name]
    if isinstance(node, ast.Import | ast.ImportFrom):
        return [alias.asname or alias.name.partition(".")[0] for alias in node.names]
    return [name.id for name in _nodes(node, ast.Name) if isinstance(name.ctx, ast.Store)]


def _graft_statement(child: ast.Module, donor: ast.Module, rng: random.Random) -> None:
    place, source = _pick(rng, _places(child)), _pick(rng, _places(donor))
    if place is None or source is None:
        return
    (body, index), (other, taken) = place, source
    statement = copy.deepcopy(other[taken])
    if rng.random() < 0.5 and len(_places(child)) < _MAX_STATEMENTS:
        body.insert(index, statement)
    else:
        body[index] = statement
