"""The class of an error: what it means, in the same words for every provider.

Decides: the class of any error from the words and numbers it holds, the status it names, the wait that it asks for;
what a class means for another try and for the status that a client is shown (client protocol, section 3.3). Must not
know: where in a body the words stand (:mod:`.errors`), and whether another try was asked for.

The order of trust: the provider's own code, then its kind, then an HTTP status that blames one side clearly, then words
of the message, then the statuses and kinds that say little (400, ``invalid_request_error``, ``api_error``).
"""

import re
from typing import Final

from ..events import ErrorClass, ResponseFailed

#: Codes and kinds that say what is wrong, as :func:`_key` writes them.
WORDS: Final[dict[str, ErrorClass]] = {
    **dict.fromkeys(
        (
            "contextlengthexceeded", "exceedcontextsize", "contextwindowexceeded", "stringabovemaxlength",
            "validation", "outofrange",
            "unsupportedvalue", "unsupportedparameter", "missingrequiredparameter", "unknownparameter",
            "invalidvalue", "invalidtype", "toolusefailed", "jsonvalidatefailed", "requesttoolarge",
            "invalidprompt", "invalidbase64", "invalidimage", "imageparse",
            "invalidimageurl", "imagetoolarge", "unsupportedmediatype", "missingparameter", "invalidparameter",
            "previousresponsenotfound", "invalidfunctionparameters", "payloadtoolarge", "invalidinput", "data0000",
        ),
        "invalid_request",
    ),
    **dict.fromkeys(
        (
            "authentication", "authenticationfailed", "unauthenticated", "unauthorized", "invalidapikey",
            "incorrectapikey", "apikeyinvalid", "missingapikey", "invalidauthenticationtoken", "unrecognizedclient",
            "invalidsignature", "expiredtoken", "tokenexpired", "invalidtoken", "invalidauth", "accesstokenexpired",
            "missingauthentication", "needsauthorization", "noauth", "invalidclienttokenid", "expiredapikey",
        ),
        "authentication",
    ),
    **dict.fromkeys(
        (
            "permission", "permissiondenied", "accessdenied", "forbidden", "insufficientquota", "billing",
            "billingnotactive", "billinghardlimitreached", "insufficientbalance", "paymentrequired",
            "insufficientcredits", "insufficientfunds", "quotaexceeded", "exceededcurrentquota", "accessterminated",
            "unsupportedcountryregionterritory", "accountdeactivated", "organizationdeactivated", "modelnotallowed",
            "insufficientpermissions", "missingpermissions", "budgetexceeded", "paidplanrequired", "notauthorized",
        ),
        "permission",
    ),
    **dict.fromkeys(
        (
            "notfound", "modelnotfound", "deploymentnotfound", "resourcenotfound", "modelnotexist", "nosuchmodel",
            "unknownmodel", "modeldoesnotexist", "voicenotfound", "nosuchdeployment", "modelnotavailable",
            "entitynotfound", "unknownoperation",
        ),
        "not_found",
    ),
    **dict.fromkeys(
        (
            "contentfilter", "contentpolicy", "contentpolicyviolation", "responsibleaipolicyviolation", "moderation",
            "moderationblocked", "datainspectionfailed", "safety", "promptblocked", "contentfiltered", "sensitive",
            "prohibitedcontent", "contentmoderation", "imagecontentpolicyviolation", "guardrailintervened",
            "cyberpolicy", "biopolicy", "safetyviolation", "unsafecontent", "inputmoderation", "blockedcontent",
            "refusal",
        ),
        "content_policy",
    ),
    **dict.fromkeys(
        (
            "ratelimit", "ratelimited", "ratelimitexceeded", "ratelimitreached", "throttling", "throttled",
            "toomanyrequests", "resourceexhausted", "tokens", "requests", "slowdown",
            "requestlimitexceeded", "limitrequests", "concurrencylimitexceeded", "toomanyconcurrentrequests",
            "servicequotaexceeded", "limitburstrate", "tokensperminutelimit", "throttlingratequota",
            "throttlingallocationquota",
        ),
        "rate_limit",
    ),
    **dict.fromkeys(
        (
            "overload", "overloaded", "serviceunavailable", "unavailable", "modelnotready", "capacity", "nocapacity",
            "capacityexceeded", "engineoverloaded", "serveroverloaded", "modeloverloaded", "slowdownplease",
            "serviceoverloaded", "serverbusy", "systembusy", "modelbusy", "servicetiercapacityexceeded",
            "insufficientsystemresource", "queuefull", "websocketconnectionlimitreached",
        ),
        "overload",
    ),
    **dict.fromkeys(
        (
            "server", "internal", "internalserver", "internalfailure", "internalservice",
            "model", "modelerror", "modelstreamerror",
            "internalservererror", "modelstream", "modeltimeout", "timeout",
            "requesttimeout", "gatewaytimeout", "deadlineexceeded", "badgateway", "upstream", "upstreamfailed",
            "provider", "aborted", "dataloss", "dependencyfailed", "vectorstoretimeout", "runexpired", "network",
            "generation", "inference", "incompletegeneration", "cancelled", "system", "engine", "apiconnection",
            "serverexecution", "net0000", "net0001", "modelexecution",
        ),
        "server",
    ),
}  # fmt: skip

