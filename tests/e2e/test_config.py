"""`lookalike config`: what holds, and why."""

import pytest

from worker.settings import Settings


def test_every_setting_is_told_with_its_origin_and_no_secret(command):
    environment = {
        "LOOKALIKE_REDIS_URL": "redis://user:secret@example.org:6380/2",
        "LOOKALIKE_FILE_ROOTS": "/srv/a:/srv/b",
        "LOOKALIKE_LEASE": "12",
    }

    rows = command.rows("config", **environment)

    by_name = {row["setting"]: (row["value"], row["origin"]) for row in rows}
    assert list(by_name) == [f"LOOKALIKE_{name.upper()}" for name in Settings.model_fields]
    assert by_name["LOOKALIKE_REDIS_URL"] == ("redis://example.org:6380/2", "environment")
    assert by_name["LOOKALIKE_BROKER_URL"] == ("redis://example.org:6380/3", "default")
    assert by_name["LOOKALIKE_FILE_ROOTS"] == ("/srv/a:/srv/b", "environment")
    assert by_name["LOOKALIKE_LEASE"] == (12.0, "environment")
    assert by_name["LOOKALIKE_WINDOW"] == (512, "default")
    assert "secret" not in command.run("config", **environment).stdout


def test_a_setting_out_of_its_range_is_named(command):
    told = command.run("config", status=78, LOOKALIKE_WINDOW="7", LOOKALIKE_ARCHIVE="My archive")

    assert told.stderr == (
        "lookalike: LOOKALIKE_ARCHIVE: archive name 'My archive': use 1 to 40 of a-z, 0-9 and -; "
        "LOOKALIKE_WINDOW: Input should be greater than or equal to 8\n"
    )


@pytest.mark.parametrize("line", ["config --json", "stats", "enqueue ."])
def test_a_misspelt_variable_is_told_once_and_not_its_value(command, line):
    environment = {"LOOKALIKE_CONCURENCY": "SECRET", "LOOKALIKE_EMPTY": ""}

    told = command.run(*line.split(), status=69 if "config" not in line else 0, **environment)

    about = [line for line in told.stderr.splitlines() if "CONCURENCY" in line or "EMPTY" in line]
    assert about == ["lookalike: LOOKALIKE_CONCURENCY is no setting; did you mean LOOKALIKE_CONCURRENCY?"]
    assert "SECRET" not in told.stdout + told.stderr
