"""Secrets in every spelling, in any pieces; what is no secret is not touched; the cost grows with the text alone."""

import html
import json
from base64 import b64encode, encodebytes, urlsafe_b64encode
from collections.abc import Callable
from html.entities import html5
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aigw_sansio.providers.redaction import HIDDEN, redactor
from aigw_sansio.providers.spellings import SHORTEST, SHORTEST_PART

SECRET = 'sk-canary/abc"def+ghi\\jkl&0123'
secrets = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=SHORTEST, max_size=40)
around = st.text(st.sampled_from("é \n.,"), max_size=5)  # what no spelling begins or ends with

#: Characters that HTML has names for, each with all of its names.
NAMES: dict[str, list[str]] = {}
for name, one in html5.items():
    if len(one) == 1 and one.isascii():
        NAMES.setdefault(one, []).append(name)


def named(pick: Callable[[list[str]], str]) -> Callable[[str], str]:
    """Spells characters by one of their names."""
    return lambda text: "".join("&" + pick(NAMES[one]) if one in NAMES else one for one in text)


def not_html(text: str) -> str:
    """As Go and PHP write JSON that may stand in HTML."""
    return json.dumps(text)[1:-1].replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def in_json(text: str) -> str:
    return json.dumps(text)[1:-1]


SPELLINGS: dict[str, Callable[[str], str]] = {
    "literal": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON with slashes escaped": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON, all escaped": lambda text: "".join(f"\\u{ord(one):04x}" for one in text),
    "JSON, in capitals": lambda text: "".join(f"\\u{ord(one):04X}" for one in text),
    "percent": lambda text: quote(text, safe=""),
    "percent, all": lambda text: "".join(f"%{ord(one):02x}" for one in text),
    "HTML": html.escape,
    "HTML, decimal": lambda text: "".join(f"&#{ord(one)};" for one in text),
    "HTML, hexadecimal": lambda text: "".join(f"&#x{ord(one):X};" for one in text),
    "HTML, longest names": named(lambda names: max(names, key=len)),
    "HTML, shortest names": named(lambda names: min(names, key=len)),
    "HTML, capitals": named(lambda names: min(names)),
    "HTML in HTML": lambda text: html.escape(html.escape(text)),
    "HTML in JSON": lambda text: in_json(html.escape(text)),
    "HTML in JSON for HTML": lambda text: not_html(html.escape(text)),
    "HTML in JSON in JSON": lambda text: in_json(not_html(html.escape(text))),
    "JSON in JSON": lambda text: in_json(in_json(text)),
    "JSON for HTML": not_html,
    "percent, twice": lambda text: quote(quote(text, safe=""), safe=""),
    "mixed": lambda text: "".join(
        (one, f"\\u{ord(one):04x}", f"%{ord(one):02X}")[at % 3] for at, one in enumerate(text)
    ),
}


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(secret=secrets, before=around, behind=around)
def test_a_secret_is_hidden_in_every_spelling(spelling: str, secret: str, before: str, behind: str) -> None:
    if spelling == "mixed":
        secret = secret.replace("\\", "/")  # two backslashes would be one in JSON
    text = before + SPELLINGS[spelling](secret) + behind
    assert redactor([secret.encode()]).hide(text.encode()).decode() == before + "***" + behind


@pytest.mark.parametrize("encode", [b64encode, urlsafe_b64encode])
@pytest.mark.parametrize("offset", range(3))
@given(secret=secrets, behind=st.binary(max_size=4))
def test_of_base64_no_character_of_its_own_is_left(
    encode: Callable[[bytes], bytes], offset: int, secret: str, behind: bytes
) -> None:
    text = encode(bytes(offset) + secret.encode() + behind)
    hidden = redactor([secret.encode()]).hide(text)
    # At each border one character may be left: the secret and what stands beside it share its bits.
    before, _, after = hidden.partition(HIDDEN)
    assert HIDDEN in hidden
    assert len(before) <= offset + 1
    assert len(after) <= len(encode(behind)) + 4


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
@given(secret=secrets)
def test_utf_16(order: str, secret: str) -> None:
    text = f"é {secret} é".encode(order)
    hidden = redactor([secret.encode()]).hide(text)
    assert hidden.replace(b"\0", b"") == "é *** é".encode("latin-1")


