"""Loading all at once. That nothing is left to load is a law: ``tests/laws/test_imports.py``."""

import sys

from tests.peers import processes


def test_a_descriptor_less_process_reads_all_formats() -> None:
    """After the import, no file is opened any more: an open that fails shows it."""
    code = (
        "import aigw_sansio.preload, resource, sys\n"
        "from aigw_sansio import Recorder\n"
        "from aigw_sansio.formats.realtime import REALTIME_FORMATS, make_realtime_reader\n"
        "from aigw_sansio.formats.registry import FORMATS, make_reader\n"
        "from aigw_sansio.quoting import suggestion\n"
        "from aigw_sansio.wires.websocket.handshake import reason_phrase\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (3, 3))\n"
        "before = set(sys.modules)\n"
        "made = [make_reader(format).finish() for format in FORMATS]\n"
        "made += [make_realtime_reader(format).responding for format in REALTIME_FORMATS]\n"
        "assert suggestion('modle', ['model']) == ' (did you mean model?)'\n"
        "assert reason_phrase(404) == b'Not Found'\n"
        "assert set(sys.modules) == before\n"
    )
    ended = processes.run([sys.executable, "-c", code])
    assert ended.returncode == 0, ended.stderr
