import pytest

from worker.fetching.hosts import ALONE_AT_MOST_S, ALONE_FIRST_S, FAILURES_IN_A_ROW, HOSTS_REMEMBERED, Hosts

HOST = "images.example"


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def hosts(clock):
    return Hosts(concurrency=8, clock=clock)


def fail(hosts: Hosts, times: int) -> None:
    for _ in range(times):
        hosts.start(HOST)
        hosts.note_failure(HOST)
        hosts.end(HOST)


def started_at_most(hosts: Hosts) -> int:
    count = 0
    while hosts.has_room(HOST):
        hosts.start(HOST)
        count += 1
    for _ in range(count):
        hosts.end(HOST)
    return count


def test_a_host_has_its_number_of_downloads(hosts):
    assert started_at_most(hosts) == 8


def test_an_overloaded_host_gets_half_as_many_and_never_none(hosts):
    allowed = []
    for _ in range(5):
        hosts.start(HOST)
        hosts.note_overload(HOST)
        hosts.end(HOST)
        allowed.append(started_at_most(hosts))

    assert allowed == [4, 2, 1, 1, 1]


def test_a_host_that_answers_again_gets_its_number_back_step_by_step(hosts):
    hosts.start(HOST)
    hosts.note_overload(HOST)

    allowed = []
    for _ in range(30):
        hosts.note_answer(HOST)
        hosts.end(HOST)
        allowed.append(started_at_most(hosts))
        hosts.start(HOST)

    assert allowed == sorted(allowed)
    assert (allowed[0], allowed[4], allowed[-1]) == (4, 5, 8)


@pytest.mark.parametrize(
    ("failures", "alone_s"), [(FAILURES_IN_A_ROW - 1, 0.0), (FAILURES_IN_A_ROW, ALONE_FIRST_S)]
)
def test_a_host_that_fails_ten_times_in_a_row_is_left_alone(hosts, failures, alone_s):
    fail(hosts, failures)

    assert hosts.alone_s(HOST) == alone_s


def test_an_answer_between_failures_begins_a_new_row(hosts):
    fail(hosts, 9)
    hosts.start(HOST)
    hosts.note_answer(HOST)
    hosts.end(HOST)
    fail(hosts, 9)

    assert hosts.alone_s(HOST) == 0


def test_one_download_tries_a_host_that_was_left_alone(hosts, clock):
    fail(hosts, 10)
    clock.now += ALONE_FIRST_S

    first = hosts.alone_s(HOST)
    hosts.start(HOST)
    second = hosts.alone_s(HOST)

    assert first == 0
    assert second > 0


def test_each_failed_try_doubles_the_pause_up_to_a_limit(hosts, clock):
    fail(hosts, 10)
    pauses = []
    for _ in range(20):
        pauses.append(hosts.alone_s(HOST))
        clock.now += pauses[-1]
        fail(hosts, 1)

    assert pauses[:3] == [ALONE_FIRST_S, 2 * ALONE_FIRST_S, 4 * ALONE_FIRST_S]
    assert pauses[-1] == ALONE_AT_MOST_S


def test_a_successful_try_opens_the_host(hosts, clock):
    fail(hosts, 10)
    clock.now += ALONE_FIRST_S
    hosts.start(HOST)
    hosts.note_answer(HOST)
    hosts.end(HOST)

    assert hosts.alone_s(HOST) == 0
    assert started_at_most(hosts) == 8


def test_failures_of_downloads_that_were_under_way_do_not_prolong_the_pause(hosts):
    for _ in range(8):
        hosts.start(HOST)
    for _ in range(8):
        hosts.note_failure(HOST)
    fail(hosts, 2)
    for _ in range(8):
        hosts.note_failure(HOST)

    assert hosts.alone_s(HOST) == ALONE_FIRST_S


def test_a_host_in_good_order_is_forgotten_and_the_number_of_others_is_bounded(hosts):
    hosts.start(HOST)
    hosts.note_answer(HOST)
    hosts.end(HOST)
    healthy = len(hosts)
    for number in range(HOSTS_REMEMBERED + 10):
        hosts.start(f"{number}.example")
        hosts.note_failure(f"{number}.example")
        hosts.end(f"{number}.example")

    assert healthy == 0
    assert len(hosts) == HOSTS_REMEMBERED
