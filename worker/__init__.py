"""Turns entries of the image streams into clusters, records and alerts. `pipeline.py` is the way in."""
