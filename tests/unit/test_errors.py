"""The core's exceptions."""

import aigw_sansio.errors as errors
from aigw_sansio.errors import ConfigError, LocalProtocolError, SettingError


def test_there_are_two_exceptions_and_none_is_an_oserror() -> None:
    found = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, Exception)]
    assert found == [LocalProtocolError, ConfigError]
    assert ConfigError.__mro__[1] is ValueError
    assert LocalProtocolError.__mro__[1] is Exception, "a driver that handles its transport's errors must not catch it"


def test_each_setting_has_its_line_and_its_place() -> None:
    wrong = [SettingError(("tokens", 0), "is empty"), SettingError(("a/b",), "is bad")]
    error = ConfigError("gateway", wrong)
    assert str(error) == 'gateway.tokens[0] is empty\ngateway."a/b" is bad'
    assert (error.owner, error.errors) == ("gateway", tuple(wrong))


def test_it_carries_what_it_says() -> None:
    assert str(LocalProtocolError("no connection 7 was ever issued")) == "no connection 7 was ever issued"
