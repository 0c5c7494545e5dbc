"""Exported modules: the same training as the interpreter's, plain, self-contained, and useful as an optimizer."""

from __future__ import annotations

import random
import subprocess
import sys
import types
from functools import cache
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from discovery.tasks.optimizers import zoo
from discovery.tasks.optimizers.export import class_name, optimizer_module
from discovery.tasks.optimizers.interpreter import Rule
from discovery.tasks.optimizers.language import OptimizerLanguage
from discovery.tasks.optimizers.rule import lower
from discovery.tasks.optimizers.vocabulary import PRIMITIVES

ZOO = zoo.sources()
STEPS, LR, DECAY = 24, 0.003, 0.1
PARAMETERS = {
    "matrix": [(4, 6), (6, 4), (3, 2, 2, 2)],
    "vector": [(5,)],
    "embedding": [(7, 3)],
    "scalar": [(), (1,)],
}


def mutants(count: int) -> dict[str, str]:
    """Sources of random rules, one to ten edits away from the zoo."""
    language, rng = OptimizerLanguage(), random.Random(11)
    made = {}
    for index in range(count):
        parent = language.check(ZOO[rng.choice(sorted(ZOO))])
        made[f"mutant_{index}"] = language.mutate(parent, rng, rng.randint(1, 10))
    return made


def executed(text: str, name: str) -> dict[str, Any]:
    module = types.ModuleType(name)
    exec(compile(text, f"{name}.py", "exec"), module.__dict__)
    return module.__dict__


def loaded(text: str, name: str) -> Any:
    return executed(text, name)[class_name(name)]


def gradients(w: Tensor, t: int) -> Tensor:
    generator = torch.Generator().manual_seed(1000 * t + w.numel())
    return torch.randn(w.shape, generator=generator, dtype=w.dtype) * 10.0 ** (t % 5 - 3)


@cache
def both(source: str) -> tuple[Rule, Any]:
    """The rule interpreted and exported."""
    form = lower(source)
    return Rule(form), loaded(optimizer_module(form, "exported_rule", "Header."), "exported_rule")


def interpreted(source: str, kind: str, w: Tensor) -> Tensor:
    rule = both(source)[0]
    w = w[None]
    state = rule.init(kind, w)
    for t in range(1, STEPS + 1):
        u, state = rule.update(kind, w, gradients(w[0], t)[None], state, t)
        w = w - LR * u - LR * DECAY * w
    return w[0]


def exported(source: str, kind: str, w: Tensor) -> Tensor:
    parameter = torch.nn.Parameter(w.clone())
    group: dict[str, Any] = {"params": [parameter]}
    if kind == "embedding":
        group["kind"] = "embedding"
    optimizer = both(source)[1]([group], lr=LR, weight_decay=DECAY)
    for t in range(1, STEPS + 1):
        parameter.grad = gradients(parameter, t)
        optimizer.step()
        parameter.grad.fill_(torch.nan)
    return parameter.detach()


def assert_trains_alike(source: str) -> float:
    """Compare final weights over all kinds and shapes; the share of cases that could be compared.

    A case cannot where the rule itself turns a difference of one rounding in the first weights into one that shows.
    """
    compared = []
    for kind, shapes in PARAMETERS.items():
        for shape in shapes:
            w = torch.randn(shape, generator=torch.Generator().manual_seed(3), dtype=torch.float64)
            ours, nudged = interpreted(source, kind, w), interpreted(source, kind, w * (1 + 1e-15))
            theirs = exported(source, kind, w)
            scale = ours.abs().max().clamp_min(1.0)
            compared.append(bool((ours - nudged).abs().max() < 1e-11 * scale))
            if compared[-1]:
                assert (ours - theirs).abs().max() < 1e-9 * scale, f"{source}\n{kind} {shape}: {ours} {theirs}"
            elif not ours.isfinite().all():
                assert not theirs.isfinite().all(), f"{source}\n{kind} {shape}: {ours} {theirs}"
    return sum(compared) / len(compared)


