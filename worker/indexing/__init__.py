"""What the index is made of: how hashes are cut and sorted, files of runs and their builder, the log of hashes."""
