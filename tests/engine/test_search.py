"""Strategies: the conformance kit for each, and what is particular to one."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from discovery.config import SearchConfig
from discovery.errors import ConfigError
from discovery.model import MEASURE, Proposal, Verdict
from discovery.search import Islands, Pareto, Stopping, Strategy, make_strategy
from discovery.search._base import geometric
from discovery.search.bandit import Bandit
from discovery.search.estimates import MEASUREMENTS, Estimates
from discovery.search.islands import cell_of
from discovery.store import Outcome
from discovery.task import Feature
from discovery.testing import StrategyConformance
from discovery.testing.strategy import SEEDS, MakeStrategy, tell_random

FEATURES = (Feature("size", 1, 100, bins=10, log=True), Feature("state", 0, 4, bins=4))
NAMES = ("evolution", "genetic", "islands", "pareto", "best_of_n")


def made(name: str, *, models: tuple[str, ...] = (), stage: str = "", seeds: Any = SEEDS, **options: Any) -> Any:
    config = SearchConfig(strategy=name, **options)  # type: ignore[arg-type]
    return make_strategy(config, seeds, stage=stage, features=FEATURES, models=models)


@pytest.mark.parametrize("models", [(), ("cheap", "dear")], ids=["symbolic", "models"])
@pytest.mark.parametrize("name", NAMES)
class TestEachStrategy(StrategyConformance):
    @pytest.fixture
    def make_strategy(self, name: str, models: tuple[str, ...]) -> MakeStrategy:
        options: dict[str, Any] = {} if name == "best_of_n" else {"crossover": 0.4}
        return lambda seeds: made(name, seeds=seeds, models=models, stage="last", **options)


def key(number: int) -> str:
    return f"{number:064x}"


def told(
    number: int, score: float | None, *, operator: str = "mutate", place: int | None = None, **more: Any
) -> Outcome:
    """Program `number` with this score, as the outcome of proposal `place`."""
    place = number if place is None else place
    proposal = Proposal(place, operator, more.pop("parents", ()), model=more.pop("model", ""))
    cost = more.pop("cost", 0.0)
    verdict = Verdict("error" if score is None else "scored", score, **more)
    return Outcome(place + 1, proposal, key(number), verdict, cost)


def again(number: int, score: float | None, replicate: int = 1) -> Outcome:
    return told(number, score, operator=MEASURE, replicate=replicate, parents=(key(number),))


def drawn(strategy: Strategy, count: int = 300, first: int = 101) -> Counter[str]:
    """How often each program is the first parent."""
    proposals = [strategy.ask(first + number, random.Random(number), 0) for number in range(count)]
    return Counter(proposal.parents[0] for proposal in proposals if proposal.operator != MEASURE)


# Regularized evolution


def _evolution(scores: list[float], population: int, tournament: int = 6) -> Strategy:
    strategy: Strategy = made("evolution", population=population, tournament=tournament, crossover=0.0, remeasure=0)
    for number, score in enumerate(scores):
        strategy.tell(told(number, score))
    return strategy


def test_evolution_forgets_the_oldest_even_when_it_is_the_best() -> None:
    young = _evolution([9.0], population=5, tournament=50)
    assert young.ask(2, random.Random(0), 0).parents == (key(0),)
    old = _evolution([9.0, 1.0, 1.0, 1.0, 1.0, 1.0], population=5, tournament=50)
    assert old.ask(2, random.Random(0), 0).parents != (key(0),)


def test_tournaments_favour_the_better() -> None:
    counts = drawn(_evolution([float(number) for number in range(30)], population=50))
    assert sum(int(each, 16) * count for each, count in counts.items()) / counts.total() > 22


def test_what_fails_when_measured_again_is_no_parent() -> None:
    strategy = _evolution([1.0, 2.0, 9.0], population=5, tournament=20)
    strategy.tell(again(2, None))
    assert key(2) not in drawn(strategy)


def test_a_score_that_falls_when_measured_again_wins_less() -> None:
    strategy = _evolution([1.0, 2.0, 9.0], population=5, tournament=50)
    strategy.tell(again(2, -30.0))
    assert drawn(strategy).most_common(1)[0][0] == key(1)


# Two parents


def _fingerprinted(number: int, score: float, behaviour: int | None) -> Outcome:
    evidence: dict[str, Any] = {"features": {"size": 1 + 7 * number, "state": number % 4}}
    if behaviour is not None:
        evidence["fingerprint"] = str(behaviour)
    return told(number, score, evidence=evidence, cases={"a": score, "b": -score})


CROSSING: dict[str, dict[str, Any]] = {
    "evolution": {"population": 8, "tournament": 6},
    "genetic": {"population": 6, "tournament": 4, "elite": 2},
    "islands": {"islands": 1, "tournament": 4},
    "pareto": {},
}


@pytest.mark.parametrize("name", CROSSING)
@given(
    told_of=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2), st.none() | st.integers(0, 1)), max_size=14),
    seed=st.integers(0, 99),
)
def test_whenever_there_are_two_programs_parents_are_two(
    name: str, told_of: list[tuple[int, int, int | None]], seed: int
) -> None:
    """However often one program was found, and however much better than the rest it is; and they behave otherwise when
    any two do."""
    strategy: Strategy = made(name, crossover=1.0, remeasure=0, **CROSSING[name])
    verdicts = {number: (float(score), behaviour) for number, score, behaviour in reversed(told_of)}
    for place, (number, _, _) in enumerate(told_of):
        outcome = _fingerprinted(number, *verdicts[number])
        strategy.tell(Outcome(place + 1, Proposal(place, "mutate"), outcome.key, outcome.verdict))
    pool = set(strategy.pool(50)) if name != "pareto" else set(strategy._cases)  # type: ignore[attr-defined]
    behaviours = {verdicts[int(each, 16)][1] for each in pool}
    for index in range(50, 60):
        proposal = strategy.ask(index, random.Random(1000 * seed + index), 0)
        first, *rest = proposal.parents
        assert len(rest) == (1 if not pool or len(pool) > 1 else 0) and first not in rest
        assert proposal.operator == ("cross" if rest else "mutate")
        if pool and None not in behaviours and len(behaviours) > 1:
            assert verdicts[int(first, 16)][1] != verdicts[int(rest[0], 16)][1]


@pytest.mark.parametrize("name", ["evolution", "genetic"])
def test_the_second_parent_wins_a_tournament_among_the_rest(name: str) -> None:
    strategy: Strategy = made(name, crossover=1.0, remeasure=0, population=20, tournament=20)
    for number in range(20):
        strategy.tell(told(number, float(number)))
    asked = [strategy.ask(index, random.Random(index), 0).parents for index in range(50, 350)]
    counts = Counter(second for _, second in asked)
    assert sum(int(each, 16) * count for each, count in counts.items()) / counts.total() > 17
    assert all(first != second for first, second in asked)


# Best of n


def test_best_of_n_never_leaves_the_seeds_and_learns_nothing() -> None:
    strategy, fresh = made("best_of_n", models=("a", "b")), made("best_of_n", models=("a", "b"))
    tell_random(strategy, random.Random(0), 50)
    asked, unlearnt = ([each.ask(n, random.Random(n), 0) for n in range(2, 60)] for each in (strategy, fresh))
    assert asked == unlearnt and strategy.independent
    assert {proposal.parents for proposal in asked} == {(seed,) for seed in SEEDS}
    assert {proposal.model for proposal in asked} == {"a", "b"}


# Genetic


def _genetic(**options: Any) -> Strategy:
    strategy: Strategy = made("genetic", **{"population": 4, "tournament": 1, "remeasure": 0, **options})
    for number, score in enumerate([1.0, 5.0, 2.0, 3.0]):
        strategy.tell(told(number, score))
    return strategy


def test_a_generation_is_replaced_by_its_children_and_its_elite() -> None:
    strategy = _genetic()
    assert set(drawn(strategy)) == {key(n) for n in range(4)}
    strategy.tell(told(10, 0.1))
    strategy.tell(told(11, 0.2))
    assert set(drawn(strategy)) == {key(n) for n in range(4)}, "the generation is not complete"
    strategy.tell(told(12, 0.3))
    assert set(drawn(strategy)) == {key(1), key(10), key(11), key(12)}


def test_failures_and_repeats_do_not_fill_a_generation() -> None:
    strategy = _genetic()
    for place in range(20, 40):
        strategy.tell(told(99, None, place=place))
        strategy.tell(told(10, 0.1, place=place + 100))
    assert set(drawn(strategy)) == {key(n) for n in range(4)}


def test_genetic_has_evocuts_parameters_by_default() -> None:
    config = SearchConfig(strategy="genetic")
    assert (config.population, config.tournament, config.elite, config.crossover) == (8, 2, 1, 0.7)
    strategy = _genetic(population=4, tournament=2)
    operators = Counter(strategy.ask(n, random.Random(n), 0).operator for n in range(2, 1000))
    assert operators["cross"] / operators.total() == pytest.approx(0.7, abs=0.05)


# Islands


def _placed(number: int, score: float, size: float, place: int) -> Outcome:
    return told(number, score, place=place, evidence={"features": {"size": size, "state": 0}})


def _islands(**options: Any) -> Islands:
    given: dict[str, Any] = {"islands": 2, "tournament": 1, "migrate": 1000, "reset": 10_000, "crossover": 0.5}
    strategy: Islands = made("islands", **{**given, "remeasure": 0, **options})
    return strategy


def test_each_cell_keeps_its_best_and_islands_do_not_mix() -> None:
    strategy = _islands()
    for number, score, size, place in [(0, 5.0, 2, 0), (1, 9.0, 2, 2), (2, 7.0, 2, 4), (3, 1.0, 90, 6), (4, 8.0, 2, 1)]:
        strategy.tell(_placed(number, score, size, place))
    even = {parent for n in range(100, 400, 2) for parent in strategy.ask(n, random.Random(n), 0).parents}
    odd = {parent for n in range(101, 400, 2) for parent in strategy.ask(n, random.Random(n), 0).parents}
    assert even == {key(1), key(3)} and odd == {key(4)}


def test_the_best_migrates_around_the_ring() -> None:
    strategy = _islands(islands=3, migrate=4)
    for number, (score, place) in enumerate([(1.0, 0), (2.0, 1), (3.0, 2), (9.0, 3)]):
        strategy.tell(_placed(number, score, 2 + 10 * number, place))
    second = {parent for n in range(100, 400, 3) for parent in strategy.ask(n, random.Random(n), 0).parents}
    assert key(3) in second, "from island 0 to island 1"
    third = {parent for n in range(101, 400, 3) for parent in strategy.ask(n, random.Random(n), 0).parents}
    assert key(3) not in third and key(1) in third


def test_the_weaker_half_is_founded_anew_by_the_stronger() -> None:
    strategy = _islands(islands=4, reset=8)
    for place in range(8):
        strategy.tell(_placed(place, float(place % 4), 2 + 30 * (place // 4), place))
    for island, founder in ((1, 3), (0, 2)):
        found = {strategy.ask(n, random.Random(n), 0).parents[0] for n in range(100 + island, 300, 4)}
        assert found in ({key(founder)}, {key(founder + 4)})
    assert len({strategy.ask(n, random.Random(n), 0).parents[0] for n in range(102, 300, 4)}) == 2


def test_seeds_live_on_every_island() -> None:
    strategy = _islands()
    strategy.tell(told(0, 1.0, operator="seed", evidence={"features": {"size": 3, "state": 1}}))
    assert set(drawn(strategy)) == {key(0)}


@pytest.mark.parametrize(
    ("values", "cell"),
    [
        ({"size": 1, "state": 0}, (0, 0)),
        ({"size": 100, "state": 4}, (9, 3)),
        ({"size": -5, "state": -1}, (0, 0)),
        ({"size": 1e9, "state": 99.0}, (9, 3)),
        ({"size": 10, "state": 2}, (5, 2)),
        ({}, (9, 3)),
        ({"size": float("nan"), "state": "many"}, (9, 3)),
        ({"size": True, "state": None}, (9, 3)),
    ],
)
def test_cells(values: dict[str, Any], cell: tuple[int, ...]) -> None:
    assert cell_of(values, FEATURES) == cell


def test_islands_without_features_are_refused() -> None:
    with pytest.raises(ConfigError, match="declares none"):
        make_strategy(SearchConfig(strategy="islands"), SEEDS)


# Pareto


def _pareto(rows: list[tuple[int, dict[str, float]]], **options: Any) -> Pareto:
    strategy: Pareto = made("pareto", **{"crossover": 0.0, "remeasure": 0, **options})
    for number, cases in rows:
        strategy.tell(told(number, sum(cases.values()) / len(cases), cases=cases))
    return strategy


def test_parents_are_drawn_by_how_many_cases_they_lead() -> None:
    strategy = _pareto(
        [
            (0, {"a": 9, "b": 9, "c": 9, "d": 0}),
            (1, {"a": 0, "b": 0, "c": 0, "d": 5}),
            (2, {"a": 8, "b": 8, "c": 8, "d": 4}),
        ]
    )
    assert strategy.front() == {key(0): 3, key(1): 1}
    counts = drawn(strategy, 2000)
    assert set(counts) == {key(0), key(1)} and counts[key(0)] / 2000 == pytest.approx(0.75, abs=0.04)


def test_a_leader_that_another_one_dominates_is_no_parent() -> None:
    strategy = _pareto([(0, {"a": 5, "b": 5}), (1, {"a": 5, "b": 6}), (2, {"a": 5, "b": 6})])
    assert strategy.front() == {key(1): 2, key(2): 2}


def test_two_parents_lead_different_cases() -> None:
    strategy = _pareto([(0, {"a": 1, "b": 0}), (1, {"a": 0, "b": 1})], crossover=1.0)
    assert all(set(strategy.ask(n, random.Random(n), 0).parents) == {key(0), key(1)} for n in range(10, 30))


def test_one_that_leads_everywhere_is_crossed_with_a_runner_up() -> None:
    strategy = _pareto([(0, {"a": 1}), (1, {"a": 3}), (2, {"a": 2})], crossover=1.0)
    assert {strategy.ask(n, random.Random(n), 0).parents for n in range(10, 40)} == {
        (key(1), key(0)),
        (key(1), key(2)),
    }


def test_a_leader_that_falls_when_measured_again_hands_over() -> None:
    strategy = _pareto([(0, {"a": 9, "b": 1}), (1, {"a": 8, "b": 1}), (2, {"a": 0, "b": 2})])
    strategy.tell(told(0, 0.0, operator=MEASURE, replicate=1, cases={"a": 1, "b": 1}))
    assert strategy.front() == {key(1): 1, key(2): 1}
    strategy.tell(told(1, None, operator=MEASURE, replicate=1))
    assert set(strategy.front()) == {key(0), key(2)}


def test_only_the_last_stage_counts_once_it_was_reached() -> None:
    strategy: Pareto = made("pareto", stage="full", remeasure=0)
    strategy.tell(told(0, 9.0, cases={"a": 9}, stage="probe"))
    assert set(strategy.front()) == {key(0)}
    strategy.tell(told(1, 1.0, cases={"a": 1, "b": 1}, stage="full"))
    strategy.tell(told(2, 8.0, cases={"a": 8}, stage="probe"))
    assert set(strategy.front()) == {key(1)}


@given(st.lists(st.lists(st.integers(0, 3), min_size=3, max_size=3), min_size=1, max_size=12))
def test_the_front_is_the_non_dominated_leaders(rows: list[list[int]]) -> None:
    """Against the definition, while no case has more leaders than are remembered."""
    rows = rows[:8]
    cases = [dict(zip("abc", map(float, row), strict=True)) for row in rows]
    front = _pareto(list(enumerate(cases))).front()
    top = {name: max(row[name] for row in cases) for name in "abc"}
    lead = {n: sum(row[name] == top[name] for name in "abc") for n, row in enumerate(cases)}

    def dominated(n: int) -> bool:
        return any(
            all(other[c] >= cases[n][c] for c in "abc") and other != cases[n]
            for m, other in enumerate(cases)
            if lead[m]
        )

    assert front == {key(n): count for n, count in lead.items() if count and not dominated(n)}


# Estimates, and measuring again


def test_without_a_second_measurement_the_estimate_is_the_score() -> None:
    estimates = Estimates()
    for number in range(40):
        estimates.tell(told(number, float(number)))
    assert [estimates.value(key(number)) for number in range(40)] == [float(number) for number in range(40)]


def test_a_noisy_elite_shrinks_towards_the_others_and_less_once_it_is_measured_more() -> None:
    estimates = Estimates()
    for number, score in enumerate([1.0, 1.2, 0.8, 1.1, 0.9, 3.0]):
        estimates.tell(told(number, score))
    for number, score in ((0, 1.6), (1, 0.7), (2, 1.3)):
        estimates.tell(again(number, score))
    lucky = estimates.value(key(5))
    assert 1.2 < lucky < 3.0
    for replicate in (1, 2, 3):
        estimates.tell(again(5, 3.0, replicate))
    assert lucky < estimates.value(key(5)) < 3.0 and estimates.count(key(5)) == 4


def test_estimates_of_equally_measured_programs_keep_the_order_of_their_scores() -> None:
    rng, estimates = random.Random(0), Estimates()
    scores = [rng.random() for _ in range(60)]
    for number, score in enumerate(scores):
        estimates.tell(told(number, score))
    for number in range(5):
        estimates.tell(again(number, rng.random()))
    rest = range(5, 60)
    assert sorted(rest, key=lambda n: estimates.value(key(n))) == sorted(rest, key=scores.__getitem__)


def test_a_repeat_is_no_measurement() -> None:
    estimates = Estimates()
    for _ in range(5):
        estimates.tell(told(0, 1.0))
    assert estimates.count(key(0)) == 1


def test_the_best_are_measured_again_up_to_a_number_and_never_all_the_time() -> None:
    strategy: Strategy = made("evolution", remeasure=5)
    noise = random.Random(0)
    for number in range(50):
        strategy.tell(told(number, float(number) + noise.random()))
    measured: Counter[str] = Counter()
    for index in range(50, 1000):
        proposal = strategy.ask(index, random.Random(index), 0)
        if proposal.operator == MEASURE:
            assert index % 5 == 0
            measured[proposal.parents[0]] += 1
            number = int(proposal.parents[0], 16)
            strategy.tell(again(number, number + noise.random(), measured[proposal.parents[0]]))
    assert set(measured.values()) == {MEASUREMENTS - 1}
    assert key(49) in measured and all(int(each, 16) > 35 for each in measured)


def test_exact_scores_are_soon_left_alone() -> None:
    strategy: Strategy = made("evolution", remeasure=5)
    for number in range(50):
        strategy.tell(told(number, float(number)))
    count = 0
    for index in range(50, 1000):
        proposal = strategy.ask(index, random.Random(index), 0)
        if proposal.operator == MEASURE:
            count += 1
            number = int(proposal.parents[0], 16)
            strategy.tell(again(number, float(number), count))
    assert count == 2


def test_what_is_proved_is_not_measured_again() -> None:
    estimates = Estimates()
    estimates.tell(Outcome(1, Proposal(0, "mutate"), key(0), Verdict("proved", 1.0)))
    assert estimates.due() is None


def test_what_was_culled_early_is_not_measured_again() -> None:
    estimates = Estimates("full")
    estimates.tell(told(0, 1.0, stage="probe"))
    assert estimates.due() is None
    estimates.tell(told(1, 0.5, stage="full"))
    assert estimates.due() == key(1)


def test_the_best_are_ranked_by_their_estimates() -> None:
    estimates = Estimates("full")
    for number, score in enumerate([1.0, 1.2, 0.8, 1.1, 0.9, 3.0]):
        estimates.tell(told(number, score, stage="full"))
    estimates.tell(told(9, 99.0, stage="probe"))
    assert estimates.best(2) == [key(5), key(1)]
    for replicate in (1, 2, 3):
        for number, score in ((5, 0.0), (1, 1.2)):
            estimates.tell(told(number, score, operator=MEASURE, replicate=replicate, stage="full"))
    assert estimates.best(9)[0] == key(1) and key(9) not in estimates.best(9)
    estimates.tell(again(1, None, 4))
    assert key(1) not in estimates.best(9)


def test_a_proof_counts_wherever_it_was_found() -> None:
    """Nothing could be added to it, so no later stage judged the program."""
    estimates = Estimates("full")
    estimates.tell(told(0, 0.5, stage="full"))
    estimates.tell(Outcome(2, Proposal(1, "mutate"), key(1), Verdict("proved", 0.9, stage="probe")))
    assert estimates.best(2) == [key(1), key(0)]


# The bandit


def _learnt(rewards: dict[str, tuple[float, float]], rounds: int = 400) -> Counter[tuple[str, str]]:
    """Arms chosen in the last quarter, where a model wins with the given rate at the given cost."""
    bandit, estimates, rng = Bandit(tuple(rewards)), Estimates(), random.Random(5)
    estimates.tell(told(0, 1.0))
    chosen: Counter[tuple[str, str]] = Counter()
    for number in range(1, rounds):
        operator, model = bandit.choose(random.Random(number))
        chosen[operator, model] += number > 3 * rounds // 4
        rate, cost = rewards[model]
        score = 2.0 if rng.random() < rate else 0.5
        outcome = told(number, score, operator=operator, model=model, parents=(key(0),), cost=cost)
        bandit.tell(outcome, estimates)
        estimates.tell(outcome)
    return chosen


def _share(chosen: Counter[tuple[str, str]], model: str) -> float:
    return sum(count for (_, each), count in chosen.items() if each == model) / chosen.total()


def test_the_bandit_finds_the_model_that_improves_more_often() -> None:
    assert _share(_learnt({"good": (0.5, 1.0), "bad": (0.02, 1.0)}), "good") > 0.75


def test_the_bandit_weighs_what_an_improvement_costs() -> None:
    assert _share(_learnt({"dear": (0.4, 10.0), "cheap": (0.3, 1.0)}), "cheap") > 0.75
    assert _share(_learnt({"dear": (0.9, 2.0), "cheap": (0.02, 1.0)}), "dear") > 0.6


def test_a_free_model_that_never_improves_is_not_all_there_is() -> None:
    assert _share(_learnt({"free": (0.0, 0.0), "paid": (0.6, 1.0)}), "paid") > 0.4


@pytest.mark.parametrize(
    "outcome",
    [
        told(1, None, parents=(key(0),)),
        told(1, 1.0, parents=(key(0),)),
        told(0, 9.0, parents=(key(0),)),
        Outcome(2, Proposal(1, "mutate", (key(0),)), None, Verdict("rejected")),
    ],
    ids=["failed", "no better", "repeat", "rejected"],
)
def test_only_a_new_and_better_program_wins(outcome: Outcome) -> None:
    bandit, estimates = Bandit(), Estimates()
    estimates.tell(told(0, 1.0))
    bandit.tell(outcome, estimates)
    assert (bandit._arms["mutate", ""].won, bandit._arms["mutate", ""].lost) == (0.0, 1.0)
    bandit.tell(told(2, 1.1, parents=(key(0),)), estimates)
    assert bandit._arms["mutate", ""].won == 1.0


def test_with_models_the_bandit_chooses_unless_it_is_switched_off() -> None:
    assert isinstance(made("evolution", models=("a",)).arms, Bandit)
    assert not isinstance(made("evolution", models=("a",), bandit=False).arms, Bandit)
    assert not isinstance(made("evolution").arms, Bandit)


def test_models_write_some_programs_from_nothing_first() -> None:
    asked = [made("genetic", models=("a",)).ask(n, random.Random(n), 0).operator for n in range(2, 12)]
    assert asked[:8] == ["init"] * 8 and "init" not in asked[8:]
    assert made("genetic").ask(2, random.Random(0), 0).operator != "init"


# Stopping


def _stopped(stopping: Stopping, outcomes: list[Outcome]) -> int | None:
    estimates = Estimates()
    for number, outcome in enumerate(outcomes):
        estimates.tell(outcome)
        stopping.tell(outcome, estimates)
        if stopping.reason:
            return number
    return None


def test_the_target_stops_once_it_is_reached() -> None:
    scores = [told(number, score) for number, score in enumerate([1.0, None, 2.0, 3.0])]
    assert _stopped(Stopping(2.0, None), scores) == 2
    assert _stopped(Stopping(3.5, None), scores) is None
    stopping = Stopping(2.0, None)
    _stopped(stopping, scores)
    assert stopping.reason == "target"


def test_stagnation_counts_outcomes_without_a_better_program() -> None:
    scores: list[float | None] = [1.0, 0.5, None, 2.0, 2.0, 1.0, 1.5]
    outcomes = [told(number, score) for number, score in enumerate(scores)]
    assert _stopped(Stopping(None, 3), outcomes) == 6
    assert _stopped(Stopping(None, 2), outcomes) == 2
    assert _stopped(Stopping(None, 4), outcomes) is None
    lucky = [told(0, 1.0), again(0, 9.0), again(0, 9.0, 2)]
    assert _stopped(Stopping(None, 2), lucky) == 2, "measuring again brings no program"


# Configuration


@pytest.mark.parametrize(
    ("given", "message"),
    [
        (
            {"strategy": "pareto", "population": 5},
            "population has no effect with strategy 'pareto'; it takes crossover",
        ),
        ({"strategy": "best_of_n", "edits": 2.0}, "it takes nothing"),
        ({"islands": 3}, "islands has no effect with strategy 'evolution'"),
        ({"strategy": "genetic", "population": 4, "elite": 4}, "elite must be less than population"),
    ],
)
def test_what_would_change_nothing_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SearchConfig(**given)


@pytest.mark.parametrize("name", NAMES)
def test_a_resolved_configuration_reads_back(name: str) -> None:
    config = SearchConfig(strategy=name)  # type: ignore[arg-type]
    assert SearchConfig.model_validate(config.model_dump(mode="json")) == config


@given(mean=st.floats(1, 8), seed=st.integers(0, 100))
def test_geometric_is_at_least_one(mean: float, seed: int) -> None:
    assert geometric(random.Random(seed), mean) >= 1


def test_geometric_has_its_mean() -> None:
    rng = random.Random(0)
    assert sum(geometric(rng, 3.0) for _ in range(20_000)) / 20_000 == pytest.approx(3.0, rel=0.05)
