"""Parts of the host's own: what is refused when it is given, and what a gateway finds of the rest."""

import re
from collections.abc import Callable
from typing import Any

import pytest

from aigw_sansio import BodyDecoder, Parts, Provider, ProviderRequest, Reader, Route, translate
from aigw_sansio.bodies.framing import Framing
from aigw_sansio.bodies.ndjson import NdjsonDecoder
from aigw_sansio.exchanges.own_parts import OwnFraming
from aigw_sansio.formats.ollama import OllamaReader
from aigw_sansio.parts.parts import NO_PARTS

HTTPS = (Route(url="https://api.acme.test/v1"),)


def decoder() -> BodyDecoder:
    return NdjsonDecoder(100)


def acme(slug: Any = "acme", routes: Any = HTTPS, **fields: Any) -> Provider:
    return Provider(slug=slug, routes=routes, **fields)


def same(request: ProviderRequest) -> ProviderRequest:
    return request


@pytest.mark.parametrize(
    ("give", "error", "says"),
    [
        (lambda: Parts(readers={"ollama": OllamaReader}), ValueError, "parts.readers['ollama'] is taken by a built-in one"),
        (lambda: Parts(readers={"a b": OllamaReader}), ValueError, "parts.readers['a b'] has a bad name"),
        (lambda: Parts(readers={"acme": OllamaReader}), ValueError, "parts.readers has acme, which no provider of parts.providers names in its format or formats"),
        (lambda: Parts(readers={"acme": OllamaReader()}), TypeError, "parts.readers['acme'] is not callable"),  # type: ignore[dict-item]
        (lambda: Parts(readers={"acme": dict}), TypeError, "parts.readers['acme'] makes a dict without markers, terminated, finish_seen, complete, read, read_whole, finish; needed are"),  # type: ignore[dict-item]
        (lambda: Parts(framings={"sse": decoder}), ValueError, "parts.framings['sse'] is taken"),
        (lambda: Parts(framings={"blocks": decoder}), ValueError, "parts.framings has blocks, which no provider"),
        (lambda: Parts(framings={"blocks": list}), TypeError, "without fault, buffered, unread, feed, finish"),  # type: ignore[dict-item]
        (lambda: Parts(transforms={"opnai": same}), ValueError, "parts.transforms['opnai'] is for no provider; allowed are"),
        (lambda: Parts(transforms={"openai": None}), TypeError, "parts.transforms['openai'] is not callable; it takes a ProviderRequest"),  # type: ignore[dict-item]
        (lambda: Parts(translator=translate.requests), TypeError, "parts.translator has no stand_ins, put_media, answer_context, make_writer; allowed is the module aigw_sansio.translate"),  # type: ignore[arg-type]
        (lambda: Parts(transform=7), TypeError, "parts.transform is not callable"),  # type: ignore[arg-type]
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_an_error_that_says_what_is_allowed(
    give: Callable[[], Parts], error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=re.escape(says)):
        give()


def test_a_maker_that_raises_is_told_as_it_is() -> None:
    def make() -> Reader:
        raise ZeroDivisionError("made in haste")

    with pytest.raises(ZeroDivisionError, match="made in haste"):
        Parts(readers={"acme": make})


def test_every_part_is_found_by_the_provider_that_names_it() -> None:
    row = acme(
        format="talk",
        formats=[["/chat$", "ollama"]],
        framings=[["text/x-acme", "blocks"], ["application/json", "ndjson"]],
    )
    parts = Parts(providers=[row, acme("other")], readers={"talk": OllamaReader}, framings={"blocks": decoder})
    assert parts.rows["acme"].formats == (("/chat$", "ollama"),), "a list is read as the tuple that it stands for"
    framings = {
        "text/x-acme": OwnFraming(None, "blocks", decoder),
        "application/json": OwnFraming(Framing.NDJSON),
    }
    talk = parts.reading("acme", "talk")
    assert talk is not None
    assert (talk.framings, talk.format, talk.reader) == (framings, "talk", OllamaReader)
    chat = parts.reading("acme", "ollama")
    assert chat is not None
    assert chat.reader is None
    assert parts.reading("other", "ollama") is None
    assert parts.reading("openai", "talk") is None
    assert repr(parts) == "Parts(providers=['acme', 'other'], readers=['talk'], transforms=[])"


def test_transforms_are_those_for_all_and_then_that_of_the_provider() -> None:
    def other(request: ProviderRequest) -> ProviderRequest:
        return request

    parts = Parts(providers=[acme()], transforms={"acme": other, "openai": other, "custom-x": other}, transform=same)
    assert parts.transforms_for("acme") == [("transform", same), ("transform of acme", other)]
    assert parts.transforms_for("groq") == [("transform", same)]
    assert Parts(transforms={"openai": other}).transforms_for("openai") == [("transform of openai", other)]
    assert NO_PARTS.transforms_for("openai") == []
    assert repr(parts) == "Parts(providers=['acme'], readers=[], transforms=['acme', 'openai', 'custom-x', 'all'])"


def test_parts_keep_their_own_translator_and_all_others_get_one() -> None:
    own = Parts(providers=[acme()], transform=same)
    given = own.with_translator(translate)
    assert (own.translator, given.translator) == (None, translate)
    assert (given.rows, given.transforms_for("acme")) == (own.rows, [("transform", same)])
    assert given.with_translator(translate) is given
    assert NO_PARTS.translator is None


def test_a_request_shows_none_of_its_content() -> None:
    request = ProviderRequest(
        provider="acme", endpoint="talk?key=canary", method="POST", headers=(("x-key", "canary"),), body=b"canary"
    )
    assert "canary" not in repr(request)
