"""Files images as a worker does, without their bytes: for tests of what reads an archive."""

from worker.clusters import Clusters
from worker.entries import Entry
from worker.records import ImageFacts


class Filer:
    """Files one image after the other into the archive that its scripts know."""

    def __init__(self, client, keys, scripts):
        self.client, self.keys = client, keys
        self.clusters = Clusters(scripts, keys=keys, consumer="filer")
        self.stream = keys.stream("live")
        client.xgroup_create(self.stream, "workers", id="0", mkstream=True)

    def file(self, phash, *, source="", name):
        self.client.xadd(self.stream, {"url": name})
        [[_, [[entry_id, fields]]]] = [*self._take()]
        entry = Entry("live", self.stream, entry_id.decode(), 1, fields)
        [record] = self.clusters.record([(entry, ImageFacts(id=name, url=name, phash=phash, source=source))])
        return record

    def _take(self):
        taken = self.client.xreadgroup("workers", "filer", {self.stream: ">"}, count=1)
        return taken.items() if isinstance(taken, dict) else taken
