"""What the host is asked about the steps of a request.

Decides: which questions there are, their order, and which answer refuses the request. Must not know: when they are
asked, and how a step is built.
"""

from collections.abc import Iterator, Mapping, Sequence

from ..dialects.commands import Step
from ..downstream.gateway_tokens import known_token
from ..downstream.policy_questions import admit, denial, find_key, wants_admission, wants_key
from ..effects import Admit, Answer, Authenticate, Authenticated, FindKey, Key, LookUp, Question
from ..exchanges.ports import PlannedStep
from ..faults import Fault, FaultKind, Side
from ..providers.cache_use import CacheUse
from ..providers.named_model import named_model
from ..secret import HeaderFields
from .planner import ClientInfo, name_step, step_tokens


def token_questions(client: ClientInfo, steps: Sequence[Step]) -> list[Question]:
    """One for each gateway token in the headers of ``steps`` that the settings do not list."""
    if not client.settings.authentication:
        return []
    questions: list[Question] = []
    asked = []
    for step in steps:
        for token in step_tokens(step):
            if not known_token(client.settings, token) and token not in asked:
                asked.append(token)
                fields = tuple((name.lower(), value) for name, value in step.headers)
                questions.append(
                    Authenticate(
                        client.account,
                        client.gateway,
                        token,
                        peer=client.peer,
                        path=client.path,
                        origin=client.origin,
                        headers=HeaderFields(fields),
                    )
                )
    return questions


def policy_questions(
    client: ClientInfo,
    steps: Sequence[Step],
    planned: Sequence[PlannedStep],
    log_id: str,
    cache: CacheUse | None = None,
) -> list[Question]:
    """Whether each step may go; then, if ``cache`` is not ``None``, whether the answer to the first one is kept; then
    the keys of those that have no key of the client's. ``planned``: the plan of each of ``steps``.

    So who is not admitted gets nothing that is kept, and what is kept needs no key.
    """
    asker = client.principal, client.account, client.gateway
    questions: list[Question] = []
    if wants_admission(client.settings):
        for index, (step, one) in enumerate(zip(steps, planned, strict=True)):
            call, request = one.call, one.call.request
            question = admit(
                asker,
                provider=call.provider,
                endpoint=call.endpoint,
                model=named_model(request.target.decode("ascii"), request.body),
                size=len(request.body),
                headers=_headers(client, step),
                log_id=log_id,
                step=index,
            )
            questions.append(question)
    if cache is not None:
        questions.append(LookUp(cache.account, cache.gateway, cache.key))
    for _, lookup in _lookups(client, steps, planned):
        if lookup not in questions:
            questions.append(lookup)
    return questions


def found_keys(
    client: ClientInfo,
    steps: Sequence[Step],
    planned: Sequence[PlannedStep],
    questions: Sequence[Question],
    answers: Sequence[Answer],
) -> dict[int, tuple[str, Key]]:
    """The keys among the ``answers`` to ``questions``: by step, each with its provider."""
    given = [(question, answer) for question, answer in zip(questions, answers, strict=True) if type(answer) is Key]
    if not given:
        return {}
    return {
        index: (lookup.provider, key)
        for index, lookup in _lookups(client, steps, planned)
        for question, key in given
        if question == lookup
    }


def refusal(question: Question, answer: Answer, count: int) -> Fault | None:
    """Why ``answer`` refuses a request with ``count`` steps; ``None`` if it does not."""
    if isinstance(question, Authenticate) and not (isinstance(answer, Authenticated) and answer.allowed):
        detail = "the token in cf-aig-authorization of the request's headers is not allowed here"
        return Fault(FaultKind.UNAUTHORIZED, Side.CLIENT, detail)
    if isinstance(question, Admit):
        return denial(answer, name_step(question.step) if count > 1 else "")
    return None


def _lookups(
    client: ClientInfo, steps: Sequence[Step], planned: Sequence[PlannedStep]
) -> Iterator[tuple[int, FindKey]]:
    """The question for the key of each step that needs one."""
    asker = client.principal, client.account, client.gateway
    for index, (step, one) in enumerate(zip(steps, planned, strict=True)):
        if wants_key(client.settings, one.call.key):
            yield index, find_key(asker, provider=one.call.provider, headers=_headers(client, step))


def _headers(client: ClientInfo, step: Step) -> Mapping[str, str]:
    """What the client says about a step: in its headers, else in those of the handshake."""
    return {**client.headers, **{name.lower(): value for name, value in step.headers}}
