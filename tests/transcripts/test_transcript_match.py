"""How transcripts compare: placeholders, optional keys, acceptance."""

import pytest
from tests.transcripts.transcript_match import Names, accept_line, line_matches

UUID = "01890a5d-ac96-774b-bcce-b302099a8057"
OTHER = "01890a5d-ac96-774b-bcce-b302099a8058"


@pytest.mark.parametrize(
    ("expected", "actual", "same"),
    [
        ('{"a":1}', '{"a": 1}', True),
        ('{"a":1}', '{"a":1.0}', False),
        ('{"a":1}', '{"a":true}', False),
        ('{"a":1}', '{"a":1,"b":2}', False),
        ('{"a":1,"b":2}', '{"a":1}', False),
        ('{"a":1,"b?":2}', '{"a":1}', True),
        ('{"a":1,"b?":2}', '{"a":1,"b":3}', False),
        ('{"a":1,"...":1}', '{"a":1,"b":3}', True),
        ('{"a":"<text>"}', '{"a":""}', False),
        ('{"a":"<text>"}', '{"a":"x"}', True),
        ('{"a":"<int>"}', '{"a":true}', False),
        ('{"a":"<any>"}', '{"a":null}', True),
        ('{"a":"<logId>"}', f'{{"a":"{UUID}"}}', True),
        ('{"a":"<logId>"}', '{"a":"x"}', False),
        ('{"a":"<logId>","b":"<logId>"}', f'{{"a":"{UUID}","b":"{OTHER}"}}', False),
        ('{"a":"<logId>","b":"<logId:2>"}', f'{{"a":"{UUID}","b":"{OTHER}"}}', True),
        ("[1,2]", "[1]", False),
        ("close 1008 <text>", "close 1008 too much", True),
        ("close 1008 <text>", "close 1009 too much", False),
        ("open", "open", True),
        ('401 application/json {"a":1}', '401 application/json {"a":1}', True),
        ('401 application/json {"a":1}', '400 application/json {"a":1}', False),
    ],
)
def test_line(expected: str, actual: str, same: bool) -> None:
    assert line_matches(expected, actual, {}) is same


def test_a_name_stands_for_one_id() -> None:
    names: Names = {}
    assert line_matches('{"a":"<logId>"}', f'{{"a":"{UUID}"}}', names)
    assert not line_matches('{"a":"<logId>"}', f'{{"a":"{OTHER}"}}', names)


def test_a_failed_match_binds_no_name() -> None:
    names: Names = {}
    assert not line_matches('{"a":"<logId>","b":1}', f'{{"a":"{UUID}","b":2}}', names)
    assert names == {}


def test_acceptance_keeps_what_still_holds() -> None:
    names: Names = {}
    accepted = accept_line('{"id":"<logId>","t":"<text>","n?":1,"old":2}', f'{{"id":"{UUID}","t":"hi","n":2}}', names)
    assert accepted == '{"id":"<logId>","t":"<text>","n?":2}'