#: Kinds that are put on anything: the message may know better.
_VAGUE: Final[dict[str, ErrorClass]] = {
    **dict.fromkeys(
        (
            "invalidrequest", "badrequest", "invalidargument", "failedprecondition", "unprocessable",
            "unprocessableentity",
        ),
        "invalid_request",
    ),
    "api": "server",
}  # fmt: skip

#: Of a code of MiniMax's ``base_resp``.
BASE_RESP: Final[dict[int, ErrorClass]] = {
    1000: "server", 1001: "server", 1002: "rate_limit", 1004: "authentication", 1008: "permission", 1013: "server",
    1024: "server", 1026: "content_policy", 1027: "content_policy", 1033: "server", 1039: "rate_limit",
    1041: "overload", 1042: "invalid_request", 2013: "invalid_request", 2049: "authentication", 2056: "permission",
}  # fmt: skip

_STATUSES: Final[dict[int, ErrorClass]] = {
    401: "authentication", 402: "permission", 403: "permission", 404: "not_found", 405: "not_found", 408: "server",
    409: "server", 410: "not_found", 425: "overload", 429: "rate_limit", 451: "content_policy", 498: "overload",
    499: "server", 503: "overload", 529: "overload",
}  # fmt: skip

#: Words of messages, the most certain first; one search for each, over the first characters only.
_PATTERNS: Final[tuple[tuple[ErrorClass, str], ...]] = (
    ("authentication", r"api.?key (?:is )?(?:not valid|invalid|expired|missing)|(?:invalid|incorrect|missing|wrong) "
     r"(?:x-)?api.?key|unauthori[sz]ed|authentication|invalid (?:bearer )?token|not authenticated"),
    ("permission", r"insufficient (?:balance|credits?|quota|funds)|not enough credits?|exceeded your current quota"
     r"|permission|access denied|forbidden|not allowed to access|billing|payment required|out of credits"),
    ("invalid_request", r"context (?:size|length|window)|too many (?:input )?tokens in|prompt is too long"
     r"|input is too long|maximum context|reduce the length|max_tokens|must be (?:a|an|one|less|greater|between)"
     r"|invalid (?:request|parameter|argument|value|json|type)|bad request|malformed|is required|not support(?:ed)?"
     r"|unsupported|unrecognized|validation"),
    ("content_policy", r"content (?:policy|filter|management)|safety|moderation|sensitive (?:content|words)"
     r"|prohibited|usage polic"),
    ("not_found", r"not found|does not exist|no such|unknown model|no endpoints found"),
    ("rate_limit", r"rate.?limit|too many (?:requests|tokens)|throttl|limit (?:reached|exceeded)|quota|try again in"
     r"|per (?:minute|second|day)\b|concurren(?:t|cy)"),
    ("overload", r"overload|capacity|(?:is|are|server|currently) (?:too )?busy|temporarily unavailable"
     r"|service unavailable|high demand|no (?:available )?(?:workers?|instances?|providers?)|still loading"
     r"|model is loading|queue is full|\b503\b"),
    ("server", r"internal|server error|bad gateway|gateway time-?out|timed? ?out|upstream|connection"
     r"|unexpected error|went wrong|died|crash|out of memory|cuda|\b50[0-4]\b"),
)  # fmt: skip
_LOOK_AT: Final = 500
_NOT_LETTERS: Final = r"[^a-z0-9]+"
_ENDING: Final = r"(?:error|exception|fault)s?$"
_WAIT: Final = (
    r"(?i)(?:try again|retry|wait|reset\w*|available)[^.;\n]{0,30}?\b(?:in|after|for)\s+"
    r"((?:\d{1,7}(?:\.\d{1,9})?\s*(?:milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|h)(?![a-z])[\s,]*(?:and\s+)?){1,4})"
)
_SPAN: Final = r"(?i)(\d{1,7}(?:\.\d{1,9})?)\s*([a-z]+)"
_UNITS: Final[dict[str, float]] = {"mi": 60.0, "m": 60.0, "ms": 0.001, "mil": 0.001, "s": 1.0, "h": 3600.0}
_RETRIED: Final[frozenset[ErrorClass]] = frozenset({"overload", "rate_limit", "server", "unknown"})
_SHOWN: Final[dict[ErrorClass, int]] = {
    "invalid_request": 400,
    "content_policy": 400,
    "authentication": 401,
    "permission": 403,
    "not_found": 404,
    "rate_limit": 429,
    "overload": 503,
}
#: The longest wait that counts as one, in seconds: a week.
LONGEST_WAIT: Final = 604_800.0


