"""How numbers are told to people."""


def noun(number: int, singular: str, plural: str = "") -> str:
    """Give the noun that goes with a number: `image` with 1, else `images`, or `plural`."""
    return singular if number == 1 else plural or f"{singular}s"


def count(number: int, singular: str, plural: str = "") -> str:
    """Write a number with its noun: `1 image`, `2,000 images`."""
    return f"{number:,} {noun(number, singular, plural)}"
