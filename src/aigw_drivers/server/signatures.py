"""Answers that a server gives by itself: signatures for Google service accounts.

Decides: that the host's own answer comes first, and that a signature is made in another process
(:mod:`.signing_worker`). Must not know: what it signs.

``cryptography`` (``pip install aigw[google]``) is needed for signatures. Each has a process of its own: it takes a
tenth of a second, once in an hour for an account, and a stranger's key is gone with it.
"""

import json
import sys
from pathlib import Path
from subprocess import DEVNULL
from typing import Final

from anyio import run_process

from aigw_sansio import Answer, Question, Sign, Signed, Unavailable

from ..anyio_driver import AnswerHandler
from ..core.threads import no_thread_is_an_os_error
from . import signing_worker

_WORKER: Final = Path(signing_worker.__file__)


def with_signatures(host: AnswerHandler | None = None) -> AnswerHandler:
    """A handler that asks ``host`` first, and makes a signature itself if ``host`` gives none.

    So a host may keep keys elsewhere. Without ``host``, the answer to any other question is ``Unavailable``.
    """

    async def answer(question: Question) -> Answer:
        if not isinstance(question, Sign):
            return Unavailable() if host is None else await host(question)
        if host is not None:
            try:
                found = await host(question)
            except Exception:  # the host does not know the question
                found = Unavailable()
            if isinstance(found, Signed):
                return found
        return await sign_elsewhere(question)

    return answer


async def sign_elsewhere(question: Sign) -> Signed | Unavailable:
    """As :func:`sign`, in a process of its own. A cancellation ends the process."""
    asked = json.dumps({"key": question.key.reveal(), "message": question.message.decode("latin-1")})
    if not sys.executable:  # an embedded interpreter has none
        return Unavailable()
    # -P: nothing from the folder of the script, whose modules have names of others. The rest of the path is ours.
    command = [sys.executable, "-P", str(_WORKER)]
    try:
        with no_thread_is_an_os_error():
            done = await run_process(command, input=asked.encode(), stderr=DEVNULL, check=False)
    except (OSError, ValueError, ExceptionGroup):  # it does not start, or does not read
        return Unavailable()
    return Signed(done.stdout) if done.returncode == 0 and done.stdout else Unavailable()


def sign(question: Sign) -> Signed | Unavailable:
    """Sign by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2). ``Unavailable`` if ``cryptography`` is not
    installed, or the key is no RSA key of 2,048 to 4,096 bits. It takes up to half a second."""
    signature = signing_worker.sign(question.key.reveal(), question.message)
    return Signed(signature) if signature else Unavailable()
