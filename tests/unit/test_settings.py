"""Settings: complete in the docs, refused by name where they are bad."""

import re
from pathlib import Path

import pytest

from producer.urls import default_broker_url
from worker.errors import ConfigurationError
from worker.settings import Settings, load_settings

DOCS = Path(__file__).parent.parent.parent / "docs" / "settings.md"


def test_the_docs_tell_every_setting_and_no_other():
    told = set(re.findall(r"^\| `(LOOKALIKE_[A-Z_]+)` \|", DOCS.read_text(), re.MULTILINE))

    assert told == {f"LOOKALIKE_{name.upper()}" for name in Settings.model_fields}


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("LOOKALIKE_WINDOW", "seven"),
        ("LOOKALIKE_MAX_DISTANCE", "17"),
        ("LOOKALIKE_ARCHIVE", "Über"),
        ("LOOKALIKE_ALLOW_NETWORKS", "10.0.0.0/8,nonsense"),
        ("LOOKALIKE_LEASE", "0"),
        ("LOOKALIKE_REDIS_URL", "redis://localhost:6379/first"),
        ("LOOKALIKE_REDIS_URL", "redis://localhost:99999/0"),
    ],
)
def test_a_bad_value_is_refused_by_name(monkeypatch, name, value):
    monkeypatch.setenv(name, value)

    with pytest.raises(ConfigurationError, match=name):
        load_settings()


def test_a_refusal_shows_no_password(monkeypatch):
    monkeypatch.setenv("LOOKALIKE_REDIS_URL", "redis://:secret@localhost/0")
    monkeypatch.setenv("LOOKALIKE_WINDOW", "seven")

    with pytest.raises(ConfigurationError) as refusal:
        load_settings()

    assert "secret" not in str(refusal.value)


@pytest.mark.parametrize(
    ("redis_url", "broker_url"),
    [
        ("redis://localhost:6379/0", "redis://localhost:6379/1"),
        ("redis://:pw@host:7000/3", "redis://:pw@host:7000/4"),
        ("unix:///tmp/s?db=0", "redis+socket:///tmp/s?virtual_host=1"),
        ("rediss://host", "rediss://host/1"),
    ],
)
def test_the_broker_is_the_next_database_of_the_same_server(redis_url, broker_url):
    assert default_broker_url(redis_url) == broker_url
