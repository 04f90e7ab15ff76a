"""`lookalike check` on an archive that real workers have filled."""

import pytest

from tests.command import Command


def test_a_filled_archive_agrees_with_itself(archive):
    rows = archive.command.rows("check")

    assert {row["name"]: row["count"] for row in rows} == dict.fromkeys(
        (
            "entries_out_of_reach",
            "members_without_record",
            "numbers_without_record",
            "rows_without_cluster",
            "clusters_without_row",
            "rows_twice",
            "seals_broken",
        ),
        0,
    )


@pytest.fixture
def command(server, tmp_path):
    return Command(tmp_path, {"LOOKALIKE_REDIS_URL": server.url_as("page"), "LOOKALIKE_ARCHIVE": "test"})


def test_a_damaged_archive_is_told_with_what_to_do(command, consumer, send, client, keys):
    send("a")
    owner = consumer("owner")
    for entry in owner.take():
        owner.publish(entry, owner.record(entry))
    client.delete(keys.records(0))

    told = command.run("check", status=1)

    assert "1  members of clusters" in told.stdout
    assert "members_without_record: restore a backup" in told.stderr
