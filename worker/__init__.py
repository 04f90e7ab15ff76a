"""Turns entries of the image streams into clusters, records and alerts. `pipeline.py` is the way in."""

import os

# A child is one core's work: matrix products on threads of their own would only compete with the next child's.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
