"""The verbs of the command `lookalike`, a module each."""