@pytest.mark.parametrize("name", sorted(ZOO))
def test_zoo_trains_as_interpreted(name: str) -> None:
    assert assert_trains_alike(ZOO[name]) == 1.0


def test_mutants_train_as_interpreted() -> None:
    shares = [assert_trains_alike(source) for source in mutants(45).values()]
    assert sum(share == 1.0 for share in shares) >= 30


CALLS = {
    "where_gt": "where_gt(g, {0}, g, {1}) + where_gt(t, 3, g, {1}) + where_gt(mean(g), t, {1}, {0}) * g",
    "clip": "clip(g, -0.1, {0}) + clip(g, -abs(w), abs(w)) + clip(g, 0 - {1}, {1})",
    "first": "first(g, w) + g * first({0}, {1})",
    "every": "every(3, g, w) + g * every(4, {1}, {0})",
    "pow": "pow(g, {0}) + pow(g, {1} + 0.5) + g * pow({0}, 1.5) + g * pow({1}, {0}) + pow({0}, abs(w))",
    "ns": "ns(g, 3)",
    "matmul": "matmul(matmul(g, transpose(g)) * 2 - {1} * matmul(w, transpose(w)), g)",
    "transpose": "transpose(transpose(g)) + matmul(g, transpose(matmul(transpose(w), w)))",
    "update_floor": "update_floor(g, w, {0}) + update_floor(g, w, {1})",
    "clip_norm": "clip_norm(g, {0}) + clip_norm(g, {1})",
}


def source_using(op: str) -> str:
    """A rule that uses `op` on tensors, on scalars of a lane, on floats and on mixtures, as far as its types allow."""
    primitive = PRIMITIVES[op]
    scalar, lane = "(0.3 + 1 / t)", "mean(abs(g))"
    if op in CALLS:
        terms = [CALLS[op].format(scalar, lane)]
    else:
        terms = []
        for signature in primitive.operation.signatures:
            if set(signature.inputs) <= {"tensor", "scalar", "rate"} and signature.outputs[0] in ("tensor", "scalar"):
                for one in (scalar, lane):
                    other = lane if one == scalar else scalar
                    picks = {"tensor": cycle(["g", "w"]), "scalar": cycle([one, other]), "rate": cycle(["0.9"])}
                    call = f"{op}({', '.join(next(picks[want]) for want in signature.inputs)})"
                    terms.append(call if signature.outputs[0] == "tensor" else f"g * {call}")
    expression = " + ".join(f"0.1 * ({term})" for term in terms)
    return (
        'def init(shape, kind):\n    return {"m": zeros(shape), "c": 0.5}\n'
        f"def update(w, g, s, t, kind):\n    u = {expression}\n"
        '    return u + s["c"] * s["m"], {"m": g, "c": ema(s["c"], 1 / t, 0.9)}\n'
    )


@pytest.mark.parametrize("op", [name for name, primitive in PRIMITIVES.items() if primitive.group != "initial"])
def test_every_operation_trains_as_interpreted(op: str) -> None:
    source = source_using(op)
    assert f"{op}(" in source
    assert assert_trains_alike(source) == 1.0


HEADER = 'Found in "run 7" \\ with """quotes""".\n\n  Indented: ' + "word " * 60


def ruff(path: Path) -> str:
    """What the project's own checks say of the modules in a folder; nothing when they are clean."""
    config = Path(__file__).parents[2] / "pyproject.toml"
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--config", str(config), str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode else ""


def test_modules_are_clean(tmp_path: Path) -> None:
    operations = {f"uses_{op}": source_using(op) for op in PRIMITIVES if PRIMITIVES[op].group != "initial"}
    for name, source in (ZOO | operations | mutants(60)).items():
        text = optimizer_module(lower(source), name, HEADER)
        assert "discovery" not in text
        (tmp_path / f"{name}.py").write_text(text)
    assert ruff(tmp_path) == ""
    (tmp_path / "dirty.py").write_text("import os\n")
    assert "F401" in ruff(tmp_path)


