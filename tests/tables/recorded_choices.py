"""What two clients of one recorded conversation said differently, of their own accord.

Data only. For each group of ``translation`` in the recordings: the fields in which what we write for a provider differs
from what its client wrote, for how many pairs of requests, and why. Differences that a translation makes itself are not
here: they are in its notes.
"""

from typing import Final

LIMIT: Final = "a default limit, where the provider needs one or has a low one"
STORED: Final = "not to be stored, where the provider would"
SAMPLING: Final = "not said to models that think, or beside a temperature; or defaults that differ"
LACKING: Final = "not said where there is no such setting"
THINKING: Final = "defaults of thinking differ by model"
SETTING: Final = "a default of the client, or not said where there is no such setting"
FORM: Final = "the form of the output is said by a forced tool, by instructions, or by a schema"
CHOSEN: Final = "a choice of tools is said by sending these alone, or not at all"
KEPT: Final = "only OpenAI keeps earlier turns"
SCHEMA: Final = "a schema is written in another way: references put in, types spelt differently, no description"
LATER: Final = "a tool that appears later is sent, searched for, or announced"
HISTORY: Final = "tools and earlier calls are left out, or stand-ins are put in"
SPOKE: Final = "one model said something beside its call, another did not"
CALLED: Final = "one model said something beside its call, or called the tool wrongly first"
MEDIA: Final = "media of a tool are put into a turn of the user, or downloaded; and models spoke or called wrongly"
OTHER: Final = "models called with other arguments, or results and files of the recordings differ"

