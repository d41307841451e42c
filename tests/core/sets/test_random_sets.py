"""Over random sets: a proof after changes equals the proof from scratch, and a proof finds what a forest would."""

from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from farm.core.fileset.forest import ForestConflictError
from farm.core.sets.composition.compose import compose
from farm.core.sets.findings.problem import PathConflict
from farm.core.sets.proof.prover import Prover, prove
from tests.core.sets.random_sets import NAMES, random_members, random_packages, some
from tests.core.sets.values import changed, prove_change, the_set

SEEDS = st.integers(0, 2**64)


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_a_proof_after_changes_is_the_proof_from_nothing(seed):
    random = Random(seed)
    package_set = the_set(*random_members(random))
    prover = Prover(package_set.members.values())
    for _ in range(3):
        add, remove = random_members(random, 2), some(random, NAMES, 1)
        package_set = changed(package_set, add=add, remove=remove)
        assert prove_change(prover, add=add, remove=remove) == prove(package_set)


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_it_is_so_for_sets_that_hold_too(seed):
    # Sets that hold are rare when drawn, and save most work: remove what has problems until none is left.
    random = Random(seed)
    start = random_members(random)
    prover = Prover(start)
    while problems := prover.proof.problems:
        prover.change(remove=[problems[0].packages[0]])
    package_set = the_set(*(package for package in start if package.name in prover.members))
    for _ in range(3):
        add, remove = random_members(random, 1), some(random, NAMES, 1)
        package_set = changed(package_set, add=add, remove=remove)
        assert prove_change(prover, add=add, remove=remove) == prove(package_set)


@settings(max_examples=300, deadline=None)
@given(SEEDS)
def test_a_proof_finds_the_path_conflicts_that_a_forest_would_meet(seed):
    packages = random_packages(Random(seed))
    proof = prove(the_set(*(made for made, _ in packages)))
    claimed = {path for problem in proof.problems if isinstance(problem, PathConflict) for path in problem.paths}
    try:
        compose([(made.descriptor, manifest) for made, manifest in packages])
        met = set()
    except ForestConflictError as error:
        met = {conflict.path for conflict in error.conflicts}
    assert claimed == met


@settings(max_examples=100, deadline=None)
@given(SEEDS)
def test_the_order_of_packages_changes_neither_set_nor_composition(seed):
    random = Random(seed)
    packages = random_packages(random)
    assert prove(the_set(*(made for made, _ in packages))) == prove(the_set(*(made for made, _ in reversed(packages))))
    outcomes = set()
    for _ in range(3):
        random.shuffle(packages)
        outcomes.add(the_set(*(made for made, _ in packages)).digest)
        try:
            outcomes.add(compose([(made.descriptor, manifest) for made, manifest in packages]).digest)
        except ForestConflictError as error:
            outcomes.add(error.message)
    assert len(outcomes) == 2
