"""`make matrix`: runs every deviation through the contract tests and writes docs/self-proof.md.

With names as arguments only those are run anew.
"""

from __future__ import annotations

import logging
import sys
import time

from tests.self_proof.matrix import (
    breaking,
    broken,
    conditions_of,
    mock_under_test,
    publish,
    published,
    row_of,
)


def main() -> int:
    # A connection that is cut on purpose is an error in the server's log.
    logging.disable(logging.CRITICAL)
    chosen = sys.argv[1:]
    kept = published() if chosen else {}
    rows = {name: row for name, row in kept.items() if name in breaking()}
    wrong = count = 0
    started = time.monotonic()
    with mock_under_test() as mock:
        for name, deviation in breaking().items():
            if chosen and name not in chosen:
                continue
            conditions = conditions_of(name)
            found = broken(mock.report([name], conditions))
            if set(found) != set(deviation.breaks):
                wrong += 1
                print(f"{name}: breaks {sorted(deviation.breaks)}, found {sorted(found)}")
            rows[name] = row_of(deviation, found.get(deviation.breaks[0], "nothing"))
            count += 1
    publish(rows.values())
    print(f"{count} deviations in {time.monotonic() - started:.0f} s, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
