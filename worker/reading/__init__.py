"""What people and programs ask of an archive: clusters, look-alikes, alerts, failures, counts. Nothing of a worker."""