#: By group: the field, the number of pairs that differ in it, and why.
CHOICES: Final[dict[str, dict[str, tuple[int, str]]]] = {
    "agent-multi-tool-stream": {"turns": (17, SPOKE)},
    "agent-thinking-stream": {"max_tokens": (8, LIMIT), "reasoning": (2, THINKING)},
    "agent-tool": {"turns": (27, SPOKE)},
    "agent-tool-stream-clouds": {"turns": (6, SPOKE)},
    "cache-tool": {"max_tokens": (6, LIMIT), "store": (4, STORED)},
    "call-params": {
        "seed": (12, LACKING),
        "stop_sequences": (11, LACKING),
        "store": (8, STORED),
        "temperature": (11, SAMPLING),
        "top_k": (13, LACKING),
        "top_p": (11, SAMPLING),
    },
    "call-tools-parallel": {"max_tokens": (12, LIMIT), "store": (8, STORED), "turns": (10, SPOKE)},
    "chat-multi-turn": {"max_tokens": (32, LIMIT)},
    "citations-stream": {"max_tokens": (1, LIMIT)},
    "citations-text": {"max_tokens": (2, LIMIT)},
    "document-content": {"max_tokens": (3, LIMIT), "store": (3, STORED)},
    "error-auth": {"max_tokens": (12, LIMIT)},
    "function-array": {"max_tokens": (14, LIMIT)},
    "function-call": {"max_tokens": (28, LIMIT)},
    "function-call-multi-turn-stream": {"max_tokens": (24, LIMIT)},
    "function-no-parameters": {"max_tokens": (30, LIMIT), "turns": (6, SPOKE)},
    "function-returns-pdf": {"max_tokens": (5, LIMIT), "turns": (6, MEDIA)},
    "function-several-rounds": {"max_tokens": (28, LIMIT), "turns": (27, OTHER)},
    "function-string-result": {"max_tokens": (28, LIMIT), "tools": (18, SCHEMA), "turns": (9, OTHER)},
    "function-text-and-attachment": {"max_tokens": (21, LIMIT), "turns": (27, MEDIA)},
    "input-document-bytes": {"max_tokens": (1, LIMIT)},
    "input-document-url": {"max_tokens": (1, LIMIT), "store": (2, STORED), "turns": (6, OTHER)},
    "mixed-files": {"max_tokens": (5, LIMIT)},
    "object-complex-stream": {"output": (6, FORM), "tool_choice": (6, FORM), "tools": (6, FORM)},
    "refusal": {
        "max_tokens": (3, LIMIT),
        "output": (3, FORM),
        "parallel_tool_calls": (2, FORM),
        "store": (3, STORED),
        "tool_choice": (3, FORM),
        "tools": (3, FORM),
        "turns": (5, FORM),
    },
    "req-context-append-2": {"seed": (2, LACKING), "store": (2, STORED), "temperature": (2, SAMPLING)},
    "req-multi-tool": {
        "max_tokens": (77, LIMIT),
        "reasoning": (28, THINKING),
        "seed": (42, LACKING),
        "store": (6, STORED),
        "temperature": (64, SAMPLING),
        "tools": (8, SCHEMA),
    },
    "req-token-limit": {
        "max_tokens": (47, LIMIT),
        "reasoning": (28, THINKING),
        "store": (6, STORED),
        "temperature": (64, SAMPLING),
    },
    "req-tool-round-trip-2": {
        "max_tokens": (52, LIMIT),
        "previous_response_id": (4, KEPT),
        "seed": (32, LACKING),
        "store": (4, STORED),
        "tools": (20, HISTORY),
        "turns": (17, HISTORY),
    },
    "resume-other-model": {"max_tokens": (10, LIMIT), "store": (4, STORED)},
    "resume-other-model-thinking-tools": {
        "max_tokens": (10, LIMIT),
        "reasoning": (4, THINKING),
        "store": (4, STORED),
        "turns": (4, SPOKE),
    },
    "schema-output": {"max_tokens": (7, LIMIT)},
    "schema-ref-siblings": {"max_tokens": (3, LIMIT), "tools": (2, SCHEMA)},
    "stop-sequences": {"max_tokens": (6, LIMIT), "top_p": (2, SAMPLING)},
    "structured-other-model-tool": {
        "max_tokens": (14, LIMIT),
        "parallel_tool_calls": (8, SETTING),
        "store": (5, STORED),
    },
    "structured-resume-stream": {"max_tokens": (18, LIMIT), "output": (18, FORM), "store": (10, STORED)},
    "structured-strict": {"max_tokens": (3, LIMIT), "output": (3, SCHEMA), "store": (3, STORED)},
    "structured-strict-stream-thinking": {"max_tokens": (1, LIMIT), "output": (1, SCHEMA)},
    "thinking-redacted": {"max_tokens": (2, LIMIT)},
    "thoughts-as-text": {"max_tokens": (6, LIMIT), "reasoning": (6, THINKING), "store": (4, STORED)},
    "tool-calls-one-at-a-time": {"max_tokens": (6, LIMIT)},
    "tool-choice-auto": {"max_tokens": (13, LIMIT), "store": (6, STORED), "top_p": (3, SAMPLING)},
    "tool-choice-list-single": {
        "max_tokens": (8, LIMIT),
        "store": (3, STORED),
        "tool_choice": (3, CHOSEN),
        "tools": (3, CHOSEN),
        "top_p": (3, SAMPLING),
    },
    "tool-choice-named": {"max_tokens": (10, LIMIT), "turns": (2, OTHER)},
    "tool-choice-required": {"max_tokens": (7, LIMIT), "store": (3, STORED), "top_p": (3, SAMPLING)},
    "tool-choice-tools-plus-output": {
        "max_tokens": (14, LIMIT),
        "store": (6, STORED),
        "tool_choice": (10, CHOSEN),
        "tools": (16, CHOSEN),
        "top_p": (6, SAMPLING),
    },
    "tool-error-result": {"max_tokens": (10, LIMIT), "store": (4, STORED), "turns": (6, SPOKE)},
    "tool-return-beside-binary-image": {
        "max_tokens": (9, LIMIT),
        "store": (3, STORED),
        "top_p": (3, SAMPLING),
        "turns": (18, CALLED),
    },
    "tool-return-beside-url-image": {
        "max_tokens": (6, LIMIT),
        "store": (3, STORED),
        "top_p": (3, SAMPLING),
        "turns": (14, MEDIA),
    },
    "tool-return-binary-audio": {"turns": (3, OTHER)},
    "tool-return-binary-document": {
        "max_tokens": (8, LIMIT),
        "store": (3, STORED),
        "top_p": (3, SAMPLING),
        "turns": (14, CALLED),
    },
    "tool-return-mixed-order": {
        "max_tokens": (9, LIMIT),
        "store": (3, STORED),
        "top_p": (3, SAMPLING),
        "turns": (16, CALLED),
    },
    "tool-return-two-images": {
        "max_tokens": (6, LIMIT),
        "store": (3, STORED),
        "top_p": (3, SAMPLING),
        "turns": (7, MEDIA),
    },
    "tool-return-url-image": {
        "max_tokens": (6, LIMIT),
        "store": (3, STORED),
        "top_p": (3, SAMPLING),
        "turns": (11, MEDIA),
    },
    "tools-appear-later-r4": {"store": (3, STORED), "tools": (10, LATER), "turns": (8, LATER)},
    "vision-remote": {"max_tokens": (8, LIMIT), "turns": (9, MEDIA)},
}
