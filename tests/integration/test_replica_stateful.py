"""Appends, searches, merges, restarts, damaged files and failovers in any order: two replicas equal a scan."""

import shutil
import tempfile
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from producer.server import connect
from tests.hash_appender import HashAppender, wait_built
from worker.keyspace import SEGMENT_ROWS, Keyspace
from worker.replica import Replica

BOTH = st.integers(0, 1)


def damage_truncate(path: Path, _: list[Path]) -> bytes:
    return path.read_bytes()[:-1000]


def damage_flip(path: Path, _: list[Path]) -> bytes:
    data = bytearray(path.read_bytes())
    for position in range(0, len(data), 4096):
        data[position] ^= 0x10
    return bytes(data)


def damage_swap(_: Path, others: list[Path]) -> bytes:
    return others[0].read_bytes()


class TwoReplicas(RuleBasedStateMachine):
    """Two replicas that share a folder, against the rows that were appended."""

    url = ""

    @initialize(
        rows=st.sampled_from([0, 10, SEGMENT_ROWS - 1, SEGMENT_ROWS, 3 * SEGMENT_ROWS + 7]),
        seed=st.integers(0, 9),
    )
    def start(self, rows, seed):
        self.folder = Path(tempfile.mkdtemp(prefix="lookalike-test-"))
        self.admin = connect(self.url)
        self.admin.flushall()
        self.log = HashAppender(self.admin, Keyspace("test"), seed=seed)
        self.log.append(self.log.draw(rows))
        self.replicas = [self._open(), self._open()]

    def _open(self):
        self.clients = [*getattr(self, "clients", []), connect(self.url)]
        return Replica(self.clients[-1], self.log.keys, cache_dir=self.folder / "cache")

    @rule(rows=st.sampled_from([1, 64, 5_000, 40_000, SEGMENT_ROWS]))
    def append(self, rows):
        self.log.append(self.log.draw(rows))

    @rule(rows=st.sampled_from([0, 1]))
    def append_up_to_the_border(self, rows):
        missing = SEGMENT_ROWS - len(self.log.rows) % SEGMENT_ROWS
        self.log.append(self.log.draw(2 * missing + 100)[: missing + rows])

    @rule(which=BOTH, max_distance=st.sampled_from([0, 10, 16]))
    def search(self, which, max_distance):
        self.log.check(self.replicas[which], queries=3, max_distance=max_distance)

    @rule(which=BOTH)
    def merge(self, which):
        wait_built(self.replicas[which])

    @rule(which=BOTH)
    def restart(self, which):
        self.replicas[which].close()
        self.replicas[which] = self._open()

    @rule(damage=st.sampled_from([damage_truncate, damage_flip, damage_swap]), data=st.data())
    def damage_a_file(self, damage, data):
        files = sorted((self.folder / "cache").rglob("*.*"))
        if not files:
            return
        path = data.draw(st.sampled_from(files))
        torn = self.folder / "torn"
        try:
            torn.write_bytes(damage(path, files))
        except FileNotFoundError:
            return
        torn.rename(path)

    @rule(data=st.data())
    def delete_a_file(self, data):
        if files := sorted((self.folder / "cache").rglob("*.*")):
            data.draw(st.sampled_from(files)).unlink(missing_ok=True)

    @rule(lost=st.sampled_from([1, 1_000, SEGMENT_ROWS + 3]), is_cut=st.booleans(), others=st.booleans())
    def fail_over(self, lost, is_cut, others):
        self.log.rewrite(self.log.rows[: max(0, len(self.log.rows) - lost)])
        if others:
            self.log.append(self.log.draw(lost + 10))
        # Without others nothing shows on a connection that stays: real failovers cut it.
        if is_cut or not others:
            self.log.cut_connections()

    def teardown(self):
        if not hasattr(self, "replicas"):
            return
        for replica in self.replicas:
            self.log.check(replica)
            replica.close()
        for client in [*self.clients, self.admin]:
            client.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def test_two_replicas_equal_a_scan_whatever_happens(server, caplog):
    TwoReplicas.url = server.url

    run_state_machine_as_test(
        TwoReplicas,
        settings=settings(
            max_examples=12,
            stateful_step_count=14,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
