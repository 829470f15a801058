"""The governor finds the cores of a simulated server, yields when it gets slow and comes back by itself."""

import pytest

from sparse_index.encode.governor import Governor, in_own_process, starting_limit

DOCS = 8


class SimulatedServer:
    """`cores` requests run side by side; more of them only wait."""

    def __init__(self, cores: float, seconds_a_request: float = 1.0) -> None:
        self.cores, self.seconds = cores, seconds_a_request

    def latency(self, in_flight: int) -> float:
        return self.seconds * max(1.0, in_flight / self.cores)


def drive(governor: Governor, server: SimulatedServer, requests: int) -> list[int]:
    limits = []
    for _ in range(requests):
        governor.observe(DOCS, server.latency(governor.limit))
        limits.append(governor.limit)
    return limits


@pytest.mark.parametrize(("cores", "tasks", "start"), [(2, 2, 1), (8, 2, 4), (3, 2, 2), (1, 4, 1), (1000, 1, 32)])
def test_starts_at_its_share_of_the_cores(cores: int, tasks: int, start: int) -> None:
    assert starting_limit(cores, tasks) == start


@pytest.mark.parametrize("cores", [2, 4, 8])
def test_rises_to_the_cores_and_stays_about_there(cores: int) -> None:
    governor = Governor(2, ceiling=32)
    late = drive(governor, SimulatedServer(cores), 3000)[-1500:]
    assert cores <= max(late) <= cores + 1
    assert min(late) >= cores - 1
    assert sum(limit == cores for limit in late) > len(late) / 2


def test_never_tries_fewer_than_it_began_with() -> None:
    limits = drive(Governor(4, ceiling=16), SimulatedServer(4), 1000)
    assert set(limits) == {4, 5}


def test_goes_down_when_the_server_gets_slower_and_recovers() -> None:
    server = SimulatedServer(4)
    governor = Governor(4, ceiling=16)
    drive(governor, server, 600)
    server.seconds, server.cores = 3.0, 1
    assert min(drive(governor, server, 300)) < 4
    server.seconds, server.cores = 1.0, 4
    assert drive(governor, server, 3000)[-1] >= 4


def test_a_refusal_halves_and_later_it_recovers() -> None:
    governor = Governor(8, ceiling=16)
    governor.refused()
    assert governor.limit == 4
    governor.refused()
    governor.refused()
    governor.refused()
    assert governor.limit == 1
    assert drive(governor, SimulatedServer(8), 3000)[-1] >= 7


def test_never_leaves_its_bounds() -> None:
    governor = Governor(50)
    assert governor.limit == governor.ceiling == 32
    assert max(drive(governor, SimulatedServer(1000), 2000)) == 32


@pytest.mark.parametrize(("cores_that_others_leave", "least", "most"), [(8, 7, 8), (2, 2, 3)])
def test_a_model_in_a_tasks_process_takes_the_cores_that_other_tasks_do_not(
    cores_that_others_leave: int, least: int, most: int
) -> None:
    governor = in_own_process(8, 4, on_gpu=False)
    assert (governor.limit, governor.ceiling) == (2, 8)
    late = drive(governor, SimulatedServer(cores_that_others_leave), 3000)[-1000:]
    assert least <= min(late) <= max(late) <= most


def test_a_gpu_has_one_request_and_the_next_one() -> None:
    governor = in_own_process(8, 4, on_gpu=True)
    assert set(drive(governor, SimulatedServer(100), 500)) == {2}
