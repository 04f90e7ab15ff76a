"""Readers of files, pipes and folders: each turns one kind of source into rows."""
