"""The core's one exception."""

import aigw_sansio.errors as errors
from aigw_sansio.errors import LocalProtocolError


def test_it_is_the_only_exception_and_no_oserror() -> None:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert found == [LocalProtocolError]
    assert LocalProtocolError.__mro__[1] is Exception, "a driver that handles its transport's errors must not catch it"


def test_it_carries_what_it_says() -> None:
    assert str(LocalProtocolError("no connection 7 was ever issued")) == "no connection 7 was ever issued"
