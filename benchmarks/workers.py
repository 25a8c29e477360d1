"""What a second worker gives, with each store that two can share.

`python -m benchmarks.workers`.

Measured as in `throughput`; a ratio is that of the two workers' rate to the one's. The client and
Redis take a part of the cores, so that on two of them the ratio is less than the workers give.
"""

from __future__ import annotations

import argparse
import contextlib
import shutil
import tempfile

from benchmarks.servers import MODES, redis, workers
from benchmarks.throughput import measured


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=32)
    arguments = parser.parse_args()
    with contextlib.ExitStack() as running:
        folder = running.enter_context(tempfile.TemporaryDirectory())
        stores = {number: {"SQLite": f"sqlite:///{folder}/{number}.db"} for number in (1, 2)}
        if shutil.which("redis-server"):
            for number in stores:
                stores[number]["Redis"] = running.enter_context(redis())
        else:
            print("Redis is left out: needs `make redis`")
        for store in stores[1]:
            one, two = (running.enter_context(workers(n, stores[n][store])) for n in (1, 2))
            for mode in MODES:
                found = measured(
                    [two, one], mode, arguments.rounds, arguments.seconds, arguments.connections
                )
                rates = " and ".join(str(found[server.name]["rate"]) for server in (one, two))
                ratio = found[one.name]
                print(
                    f"{store:6}  {mode:6}  {rates} req/s: {ratio['ratio']:.2f} times "
                    f"({ratio['lowest']:.2f}-{ratio['highest']:.2f})"
                )


if __name__ == "__main__":
    main()
