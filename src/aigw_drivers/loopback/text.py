"""The text of the loopback provider: plausible English from a seed.

Decides: the words, their number, and the count of tokens. Must not know: the JSON of any provider. The same request
always gets the same text.
"""

import hashlib
import random

import msgspec

from .options import Options

_WORDS = [
    "time",
    "year",
    "people",
    "way",
    "day",
    "man",
    "thing",
    "woman",
    "life",
    "child",
    "world",
    "school",
    "state",
    "family",
    "student",
    "group",
    "country",
    "problem",
    "hand",
    "part",
    "place",
    "case",
    "week",
    "company",
    "system",
    "program",
    "question",
    "work",
    "government",
    "number",
    "night",
    "point",
    "home",
    "water",
    "room",
    "mother",
    "area",
    "money",
    "story",
    "fact",
    "month",
    "lot",
    "right",
    "study",
    "book",
    "eye",
    "job",
    "word",
    "business",
    "issue",
    "side",
    "kind",
    "head",
    "house",
    "service",
    "friend",
    "father",
    "power",
    "hour",
    "game",
    "line",
    "end",
    "member",
    "law",
    "car",
    "city",
    "community",
    "name",
    "president",
    "team",
    "minute",
    "idea",
    "body",
    "information",
    "back",
    "parent",
    "face",
    "others",
    "level",
    "office",
    "door",
    "health",
    "person",
    "art",
    "war",
    "history",
    "party",
    "result",
    "change",
    "morning",
    "reason",
    "research",
    "girl",
    "guy",
    "moment",
    "air",
    "teacher",
    "force",
    "education",
    "the",
    "a",
    "of",
    "to",
    "in",
    "is",
    "that",
    "it",
    "with",
    "as",
    "for",
    "on",
    "by",
    "from",
    "this",
]

#: Fields that change how an answer is sent, not its text.
_NOT_SAID = frozenset(("loopback", "stream", "stream_options", "n"))


class Reply(msgspec.Struct, frozen=True):
    """A text in pieces. One piece counts as one token."""

    seed: int
    deltas: list[str]
    prompt_tokens: int
    #: Whether the request's token limit cut it short.
    cut: bool

    @property
    def text(self) -> str:
        """The whole text."""
        return "".join(self.deltas)

    @property
    def tokens(self) -> int:
        """Tokens of the text."""
        return len(self.deltas)

    def name(self, prefix: str) -> str:
        """An identifier in the style of a provider, always the same for the same request."""
        return f"{prefix}{self.seed:024x}"[: len(prefix) + 24]

    @property
    def created(self) -> int:
        """A Unix time, always the same for the same request."""
        return 1_700_000_000 + self.seed % 10_000_000


def compose(body: dict[str, object], options: Options, choice: int = 0) -> Reply:
    """The text for the request ``body``. ``choice`` numbers parallel answers from 0."""
    said = {name: value for name, value in body.items() if name not in _NOT_SAID}
    digest = hashlib.sha256(msgspec.json.encode((choice, said), order="sorted")).digest()
    seed = int.from_bytes(digest[:12], "big")
    source = random.Random(seed)
    wanted = options.chunks or source.randint(12, 40)
    limit = next((body[n] for n in ("max_completion_tokens", "max_output_tokens", "max_tokens") if n in body), None)
    count = min(wanted, limit) if isinstance(limit, int) and limit > 0 else wanted
    deltas = _sentences(source, count, ended=count == wanted)
    if options.chunk_bytes is not None:
        size = options.chunk_bytes
        deltas = [delta.ljust(size, "abcdefghijklmnopqrstuvwxyz"[n % 26])[:size] for n, delta in enumerate(deltas)]
    prompt = [body.get(name) for name in ("messages", "input", "instructions", "system", "tools")]
    return Reply(seed, deltas, prompt_tokens=max(1, count_tokens(prompt)), cut=count < wanted)


def _sentences(source: random.Random, count: int, *, ended: bool) -> list[str]:
    """``count`` words with leading blanks and punctuation. ``ended``: the last one ends its sentence."""
    deltas: list[str] = []
    left = 0
    for number in range(count):
        word = source.choice(_WORDS)
        if not left:
            left = source.randint(6, 14)
            word = word.capitalize()
        left -= 1
        if ended and number == count - 1:
            left = 0
        deltas.append(f"{' ' if number else ''}{word}{'' if left else '.'}")
    return deltas


def count_tokens(value: object) -> int:
    """Words in all strings of a JSON value."""
    if isinstance(value, str):
        return len(value.split())
    if isinstance(value, dict):
        return sum(map(count_tokens, value.values()))
    if isinstance(value, list):
        return sum(map(count_tokens, value))
    return 0


def arguments(parameters: object, seed: int) -> dict[str, object]:
    """Arguments for a tool. They fit the JSON schema ``parameters`` in the types of its properties, no deeper."""
    source = random.Random(seed)
    properties = parameters.get("properties") if isinstance(parameters, dict) else None
    if not isinstance(properties, dict):
        return {}
    made: dict[str, object] = {}
    for name, schema in properties.items():
        kind = schema.get("type") if isinstance(schema, dict) else None
        kind = kind.lower() if isinstance(kind, str) else None  # Google writes types in capitals
        choices = schema.get("enum") if isinstance(schema, dict) else None
        if isinstance(choices, list) and choices:
            made[name] = source.choice(choices)
        elif kind in ("integer", "number"):
            made[name] = source.randint(1, 100)
        elif kind == "boolean":
            made[name] = source.random() < 0.5
        elif kind == "array":
            made[name] = []
        elif kind == "object":
            made[name] = {}
        else:
            made[name] = " ".join(source.sample(_WORDS, 2))
    return made
