"""The thread that renews leases: it renews what is held, and nothing ends it."""

import pytest

from tests.waiting import wait_until
from worker.entries import Entry
from worker.ownership import LeaseKeeper


@pytest.fixture
def keeper(consumer):
    owner = consumer("owner")
    made = LeaseKeeper(owner.ownership, on_error=lambda _: None)
    yield owner, made
    made.close()


def test_an_entry_that_was_lost_and_taken_again_is_not_dropped_with_its_earlier_delivery(
    keeper, send, abandon
):
    owner, leases = keeper
    send("one.jpg")
    (before,) = owner.take()
    leases.add(before)
    abandon(before, owner)
    (again,) = owner.take()
    leases.add(again)

    leases.drop(before)

    assert leases.holds(again)


def test_an_entry_that_is_taken_again_while_its_earlier_delivery_is_renewed_stays_held(
    scripts, keys, consumer, send, abandon
):
    owner = consumer("owner")
    send("one.jpg")
    (before,) = owner.take()
    abandon(before, owner)
    (again,) = owner.take()

    class Slow:
        """An ownership whose renewal begins before the entry is taken again and ends after."""

        lease_s = 0.03
        renewed = 0

        def renew(self, entries):
            lost = owner.ownership.renew(entries)
            if lost:
                leases.add(again)
            self.renewed += 1
            return lost

    slow = Slow()
    leases = LeaseKeeper(slow, on_error=lambda _: None)
    leases.add(before)
    wait_until(lambda: slow.renewed >= 2, what="two renewals")
    leases.close()

    assert leases.holds(again)


def test_renewals_go_on_after_an_error_of_any_kind():
    class Odd:
        """An ownership that meets the memory limit once."""

        lease_s = 0.03
        renewed = 0

        def renew(self, _):
            self.renewed += 1
            if self.renewed == 1:
                raise MemoryError
            return set()

    odd = Odd()
    leases = LeaseKeeper(odd, on_error=lambda _: None)
    leases.add(Entry("live", "{test}:images:live", "1-1", 1, {}))

    wait_until(lambda: odd.renewed >= 2, timeout_s=2, what="another renewal")
    leases.close()