@pytest.mark.parametrize("spelling", SPELLINGS)
@given(data=st.data())
def test_in_pieces_only_a_beginning_too_short_is_shown(spelling: str, data: st.DataObject) -> None:
    """And nothing is held back: each piece comes out with all that is not the secret."""
    secret = SECRET.replace("\\", "") if spelling == "mixed" else SECRET  # two backslashes would be one in JSON
    spelled = SPELLINGS[spelling](secret)
    text = ("é. " + spelled + " .é").encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(text) - 1), max_size=6)))
    pieces = [text[start:end] for start, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    stream = redactor([secret.encode()]).stream()
    hidden = [stream.hide(piece) for piece in pieces]
    begin, end = text.index(spelled.encode()), text.index(spelled.encode()) + len(spelled)
    shown = b""
    at = 0
    for piece, out in zip(pieces, hidden, strict=True):
        if at < begin:
            assert out.startswith(piece[: begin - at])
        if at + len(piece) > end:
            assert out.endswith(piece[max(0, end - at) :])
        shown += out.replace(HIDDEN, b"")
        at += len(piece)
    assert HIDDEN in b"".join(hidden)
    shown = shown.removeprefix("é. ".encode()).removesuffix(" .é".encode())
    # Seven characters, and an escape that was cut before its character had come.
    assert spelled.encode().startswith(shown)
    assert len(shown) <= len(SPELLINGS[spelling](secret[:SHORTEST]))


def delta(text: str) -> bytes:
    return json.dumps({"type": "delta", "text": text, "id": "0123"}).encode()


#: Those that may be escaped as JSON once more.
IN_JSON = [spelling for spelling in SPELLINGS if "in JSON in JSON" not in spelling]


@pytest.mark.parametrize("spelling", IN_JSON)
@given(data=st.data())
def test_over_strings_of_json_pieces_the_rest_is_hidden(spelling: str, data: st.DataObject) -> None:
    """The first string must show enough of it; pieces without any of it may lie between."""
    secret = SECRET.replace("\\", "").replace('"', "")  # they are escaped as JSON once more
    characters = [SPELLINGS[spelling](one) for one in secret]
    first = data.draw(st.integers(SHORTEST, len(secret) - 1))
    cuts = sorted(data.draw(st.sets(st.integers(first, len(secret) - 1), max_size=4)) | {first})
    parts = ["".join(characters[start:end]) for start, end in zip([0, *cuts], [*cuts, len(secret)], strict=True)]
    stream = redactor([secret.encode()]).stream()
    texts = [json.loads(stream.hide(delta(" é " + parts[0])))["text"]]
    for part in parts[1:]:
        assert stream.hide(b'{"type":"ping"}') == b'{"type":"ping"}'
        texts.append(json.loads(stream.hide(delta(part)))["text"])
    assert texts == [" é ***"] + ["***"] * len(parts[1:])
    assert stream.hide(delta("behind")) == delta("behind")


@pytest.mark.parametrize("length", [SHORTEST + 1, 23, 24, 32])
def test_how_much_of_it_a_string_must_show(length: int) -> None:
    secret = "sk-proj-0123456789abcdefghijklmn"[:length]
    assert redactor([secret.encode()]).stream().hide(delta(secret[:SHORTEST])) == delta("***")
    shorter = delta(secret[: SHORTEST - 1])
    assert redactor([secret.encode()]).stream().hide(shorter) == shorter


def test_a_name_of_a_member_and_another_text_are_no_part_of_it() -> None:
    stream = redactor([b"canary-0123456789"]).stream()
    assert stream.hide(delta("canary-012")) == delta("***")
    assert stream.hide(b'{"345":"6789","3":"x"}') == b'{"345":"6789","3":"x"}'
    assert stream.hide(b'{"a":"345 and"}') == b'{"a":"345 and"}'
    assert stream.hide(b'{"a":"345"}') == b'{"a":"***"}'


def test_the_next_part_is_not_waited_for_for_ever() -> None:
    stream = redactor([b"canary-0123456789"]).stream()
    assert stream.hide(delta("canary-012")) == delta("***")
    for _ in range(5):
        assert stream.hide(delta("other")) == delta("other")
    assert stream.hide(delta("345")) == delta("345")
    assert not stream.parts


@given(secret=secrets, texts=st.lists(st.text(max_size=60), max_size=20), data=st.data())
def test_what_is_not_suspected_holds_no_secret(secret: str, texts: list[str], data: st.DataObject) -> None:
    """Whatever it has adapted itself to."""
    hider = redactor([secret.encode()])
    for text in texts:
        if hider.suspects(text.encode()):
            continue
        assert hider.hide(text.encode() + b" ") == text.encode() + b" "
        spelling = data.draw(st.sampled_from(list(SPELLINGS)))
        if spelling == "mixed" and "\\" in secret:
            continue
        assert hider.suspects((text + SPELLINGS[spelling](secret) + text).encode())


def test_an_ordinary_text_is_not_suspected() -> None:
    hider = redactor([b"sk-proj-Ab3dEf6hIj9lMn0pQr2tUv5xYz8"])
    texts = [delta(f"{word} é \n 100% of it & more") for word in ("the", "sky", "is", "blue")]
    assert [hider.suspects(text) for text in texts] == [False] * 4


@pytest.mark.parametrize("key", [b"sk-proj-Qb3dEf6hIj9lMn0pQr2tUv5xYz8", b"3f9a2c71-8d5e-4b06-9c1f-77a0e2b4d613"])
def test_a_guard_learns_what_is_ordinary(key: bytes) -> None:
    """What is like the texts before costs a few searches for single bytes: nothing else is called."""
    hider = redactor([key])
    texts = [delta(f"one word {word} of an ordinary answer") for word in ("the", "sky", "is", "blue", "and", "wide")]
    for text in texts:
        assert not hider.suspects(text)
    assert [hider.guard(text) for text in texts] == [False] * 6
    assert hider.guard(delta(key.decode()))


@given(
    st.lists(
        st.lists(st.tuples(around, around, st.sampled_from(list(SPELLINGS)), st.booleans()), max_size=4), max_size=12
    )
)
def test_the_fields_of_a_head_are_hidden_one_by_one(heads: list[list[tuple[str, str, str, bool]]]) -> None:
    """Whatever was learnt from the heads before."""
    hider, fresh = redactor([SECRET.encode()]), lambda: redactor([SECRET.encode(), b"another secret"])
    for head in heads:
        fields = [
            (name.lower().encode(), (value + SPELLINGS[how](SECRET) * shown + value).encode())
            for name, value, how, shown in head
        ]
        one_by_one = fresh()
        assert hider.hide_fields(fields) == [
            (one_by_one.hide_lower(name), one_by_one.hide_whole(value)) for name, value in fields
        ]


def test_a_plain_head_is_the_same_and_a_name_that_quotes_a_secret_is_never_known_as_plain() -> None:
    hider = redactor([b"canary-0123456789"])
    head = [(b"content-type", b"text/event-stream"), (b"x-request-id", b"r-1")]
    assert hider.hide_fields(head) == head
    assert hider.hide_fields(head) is head  # its names are known now
    for _ in range(2):
        assert hider.hide_fields([(b"canary-0123456789", b"1"), (b"x-request-id", b"canary-0123456789")]) == [
            (b"***", b"1"),
            (b"x-request-id", b"***"),
        ]
    assert hider.hide_fields([(b"a", b"canary-0123\n456789"), (b"b", b"c\0a")]) == [(b"a", b"***"), (b"b", b"c\0a")]


def test_of_many_names_few_are_known() -> None:
    hider = redactor([b"canary-0123456789"])
    for number in range(300):
        hider.hide_fields([(b"x-%d" % number, b"1")])
    first, last, long = [(b"x-1", b"2")], [(b"x-299", b"2")], [(b"x" * 65, b"2")]
    assert hider.hide_fields(first) is first
    for head in (last, long):
        assert hider.hide_fields(head) == head
        assert hider.hide_fields(head) is not head


def test_of_short_beginnings_only_those_at_the_end_of_a_string_are_suspected() -> None:
    hider = redactor([b"canary-0123456789"])
    for text in ("a candle", "canary", "scan", "canar", "can"):
        assert hider.suspects(delta(f"{text} burns")) is False
        assert hider.suspects(delta(text)) is (text not in ("a candle",))
    assert hider.suspects(delta("canary-0 burns"))


def test_byte_by_byte_the_rest_is_hidden() -> None:
    stream = redactor([b"canary-0123456789"]).stream()
    hidden = [stream.hide(bytes([byte])) for byte in b"a canary-0123456789 b"]
    assert b"".join(hidden[:9]) == b"a canary-"[:9]
    assert hidden[9:19] == [HIDDEN] * 10
    assert b"".join(hidden[19:]) == b" b"


def test_a_document_between_two_pieces_of_a_text_does_not_end_a_secret() -> None:
    stream = redactor([b"canary-0123456789"]).stream()
    assert stream.hide(b"a canary-01") == b"a ***"
    assert stream.hide(b'{"text":"other"}') == b'{"text":"other"}'
    assert stream.goes_on
    assert stream.hide(b"2345") == HIDDEN
    assert stream.hide(b"[1, 2]\n") == b"[1, 2]\n"
    assert stream.hide(b"6789 b") == b"*** b"
    assert not stream.goes_on


@pytest.mark.parametrize("opening", [b"[note] ", b'{"a":"', b'"', b"["])
def test_a_text_that_opens_like_json_is_a_text(opening: bytes) -> None:
    stream = redactor([b"canary-0123456789"]).stream()
    assert stream.hide(opening + b"canary-01") == opening + HIDDEN
    assert stream.hide(b"23456789 b") == b"*** b"


def test_a_beginning_that_goes_on_otherwise_is_shown() -> None:
    stream = redactor([b"sk-proj-0123456789"]).stream()
    assert [stream.hide(piece) for piece in (b"sk-proj-99 sk-", b"pro", b"per")] == [b"sk-proj-99 sk-", b"pro", b"per"]


def test_a_long_beginning_at_the_end_is_hidden() -> None:
    assert redactor([b"canary-0123456789"]).hide(b"no: canary-01") == b"no: ***"
    assert redactor([b"canary-0123456789"]).hide(b"no: canary") == b"no: canary"


@given(text=st.binary(), pieces=st.lists(st.binary(max_size=8)))
def test_other_texts_are_not_touched(text: bytes, pieces: list[bytes]) -> None:
    hider = redactor([b"canary-of-the-operator"])
    assert hider.hide(text) is text
    stream = hider.stream()
    assert b"".join(map(stream.hide, pieces)) == b"".join(pieces)


@given(st.lists(st.sampled_from([b"canary-0123", b"canary-01234567", b"0123456789ab"]), max_size=8))
def test_several_secrets_that_overlap(parts: list[bytes]) -> None:
    hidden = redactor([b"canary-0123", b"canary-01234567", b"0123456789ab"]).hide(b" ".join(parts))
    assert hidden == b" ".join([HIDDEN] * len(parts))


def test_a_secret_that_repeats_itself_is_found_behind_a_false_beginning() -> None:
    assert redactor([b"aaaaaaaab"]).hide(b"aaaaaaaaaab!") == b"aa***!"


def test_of_a_complete_text_no_beginning_is_hidden() -> None:
    hider = redactor([b"sk-proj-0123456789"])
    for text in (b"keys begin with sk-proj-", b"keys begin with sk-proj-012", b'"sk-proj-0123"', b"sk-proj-01\\"):
        assert hider.hide_whole(text) is text
    assert hider.hide_whole(b"no: sk-proj-0123456789") == b"no: ***"
    assert hider.hide_name("keys begin with sk-proj-") == "keys begin with sk-proj-"


@pytest.mark.parametrize("order", ["utf-16-le", "utf-16-be"])
def test_what_is_hidden_in_utf_16_leaves_utf_16(order: str) -> None:
    hider = redactor([b"canary-0123456789"])
    text = "\u00e9 canary-0123456789 \u00e9".encode(order)
    assert hider.hide_whole(text).decode(order) == "\u00e9 *** \u00e9"
    for cut in range(20, len(text)):
        stream = hider.stream()
        shown = stream.hide(text[:cut]) + stream.hide(text[cut:])
        assert set(shown.decode(order)) <= set("\u00e9 canry-01*"), cut


def test_short_values_are_not_searched() -> None:
    assert redactor([b"short", b""]).hide(b"a short text") == b"a short text"


def test_nothing_prints_a_secret() -> None:
    hider = redactor([b"canary-0123456789"])
    stream = hider.stream()
    stream.hide(b"canary-0")
    assert "canary" not in repr(hider) + repr(stream)


# -- HTML's numbers without their semicolon -------------------------------------------------------------------------


@pytest.mark.parametrize("write", ["&#{0}", "&#x{0:x}", "&#X{0:X}", "&#00{0}"])
@pytest.mark.parametrize("behind", ["", " ", "!"])
def test_html_numbers_need_no_semicolon(write: str, behind: str) -> None:
    secret = "canary-012"
    spelled = "".join(write.format(ord(one)) for one in secret)
    hider = redactor([secret.encode()])
    assert hider.hide_whole(f"a {spelled}{behind}".encode()) == f"a ***{behind}".encode()
    assert hider.hide_whole(f"a {spelled}9".encode()) == f"a {spelled}9".encode(), "another number"


@pytest.mark.parametrize(
    "secret", ["key&amplify-it", "a%25b-cdefgh", "ab&lt-cdefgh", "0123456789\\", "012345678&", "01234567%2"]
)
def test_a_secret_that_looks_like_an_escape_is_found_as_it_stands(secret: str) -> None:
    hider = redactor([secret.encode()])
    for text in (secret, in_json(secret), html.escape(secret), quote(secret)):
        assert hider.hide_whole(text.encode()) == HIDDEN
        assert hider.hide_whole(f"%41 {text} .".encode()) == b"%41 *** ."


# -- line breaks ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\n\n"])
@given(secret=secrets, data=st.data())
def test_over_lines_of_a_text(line_end: str, secret: str, data: st.DataObject) -> None:
    cut = data.draw(st.integers(1, len(secret) - 1))
    text = f"a\nb {secret[:cut]}{line_end}{secret[cut:]} c\nd"
    hider = redactor([secret.encode()])
    assert hider.hide_whole(text.encode()).decode() == "a\nb *** c\nd"
    assert hider.stream().hide(text.encode()).decode() == "a\nb *** c\nd"


def test_base64_in_lines() -> None:
    secret = "canary-0123456789-of-the-operator-in-more-than-one-line-of-base64-text-0123456789"
    text = encodebytes(f"Authorization: Bearer {secret}!".encode())
    hidden = redactor([secret.encode()]).hide_whole(text)
    assert hidden.count(b"\n") == 1
    assert HIDDEN in hidden
    assert len(hidden) < 40


def test_what_is_no_secret_keeps_its_lines() -> None:
    text = b"canary-\nof-the-\r\nother"
    hider = redactor([b"canary-of-the-operator"])
    assert hider.hide_whole(text) is text
    assert hider.stream().hide(text) == text


# -- numbers --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("secret", "before", "after"),
    [
        ("1234567890", '{"key":1234567890}', '{"key":"***"}'),
        ("1234567890", ' [ -91234567890.5e3 , "1234567890", "a:1234567890," ]\n', ' [ "***" , "***", "a:***," ]\n'),
        ("12345.67", '{"a":[12345.67,1],"12345.67":2}', '{"a":["***",1],"***":2}'),
        ("1234567890", '{"a": 1234567890, ', '{"a": ***, '),
        ("1234567890", "1234567890", "***"),
        ("1234567890", "say [1234567890]", "say [***]"),
    ],
)
def test_json_stays_json_where_a_secret_is_a_number(secret: str, before: str, after: str) -> None:
    hider = redactor([secret.encode()])
    assert hider.hide_whole(before.encode()).decode() == after
    assert hider.stream().hide(before.encode()).decode() == after


