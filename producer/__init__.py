"""Puts images to look at onto the service's streams: `from producer import Producer`."""
