"""Makes one signature, in a process of its own: reads the question from stdin, writes the signature to stdout.

Decides: which library does RSA, and which keys it is given. Must not know: who asks.

A key may come from a stranger. Checking it costs up to seconds, in which the interpreter's lock is held; so it is not
done in the process that serves clients. This file is run as a script, without the rest of the package.
"""

import json
import os
import sys
from contextlib import suppress

#: Sizes of RSA keys in bits. They are known before the key is checked, which costs time that grows with their cube.
KEY_BITS = range(2048, 4097)
#: Clients that are being served go first, but the signature has to come before ``ask_s`` (5 s) is over: it takes up to
#: half a second of a processor that is shared with others.
NICENESS = 3


def sign(key: str, message: bytes) -> bytes:
    """Sign by RSASSA-PKCS1-v1_5 with SHA-256 (RFC 8017 section 8.2). Empty if ``cryptography`` is not installed, or the
    key is no RSA key of an allowed size."""
    try:
        from cryptography.exceptions import UnsupportedAlgorithm
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import padding, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        return b""
    pem = key.encode()
    try:
        unchecked = load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(unchecked, rsa.RSAPrivateKey) or unchecked.key_size not in KEY_BITS:
            return b""
        checked = load_pem_private_key(pem, None)
        assert isinstance(checked, rsa.RSAPrivateKey)
        return checked.sign(message, padding.PKCS1v15(), hashes.SHA256())
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return b""


def main() -> None:
    """Answer one question."""
    with suppress(OSError, AttributeError):
        os.nice(NICENESS)
    question = json.load(sys.stdin.buffer)
    sys.stdout.buffer.write(sign(question["key"], question["message"].encode("latin-1")))


if __name__ == "__main__":
    main()