@pytest.mark.parametrize("name", sorted(ZOO))
def test_zoo_modules_test_themselves(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    module = executed(optimizer_module(lower(ZOO[name]), name, HEADER), name)
    assert module["_self_test"]() == 0
    line = capsys.readouterr().out
    assert line.count("\n") == 1
    assert line.startswith(class_name(name)) and line.endswith("resumes identically: True: ok\n")


@pytest.mark.parametrize(("direction", "code", "verdict"), [("sign(g)", 0, "ok"), ("-g", 1, "FAILED")])
def test_module_runs_alone(direction: str, code: int, verdict: str, tmp_path: Path) -> None:
    path = tmp_path / "found.py"
    source = f"def init(shape, kind): return {{}}\ndef update(w, g, s, t, kind): return {direction}, {{}}\n"
    path.write_text(optimizer_module(lower(source), "found", HEADER))
    # -I: neither this folder nor the environment is at hand.
    run = [sys.executable, "-I", str(path)]
    done = subprocess.run(run, capture_output=True, text=True, check=False, cwd=tmp_path, env={"OMP_NUM_THREADS": "1"})
    assert done.returncode == code, done.stderr
    assert done.stdout.endswith(f"{verdict}\n")


class TestAsAnOptimizer:
    """What users of torch expect, on the rule with most parts."""

    muon = staticmethod(loaded(optimizer_module(lower(ZOO["muon"]), "muon", ""), "muon"))

    def test_groups_have_options_of_their_own(self) -> None:
        one, other = (torch.nn.Parameter(torch.ones(3)) for _ in range(2))
        optimizer = self.muon([{"params": [one]}, {"params": [other], "lr": 0.0, "b1": 0.5}], lr=0.1, b2=0.99)
        assert [group["b1"] for group in optimizer.param_groups] == [0.9, 0.5]
        assert [group["b2"] for group in optimizer.param_groups] == [0.99, 0.99]
        for p in (one, other):
            p.grad = torch.ones(3)
        optimizer.step()
        assert torch.allclose(one, torch.full((3,), 0.9))
        assert torch.equal(other, torch.ones(3))

    def test_closure_and_parameters_without_gradient(self) -> None:
        used, unused = (torch.nn.Parameter(torch.ones(2, 2)) for _ in range(2))
        optimizer = self.muon([used, unused], lr=0.1)

        def closure() -> Tensor:
            optimizer.zero_grad()
            loss = used.square().sum()
            loss.backward()
            return loss.detach()

        assert float(optimizer.step(closure)) == 4.0
        assert torch.equal(unused, torch.ones(2, 2))
        assert unused not in optimizer.state
        assert not torch.equal(used, torch.ones(2, 2))

    def test_kinds_go_by_shape_or_by_group(self) -> None:
        matrix, embedding = (torch.nn.Parameter(torch.ones(2, 3)) for _ in range(2))
        optimizer = self.muon([{"params": [matrix]}, {"params": [embedding], "kind": "embedding"}])
        for p in (matrix, embedding):
            p.grad = torch.ones(2, 3)
        optimizer.step()
        assert set(optimizer.state[matrix]) == {"step", "m"}
        assert set(optimizer.state[embedding]) == {"step", "m", "v"}

    def test_a_parameter_without_elements_is_passed_over(self) -> None:
        for name in ("muon", "cautious_adamw"):
            p = torch.nn.Parameter(torch.ones(0, 3))
            optimizer = both(ZOO[name])[1]([p, torch.nn.Parameter(torch.ones(0))])
            for each in optimizer.param_groups[0]["params"]:
                each.grad = torch.ones_like(each)
            optimizer.step()

    def test_refuses_sparse_gradients_and_negative_rates(self) -> None:
        p = torch.nn.Parameter(torch.ones(2, 2))
        with pytest.raises(ValueError, match="at least 0"):
            self.muon([p], lr=-1.0)
        p.grad = torch.ones(2, 2).to_sparse()
        with pytest.raises(RuntimeError, match="dense"):
            self.muon([p]).step()


def test_constants_and_states_may_have_awkward_names() -> None:
    source = (
        'HYPER = {"lr": 0.9, "step": 0.5, "state": 2.0, "torch": 3, "x1": 0.1, "floored": 1.5}\n'
        'def init(shape, kind):\n    return {"step": zeros(shape), "m": full(shape, torch), "self": 0.0}\n'
        "def update(w, g, s, t, kind):\n"
        '    p = ema(s["step"], g, lr)\n    group = p * state + x1 * s["m"] / floored\n    u = group / (g * g - step)\n'
        '    return u + s["self"] * g, {"step": p, "m": s["step"], "self": t}\n'
    )
    assert assert_trains_alike(source) == 1.0


def test_names_that_give_way_do_not_take_other_names() -> None:
    source = (
        'HYPER = {"step": 0.9, "step_": 0.5, "step__": 2.0}\n'
        'def init(shape, kind):\n    return {"step": zeros(shape), "step_": ones(shape), "step__": zeros(shape)}\n'
        "def update(w, g, s, t, kind):\n"
        '    a = ema(s["step"], g, step)\n    b = ema(s["step_"], square(g), step_)\n    c = s["step__"] + a * b\n'
        '    return a / (sqrt(b) + step__) + c, {"step": a, "step_": b, "step__": c}\n'
    )
    assert assert_trains_alike(source) == 1.0
    optimizer = both(source)[1]([torch.nn.Parameter(torch.ones(2))])
    assert len(set(optimizer.defaults) - {"lr", "weight_decay"}) == 3


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_numbers_beyond_the_dtype_are_infinite(dtype: torch.dtype) -> None:
    source = (
        'HYPER = {"c": 1e300}\ndef init(shape, kind): return {}\n'
        "def update(w, g, s, t, kind): return clip(g, -c, c) + min(g, c) + max(-c, g), {}\n"
    )
    p = torch.nn.Parameter(torch.ones(3, dtype=dtype))
    p.grad = torch.ones(3, dtype=dtype)
    both(source)[1]([p], lr=0.125).step()
    assert torch.equal(p.detach(), torch.full((3,), 0.625, dtype=dtype))


def test_code_is_plain() -> None:
    text = optimizer_module(lower(ZOO["adamw"]), "adamw", "")
    assert "u = m / (1 - b1 ** step) / ((v / (1 - b2 ** step)).sqrt() + eps)" in text
    assert "floored" not in text
    assert "number" not in text


@pytest.mark.parametrize("name", ["", "a-b", "class", "1x"])
def test_refuses_names_that_are_no_modules(name: str) -> None:
    with pytest.raises(ValueError, match="identifier"):
        optimizer_module(lower(ZOO["lion"]), name, "")


@pytest.mark.parametrize("name", ["tensor", "any", "Value"])
def test_refuses_names_that_hide_what_the_module_needs(name: str) -> None:
    with pytest.raises(ValueError, match="hides nothing"):
        optimizer_module(lower(ZOO["lion"]), name, "")


def test_is_written_without_torch() -> None:
    code = (
        "import sys\n"
        "from discovery.tasks.optimizers import zoo\n"
        "from discovery.tasks.optimizers.export import optimizer_module\n"
        "from discovery.tasks.optimizers.rule import lower\n"
        "source = 'def init(shape, kind): return {}\\ndef update(w, g, s, t, kind): return g / w, {}'\n"
        "assert 'floored' in optimizer_module(lower(source), 'x', '')\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"