def is_retryable(error_class: ErrorClass) -> bool:
    """Whether the same request may succeed if it is sent again."""
    return error_class in _RETRIED


def status_of(failed: ResponseFailed) -> int:
    """The status to show for an error inside a 2xx: the one that it names, else that of its class, else 502."""
    return _SHOWN.get(failed.error_class, 502) if failed.status is None else failed.status


def classify_error(message: str, kind: str | None, code: str | None, status: int | None) -> ErrorClass:
    """The class of an error. ``status``: an HTTP status, named in the body or that of the response itself."""
    vague: ErrorClass = "unknown"
    for word in (code, kind):
        if word:
            key = _key(word)
            found = WORDS.get(key)
            if found is not None:
                return found
            if vague == "unknown":
                vague = _VAGUE.get(key, "unknown")
    if kind == "base_resp" and code is not None and code.isdecimal() and len(code) < 8:
        return BASE_RESP.get(int(code), "unknown")
    if kind == "not_json" and status is None:
        return "unknown"
    if status is not None:
        found = _STATUSES.get(status)
        if found is not None:
            return found
        if status >= 500:
            return "server"
    said = message[:_LOOK_AT]
    for name, words in _PATTERNS:
        if re.search(words, said, re.IGNORECASE):
            return name
    return "invalid_request" if status is not None and status >= 400 else vague


def named_status(*values: object) -> int | None:
    """The first of ``values`` that is an HTTP status of an error, as a number or as its digits."""
    for value in values:
        if type(value) is str and len(value) == 3 and value.isdecimal():
            value = int(value)
        if type(value) is int and 400 <= value <= 599:
            return value
    return None


def wait_in_text(message: str) -> float | None:
    """The wait in ``message`` ("try again in 7.2s"), in seconds; ``None`` if it names none."""
    found = re.search(_WAIT, message[:_LOOK_AT])
    return None if found is None else span_s(found[1])


def span_s(text: str) -> float | None:
    """A span of time like ``34s``, ``1m2.5s``, ``20 seconds``, ``7`` in seconds; ``None`` for anything else."""
    try:
        return _wait(float(text))
    except ValueError:
        pass
    total, some = 0.0, False
    for number, unit in re.findall(_SPAN, text[:64]):
        unit = unit.lower()
        size = _UNITS.get(unit) or _UNITS.get(unit[:3]) or _UNITS.get(unit[:2]) or _UNITS.get(unit[:1])
        if size is None:
            return None
        total, some = total + float(number) * size, True
    return _wait(total) if some else None


def _wait(seconds: float) -> float | None:
    return min(seconds, LONGEST_WAIT) if seconds >= 0 else None


def _key(word: str) -> str:
    """``word`` without case, blanks, signs and the ending "error" or "exception"; of a path its last part."""
    plain = re.sub(_NOT_LETTERS, "", re.split(r"[#/]", word[:100])[-1].lower())
    return re.sub(_ENDING, "", plain) or plain
