"""Workers: results in order, from threads of one core each."""

import threading

import pytest
import torch

from restore.training import Workers
from tests.support.clock import PATIENCE


@pytest.mark.parametrize("count", [1, 3])
def test_results_come_in_the_order_of_the_items(count: int) -> None:
    assert Workers(count).map(lambda n: n * n, range(20)) == [n * n for n in range(20)]


def test_items_are_taken_up_at_the_same_time_by_threads_of_one_core() -> None:
    together = threading.Barrier(2, timeout=PATIENCE)  # broken where one thread would take both

    def meet(_: int) -> int:
        together.wait()
        return torch.get_num_threads()

    assert Workers(2).map(meet, range(2)) == [1, 1]


@pytest.mark.parametrize("count", [1, 2])
def test_an_error_reaches_the_caller(count: int) -> None:
    def fail(n: int) -> float:
        return 1 / n

    with pytest.raises(ZeroDivisionError):
        Workers(count).map(fail, [1, 0, 2])