# -- strings of few characters --------------------------------------------------------------------------------------


@pytest.mark.parametrize("spelling", IN_JSON)
@given(data=st.data())
def test_over_short_strings_of_json_pieces_what_follows_eight_characters_is_hidden(
    spelling: str, data: st.DataObject
) -> None:
    secret = SECRET.replace("\\", "").replace('"', "")  # they are escaped as JSON once more
    characters = [SPELLINGS[spelling](one) for one in secret]
    cuts = [SHORTEST_PART + data.draw(st.integers(0, 4))]
    while cuts[-1] < len(secret):
        cuts.append(cuts[-1] + data.draw(st.integers(1, 5)))
    stream = redactor([secret.encode()]).stream()
    texts = []
    for start, end in zip([0, *cuts], cuts):
        part = "".join(characters[start:end])
        before = " é " if not start else ""
        shown = json.loads(stream.hide(delta(before + part)))["text"]
        texts.append(shown)
        assert shown == before + ("***" if min(end, len(secret)) >= SHORTEST else part)
        assert stream.hide(b'{"type":"ping"}') == b'{"type":"ping"}'
    assert stream.hide(delta("behind")) == delta("behind")
    assert not stream.parts


def test_of_a_first_string_that_is_too_short_nothing_is_known() -> None:
    stream = redactor([b"canary-0123456789"]).stream()
    for part in ("ca", "nary-0", "123456", "789"):
        assert stream.hide(delta(part)) == delta(part)


