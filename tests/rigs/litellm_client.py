"""LiteLLM's own translation, in a process and an environment of its own.

Decides: how its answers come here. The functions of it that are called stand in ``litellm_process.py``. It is no
dependency of the project: who wants it names the interpreter of an environment that has it.
"""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

_PROGRAM: Final = Path(__file__).with_name("litellm_process.py")


class LiteLlm:
    """The process. Call :meth:`close` at the end."""

    def __init__(self, python: Path) -> None:
        command = [str(python), "-I", str(_PROGRAM)]  # -I: nothing of this environment
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.version: str = self._ask(do="version")["version"]

    def load_request(self, source: str, target: str, model: str, body: object, *, text: bool = False) -> bool:
        """Make :meth:`run` translate this request; false if LiteLLM has no way for this pair. ``text``: from JSON text to
        JSON text."""
        asked = self._ask(do="load_request", source=source, target=target, model=model, body=body, text=text)
        return bool(asked["known"])

    def load_chunk(self, provider: str, client: str, opening: Sequence[bytes], chunk: bytes) -> bool:
        """Make :meth:`run` translate this chunk of a stream; false if LiteLLM has no way for this pair."""
        begun = [data.decode() for data in opening]
        asked = self._ask(do="load_chunk", provider=provider, client=client, opening=begun, chunk=chunk.decode())
        return bool(asked["known"])

    def run(self, number: int) -> float:
        """CPU seconds of ``number`` translations of what was loaded."""
        return float(self._ask(do="run", number=number)["seconds"])

    def written(self) -> Any:
        """What the translation of what was loaded gives."""
        return self._ask(do="show")["result"]

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()

    def _ask(self, **question: object) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(question).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"LiteLLM's process ended with {self._process.wait(30)}")
        found: dict[str, Any] = json.loads(line)
        return found
