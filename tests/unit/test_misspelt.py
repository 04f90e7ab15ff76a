"""Variables that are no setting are told; those that others read are not."""

import re
from pathlib import Path

import pytest

from worker.misspelt import find_misspelt
from worker.settings import Settings

ROOT = Path(__file__).parent.parent.parent
DEPLOYMENT = [
    *(ROOT / "docker-compose.yml", ROOT / "Dockerfile"),
    *(path for path in (ROOT / "deploy").rglob("*") if path.suffix in {".sh", ".py", ".env", ".service"}),
]


@pytest.mark.parametrize(
    ("variable", "told"),
    [
        (
            "LOOKALIKE_CONCURENCY",
            "LOOKALIKE_CONCURENCY is no setting; did you mean LOOKALIKE_CONCURRENCY?",
        ),
        ("LOOKALIKE_REDISURL", "LOOKALIKE_REDISURL is no setting; did you mean LOOKALIKE_REDIS_URL?"),
        (
            "LOOKALIKE_NETWORKS",
            "LOOKALIKE_NETWORKS is no setting; did you mean LOOKALIKE_ALLOW_NETWORKS?",
        ),
        ("LOOKALIKE_QQQ", "LOOKALIKE_QQQ is no setting: `lookalike config` lists all"),
    ],
)
def test_a_variable_that_is_no_setting_is_told_with_the_one_that_was_perhaps_meant(variable, told):
    assert find_misspelt([variable]) == [told]


def test_settings_and_what_is_not_ours_are_left_alone():
    settings = [f"LOOKALIKE_{name.upper()}" for name in Settings.model_fields]

    assert find_misspelt([*settings, "LOOKALIKE_Window", "PATH", "_LOOKALIKE_COMPLETE", "LOOKALIKE"]) == []


@pytest.mark.parametrize("path", DEPLOYMENT, ids=lambda path: path.name)
def test_whatever_deployment_reads_is_known(path):
    assert find_misspelt(re.findall(r"\bLOOKALIKE_[A-Z_]+", path.read_text())) == []
