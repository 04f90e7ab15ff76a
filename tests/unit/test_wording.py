"""How numbers are told."""

from producer.wording import count


def test_one_is_singular():
    assert [count(number, "image") for number in (0, 1, 2000)] == ["0 images", "1 image", "2,000 images"]


def test_a_plural_of_its_own_is_taken():
    assert [count(number, "batch", "batches") for number in (1, 2)] == ["1 batch", "2 batches"]
