"""Verification of an exported bundle: the claimed bound is proved again, and the games are played again.

Nothing recorded is believed. The files must be those that the recorded program exports to, byte for byte; the claimed
bound must be proved anew for each case, by Z3, from texts that are compiled from the source here; cvc5 is asked too,
and must not contradict; the axioms must have a model; what was recorded of search and confirmation must come out again;
and in games drawn here the exported module, run in the sandbox, must keep the bound, with regrets that are computed
here. What is only told cannot be checked and carries no claim: name and date of the run, numbers of proposals, parents,
other finalists.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from discovery.export import misnumbered, search_scores
from discovery.model import JSON, Evidence, Rejected, Verdict
from discovery.randomness import derive
from discovery.sandbox import Array
from discovery.task import Context, Verification
from discovery.tasks.nash import numerics
from discovery.tasks.nash.certificate import as_proved, ordering, texts, without_condition
from discovery.tasks.nash.compiler.system import System
from discovery.tasks.nash.confirmation import confirm
from discovery.tasks.nash.execute import execute
from discovery.tasks.nash.export import Claim, claimed, exact, exported, proof_systems
from discovery.tasks.nash.games import suite
from discovery.tasks.nash.language import NashLanguage
from discovery.tasks.nash.proof.counterexample import from_model, violations
from discovery.tasks.nash.solvers.encoding import target_problem
from discovery.tasks.nash.solvers.process import Solver
from discovery.tasks.nash.solvers.smtlib import smtlib
from discovery.tasks.nash.stages import Judge

__all__ = ["verify"]

#: Solver work for each question, and the backstop in seconds: more than any proof was found with.
WORK, SECONDS = 40_000_000, 300.0
SECOND_WORK, SECOND_SECONDS = 4_000_000, 60.0
ORDERINGS = (4, 1, 0)
#: Slack of approximate steps in the games, and how far regrets may exceed the bound for it.
DELTA, ALLOWED = 1e-3, 1e-2
ROUNDS = 2
#: Where there are more questions than this, progress is told once for as many.
_MANY = 20
#: Texts that are told of together, by the word in their names.
_ALIKE = {"part": "boxes", "step": "steps", "lemma": "lemmas"}

Check = tuple[str, bool, str]
#: What reading a bundle that no export wrote may raise.
_MALFORMED = (KeyError, IndexError, TypeError, ValueError, AttributeError, OverflowError, ZeroDivisionError)
#: Fields that say what something cost, not what it found.
_COSTS = ("wall_seconds", "cpu_seconds", "record", "proof_seconds")


def verify(
    language: NashLanguage, version: str, files: Mapping[str, str], provenance: Mapping[str, JSON], ctx: Context
) -> Verification:
    """All checks, in order; a bundle that is not what an export writes fails a check and raises nothing.

    Args:
        language: Of the number of players that the task says.
        version: Of the task: records made under another one may differ in all but their outcome.
        files, provenance, ctx: As for `Task.verify`.
    """
    source = str(provenance["program"]["source"])
    checks = [_program(language, source, provenance)]
    if checks[0][1]:
        steps: Sequence[tuple[str, Callable[[], list[Check]]]] = (
            ("files", lambda: [_files(language, source, files, provenance)]),
            ("proof", lambda: _proof(language, source, claimed(provenance), ctx.tell)),
            ("search", lambda: [_search(language, source, version, provenance, ctx.tell)]),
            ("confirmation", lambda: [_confirmation(language, source, version, provenance, ctx.tell)]),
            ("games", lambda: _games(language, source, files, provenance, ctx)),
        )
        for name, check in steps:
            found = _guarded(name, check)
            checks += found
            if not all(holds for _, holds, _ in found):
                break  # what follows would rest on it
    return Verification(all(holds for _, holds, _ in checks), tuple(checks))


def _guarded(name: str, check: Callable[[], list[Check]]) -> list[Check]:
    try:
        return check()
    except _MALFORMED as error:
        return [(name, False, f"the record is incomplete or malformed: {type(error).__name__}: {error}")]


def _program(language: NashLanguage, source: str, provenance: Mapping[str, JSON]) -> Check:
    try:
        key = language.check(source).key
    except Rejected as error:
        return "program", False, f"the recorded source is no program: {error}"
    if key != provenance["program"]["key"] or key[:12] != provenance["program"].get("id"):
        return "program", False, f"the recorded source has key {key[:12]}, the bundle says otherwise"
    return "program", True, f"the recorded source has the recorded key {key[:12]}"


def _files(language: NashLanguage, source: str, files: Mapping[str, str], provenance: Mapping[str, JSON]) -> Check:
    expected = exported(language, source, str(provenance["name"]), provenance)
    if extra := files.keys() - expected.keys():
        return "files", False, f"{', '.join(sorted(extra))}: not part of what the recorded program exports to"
    for name, text in expected.items():
        if files.get(name) != text:
            reason = "missing" if name not in files else "not what the recorded program exports to: changed by hand, or"
            return "files", False, f"{name} is {reason}" + (" made by another version" if name in files else "")
    return "files", True, f"all {len(expected)} are byte for byte what the recorded program exports to"


def _proof(language: NashLanguage, source: str, claim: Claim | None, tell: Callable[[str], None]) -> list[Check]:
    if claim is None:
        return [("proof", True, "no bound is claimed")]
    if claim.bound == 1:
        return [("proof", True, "the bound 1 holds of every profile")]
    systems = proof_systems(language, source)
    asked = texts(systems, claim.bound, claim.recipe)
    told: list[Check] = []
    with Solver() as solver:
        checks = _consistent(as_proved(systems, claim.recipe), solver)
        alike: Counter[tuple[str, str]] = Counter()
        for place, (name, text) in enumerate(asked.items()):
            if len(asked) > _MANY and place % _MANY == 0:
                tell(f"asking Z3 and cvc5 again: {place} of {len(asked)} questions are answered")
            of, first = name.removesuffix(".smt2"), ordering(claim.recipe, name)
            for check in (_first(text, first, of, claim.bound, solver), _second(text, of, solver)):
                case, _, kind = of.rstrip("0123456789").partition("-")
                if kind in _ALIKE and check[1] and check[2] == f"{of}: unsatisfiable":
                    alike[check[0], f"{case}, {_ALIKE[kind]}"] += 1
                else:
                    told.append(check)
    many = [(by, True, f"{what}: {count}, all unsatisfiable") for (by, what), count in alike.items()]
    return [*checks, *many, *told]


def _consistent(systems: Sequence[System], solver: Solver) -> list[Check]:
    """Whether some state meets the axioms of each case: contradictory axioms prove anything."""
    checks: list[Check] = []
    for number, system in enumerate(systems, 1):
        case = f"case {number}: " if len(systems) > 1 else ""
        if _has_state(system, solver):
            checks.append(("axioms", True, f"{case}Z3 finds a state that meets them"))
        elif _has_state(without_condition(system), solver):
            checks.append(("axioms", True, f"{case}Z3 finds a state that meets those of the blocks, none in this case"))
        else:
            told = f"{case}Z3 finds no state that meets them: what follows from them says nothing"
            checks.append(("axioms", False, told))
    return checks


def _has_state(system: System, solver: Solver) -> bool:
    """Whether Z3 finds a state, which is checked here against every axiom."""
    found = _decided(smtlib(target_problem(system, None)), 4, solver)
    try:
        return found.get("answer") == "sat" and not violations(system, from_model(found["model"]))
    except ValueError:
        return False  # its numbers are none


def _decided(text: str, first: int, solver: Solver) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for each in dict.fromkeys((first, *ORDERINGS)):
        found = solver.decide(text, ordering=each, work=WORK, seconds=SECONDS)
        if found.get("answer") in ("sat", "unsat"):
            break
    return found


def _first(text: str, order: int, of: str, bound: Fraction, solver: Solver) -> Check:
    found = _decided(text, order if order in range(6) else ORDERINGS[0], solver)
    match found.get("answer"):
        case "unsat":
            return "Z3", True, f"{of}: unsatisfiable" + (f": no state exceeds {bound}" if "-" not in of else "")
        case "sat":
            return "Z3", False, f"{of}: satisfiable: the claimed bound {bound} is wrong, or what it is said to rest on"
    return "Z3", False, f"{of}: not proved again ({found.get('failed') or found.get('reason') or 'unknown'})"


def _second(text: str, of: str, solver: Solver) -> Check:
    found = solver.second(text, work=SECOND_WORK, seconds=SECOND_SECONDS)
    match found.get("answer"):
        case "unsat":
            return "cvc5", True, f"{of}: unsatisfiable"
        case "sat":
            return "cvc5", False, f"{of}: cvc5 finds a model, Z3 finds none: a conflict"
    reason = found.get("failed") or found.get("reason") or "unknown"
    return "cvc5", True, f"{of}: re-check inconclusive ({reason}); the proof rests on Z3 alone"


def _search(
    language: NashLanguage, source: str, version: str, provenance: Mapping[str, JSON], tell: Callable[[str], None]
) -> Check:
    """The recorded verdicts, judged again. Limits are solver work, so they come out alike, with the same solvers."""
    verdicts: Sequence[Any] = provenance["search"]["verdicts"]
    keep = _bare if provenance["run"]["versions"]["task"] == version else _outcome
    if stage := misnumbered(provenance):
        return "search", False, f"{stage} is recorded twice, or without its first measurement"
    judge, told = Judge(language, tell), []
    tell("judging the program again")
    try:
        for recorded in verdicts:
            if recorded["clock_limited"]:
                if recorded["status"] == "proved" and recorded["score"] > -float(exact(recorded["evidence"]["bound"])):
                    return (
                        "search",
                        False,
                        f"{recorded['stage']}: the score {recorded['score']} is above minus the bound",
                    )
                told.append(f"{recorded['stage']} was limited by the clock, which does not repeat")
                continue
            again = judge.judge(source, str(recorded["stage"]))
            again = replace(again, stage=str(recorded["stage"]), replicate=int(recorded["replicate"]))
            if reason := _mismatch(keep(recorded), keep(_plain(again))):
                return "search", False, f"{recorded['stage']}: {reason}"
            told.append(f"{again.stage} {again.status}" + ("" if again.score is None else f" {again.score:+.6f}"))
    finally:
        judge.solver.close()
    return "search", True, f"judged again: {', '.join(told) or 'nothing was recorded'}"


def _confirmation(
    language: NashLanguage, source: str, version: str, provenance: Mapping[str, JSON], tell: Callable[[str], None]
) -> Check:
    entry = provenance.get("confirmation")
    keep = _bare if provenance["run"]["versions"]["task"] == version else _outcome
    if entry is None:
        return "confirmation", True, "none recorded: the bundle claims nothing beyond search"
    if reason := _mismatch({"key": entry["key"]}, {"key": provenance["program"]["key"]}):
        return "confirmation", False, reason
    score, possible = entry["search_score"], search_scores(provenance)
    if type(score) is not float or score not in possible:
        return "confirmation", False, f"search_score is recorded as {score}; the recorded verdicts give {possible}"
    if entry["confirmed"] is not entry["evidence"]["confirmed"]:
        return "confirmation", False, "the bundle calls confirmed what its own evidence does not, or the reverse"
    tell("confirming it again")
    again = confirm(language, source, tell)
    reason = _mismatch(keep(entry["evidence"]), keep(_plain(again)))
    return "confirmation", not reason, reason or f"made again: {again.claim}"


def _plain(record: Evidence | Verdict) -> Any:
    return json.loads(json.dumps(record.to_json()))


def _bare(data: Any) -> Any:
    """Plain data without what it cost."""
    if isinstance(data, dict):
        return {name: _bare(value) for name, value in data.items() if name not in _COSTS}
    return [_bare(each) for each in data] if isinstance(data, list) else data


def _outcome(data: Mapping[str, Any]) -> Any:
    """What a verdict or a confirmation came to: what has to be the same with other versions of the solvers."""
    found = {name: data[name] for name in ("status", "score", "stage", "confirmed", "claim", "effect") if name in data}
    return found | {"bound": data.get("evidence", data.get("data", {})).get("bound")}


def _mismatch(recorded: JSON, expected: JSON, path: str = "") -> str:
    """Where and how recorded plain data differ from what was found; "" where they do not."""
    if isinstance(expected, dict) and isinstance(recorded, dict):
        if recorded.keys() != expected.keys():
            return f"{path or 'the record'} has {sorted(recorded)}, expected {sorted(expected)}"
        parts = [(recorded[key], expected[key], f"{path}.{key}".lstrip(".")) for key in expected]
    elif isinstance(expected, list) and isinstance(recorded, list) and len(recorded) == len(expected):
        parts = [(*pair, f"{path}[{i}]") for i, pair in enumerate(zip(recorded, expected, strict=True))]
    else:
        same = type(recorded) is type(expected) and recorded == expected
        return "" if same else f"{path} is recorded as {recorded!r:.120}, found {expected!r:.120}"
    return next((told for part in parts if (told := _mismatch(*part))), "")


def _games(
    language: NashLanguage, source: str, files: Mapping[str, str], provenance: Mapping[str, JSON], ctx: Context
) -> list[Check]:
    """Runs of the exported module in the sandbox, on games that whoever made the bundle could not know."""
    claim, program = claimed(provenance), language.algorithm(source)
    bound = 1.0 if claim is None else float(claim.bound)
    seed = derive(ctx.seed, "nash", "games")
    games = list(suite(language.players, seed, ROUNDS))
    payload = {
        "source": files[f"{provenance['name']}.py"],
        "players": language.players,
        "games": len(games),
        "seed": seed,
        "delta": DELTA,
    }
    arrays = {
        f"{index} {player}": Array.of(tensor)
        for index, (_, payoffs) in enumerate(games)
        for player, tensor in enumerate(payoffs, 1)
    }
    answer = ctx.slot.call(payload, arrays, ctx.limits)
    if answer.status != "ok":
        return [("games", False, f"the exported module did not run ({answer.status}): {answer.message}")]
    worst = 0.0
    for index, (kind, payoffs) in enumerate(games):
        try:
            strategies = [answer.arrays[f"{index} {player}"].numpy() for player in range(1, language.players + 1)]
            profile = numerics.checked_profile(payoffs, strategies)
            told = answer.arrays[str(index)].numpy()
        except (KeyError, ValueError) as error:
            return [("games", False, f"{kind}: no profile came back: {error}")]
        regrets = numerics.regrets(payoffs, profile)
        if told.shape != regrets.shape or not np.allclose(told, regrets, rtol=0, atol=1e-8):
            return [("games", False, f"{kind}: regrets are {regrets.tolist()}, the module says {told.tolist()}")]
        own = execute(program, payoffs, delta=DELTA, seed=seed).regrets.max()
        worst = max(worst, float(regrets.max()))
        if max(worst, own) > bound + ALLOWED:
            return [
                (
                    "games",
                    False,
                    f"SOUNDNESS: a regret of {max(worst, own)} in a game ({kind}), above the bound {bound}",
                )
            ]
    return [("games", True, f"largest regret of the exported module {worst:.4f} in {len(games)} fresh games")]
