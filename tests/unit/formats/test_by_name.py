"""What is told from a name is looked up once for each, unless the name is long."""

from aigw_sansio.formats.by_name import LONGEST, by_name


def test_a_name_is_looked_up_once_and_a_long_one_each_time() -> None:
    asked: list[str] = []

    @by_name
    def size(name: str) -> int:
        """The size."""
        asked.append(name)
        return len(name)

    short, long = "n" * LONGEST, "n" * (LONGEST + 1)
    assert [size(name) for name in (short, long, short, long)] == [LONGEST, LONGEST + 1] * 2
    assert asked == [short, long, long]
    assert size.__doc__ == "The size."
