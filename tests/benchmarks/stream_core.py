"""Core time of one streamed chunk: upstream bytes in, client frame out, through a whole ``Gateway``.

``python -m tests.benchmarks.stream_core`` prints microseconds per 200-byte chunk for HTTP/1.1, with one and with twenty
chunks in a read, and with 1, 50 and 500 exchanges on one socket. Then how much more it is with a stored key, which is
searched for: both are measured in turns. Then the same for a client that offers compression, with chunks of which a
third is random letters, and the bytes that go to the client.
"""

import random
from statistics import median

from tests.rigs.core_stream import Rig, chunk

from aigw_sansio.config import Compression


def main() -> None:
    """Print the table."""
    print("core time per streamed 200-byte chunk, HTTP/1.1 upstream, microseconds (median of 7 rounds)")
    for exchanges in (1, 50, 500):
        rig = Rig(exchanges)
        for per_read in (1, 20):
            read = chunk() * per_read
            rounds = 2000 // per_read
            rig.run(read, rounds // 4)
            per_chunk = median(rig.run(read, rounds) / (rounds * per_read) for _ in range(7)) * 1e6
            print(f"  {exchanges:>4} exchanges, {per_read:>2} chunks per read: {per_chunk:6.2f}")
    none, stored = Rig(1), Rig(1, key="sk-proj-Qb3dEf6hIj9lMn0pQr2tUv5xYz8")
    for per_read in (1, 20):
        read = chunk() * per_read
        turns = [(none.run(read, 100), stored.run(read, 100)) for _ in range(150)]
        ratio = sum(sorted(turn[1] for turn in turns)[:50]) / sum(sorted(turn[0] for turn in turns)[:50])
        print(f"  a stored key, {per_read:>2} chunks per read: {ratio:.3f} times the cost of none")
    chance = random.Random(1)
    reads = [chunk(chance=chance) for _ in range(2000)]
    settings: tuple[Compression, ...] = ("off", "messages", "stream")
    for compression in settings:
        rig = Rig(50, compression)
        rig.sent = 0
        per_chunk = median(sum(rig.run(read, 1) for read in reads) / len(reads) for _ in range(7)) * 1e6
        print(f"  compression {compression!r}: {per_chunk:6.2f}, {rig.sent / len(reads) / 7:5.0f} bytes to the client")


if __name__ == "__main__":
    main()