def test_many_beginnings_are_one() -> None:
    stream = redactor([b"canary-0123456789"]).stream()
    stream.hide(json.dumps(["can", "canary-01"] * 1000).encode())
    assert len(stream.parts) == 2


def test_a_beginning_in_between_does_not_end_a_secret() -> None:
    stream = redactor([b"canary-0123456789"]).stream()
    assert stream.hide(delta("canary-012")) == delta("***")
    assert stream.hide(delta("can")) == delta("can")
    assert stream.hide(delta("3456")) == delta("***")


def test_a_search_for_escapes_begins_with_one_character() -> None:
    """So it is as fast as ``bytes.find``: with another beginning a text of megabytes held up everybody for a second."""
    hider = redactor([b"a-secret/with&all<characters>"])
    for search in (hider._backslash, hider._percent, hider._ampersand):
        pattern: bytes = search.__self__.pattern  # type: ignore[attr-defined]
        first, rest = (pattern[:2], pattern[2:]) if pattern[:1] == b"\\" else (pattern[:1], pattern[1:])
        assert first in (rb"\\", b"%", b"&")
        assert rest.startswith(b"(?:")
        depth = 0
        for character in rest.replace(rb"\\", b"").replace(rb"\(", b"").replace(rb"\)", b""):
            depth += (character == ord("(")) - (character == ord(")"))
            assert depth or character != ord("|"), "another alternative stands beside that beginning"
