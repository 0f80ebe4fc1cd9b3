"""What is made up for each documented operation: how much, always the same, and when.

Schemathesis' own way makes it all up while the tests are collected, which every worker of a run does: a third of a
minute in each, for tests that one of them runs. Here it is made up by the test itself.
"""

from collections.abc import Callable
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.generation.hypothesis.builder import HypothesisTestConfig, HypothesisTestMode, create_test
from schemathesis.schemas import APIOperation

A_FEW = settings(
    max_examples=2,
    derandomize=True,
    deadline=None,
    database=None,
    phases=(Phase.explicit, Phase.generate),
    suppress_health_check=list(HealthCheck),
)
SOME = settings(A_FEW, max_examples=5)
Operation = APIOperation[Any, Any, Any, Any]
Holds = Callable[[schemathesis.Case], None]
EXAMPLES_AND_CHANCE = [HypothesisTestMode.EXAMPLES, HypothesisTestMode.FUZZING]


def each_operation(schema: schemathesis.BaseSchema) -> pytest.MarkDecorator:
    """The test for each documented path and method."""
    operations = [found.ok() for found in schema.get_all_operations()]
    return pytest.mark.parametrize("operation", operations, ids=[operation.label for operation in operations])


def by_all_means(operation: Operation, holds: Holds) -> None:
    """The document's examples, some by chance, and what the schema suggests: each limit, and what is just beyond."""
    _try(operation, holds, SOME, [*EXAMPLES_AND_CHANCE, HypothesisTestMode.COVERAGE])


def by_chance(operation: Operation, holds: Holds) -> None:
    """The document's examples and a few by chance: for callers who are refused before their body is read."""
    _try(operation, holds, A_FEW, EXAMPLES_AND_CHANCE)


def _try(
    operation: Operation,
    holds: Holds,
    bounds: settings,
    modes: list[HypothesisTestMode],
) -> None:
    def test(case: schemathesis.Case) -> None:
        holds(case)

    config = HypothesisTestConfig(project=operation.schema.config, modes=modes, settings=bounds)
    create_test(operation=operation, test_func=test, config=config)()
