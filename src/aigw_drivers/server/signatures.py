"""Answers that a server gives by itself: signatures for Google service accounts.

Decides: that the host's own answer comes first, and which library does RSA. Must not know: what it signs.

``cryptography`` (``pip install aigw[google]``) is imported for the first signature.
"""

from anyio import to_thread

from aigw_sansio import Answer, Question, Sign, Signed, Unavailable

from ..anyio_driver import AnswerHandler


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
        return await to_thread.run_sync(
            sign, question
        )  # checking a key takes milliseconds, or more if a stranger made it

    return answer


def sign(question: Sign) -> Signed | Unavailable:
    """Sign by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2). ``Unavailable`` if ``cryptography`` is not
    installed, or the key is not an RSA key."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        return Unavailable()
    try:
        key = load_pem_private_key(question.key.reveal().encode(), None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return Unavailable()
    if not isinstance(key, rsa.RSAPrivateKey):
        return Unavailable()
    return Signed(key.sign(question.message, padding.PKCS1v15(), hashes.SHA256()))
