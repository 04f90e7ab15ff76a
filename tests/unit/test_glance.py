"""What a person reads of an alert at a glance."""

import json

from tests.web_site import ROOT
from worker.web.glance import SeenBefore, look_back


def _data(*, copies=0, matches=(), match_count=None):
    return {
        "earlier_copies": copies,
        "copies": [{"seen_at": f"2026-11-{20 - at:02}T00:00:00Z"} for at in range(min(copies, 5))],
        "matches": [{"images": images, "first_seen_at": first} for images, first in matches],
        "match_count": len(matches) if match_count is None else match_count,
    }


def test_copies_and_look_alikes_add_up():
    seen = look_back(_data(copies=3, matches=[(4, "2026-11-19T00:00:00Z"), (1, "2026-10-01T00:00:00Z")]))

    assert seen == SeenBefore(copies=3, alike=5, is_more=False, since="2026-10-01T00:00:00Z")


def test_an_alert_that_holds_not_all_says_so():
    assert look_back(_data(matches=[(1, "2026-10-01T00:00:00Z")], match_count=30)).is_more


def test_the_first_time_is_told_only_where_the_alert_holds_it():
    early = [(1, "2026-10-01T00:00:00Z")]

    assert look_back(_data(copies=5, matches=early)).since == "2026-10-01T00:00:00Z"
    # The alert holds the latest five: the first of six may have been before all that it tells of.
    assert look_back(_data(copies=6, matches=early)).since is None
    assert look_back(_data(matches=early, match_count=2)).since is None


def test_copies_alone_are_enough():
    assert look_back(_data(copies=2)).since == "2026-11-19T00:00:00Z"


def test_a_published_alert_can_be_read():
    found = json.loads((ROOT / "tests" / "contract" / "alert.json").read_text())

    assert look_back(found["data"]) == SeenBefore(
        copies=1, alike=2, is_more=False, since="2026-11-18T11:06:40.000Z"
    )
