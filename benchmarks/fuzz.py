"""Bodies drawn at random, sent to each vendor's webhook: no failure of ours, none slow, no memory that grows.

    python benchmarks/fuzz.py [--bodies 20000] [--vendors zendesk jira ...] [--seed 0] [--json]

The bodies are what the simulated helpdesks send and example payloads, with up to four places exchanged for anything,
besides arbitrary JSON and bytes; each is signed as its vendor signs, and sent to the service in this process. An
answer of 5xx, an exception, or an answer that twice takes longer than a second ends it with exit status 1.

Memory is that of this process, in which the service runs, after the first fifth of the bodies and at the end, each time
when garbage is collected and freed memory is given back. The bodies are drawn beforehand and wait in a file, since what
draws them remembers what it has drawn: what is measured is what the service keeps of four fifths of the bodies.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import pickle
import sys
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

# First of all, since files of this folder have the names of packages there.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from hypothesis import HealthCheck, Phase, given, seed, settings

from tests.webhook_bodies import HELPDESKS, Intaking, Signed, WebhookBodies

LONGEST_SECONDS = 1.0
WARM_UP_SHARE = 5
SHOWN_BYTES = 300


@dataclass(slots=True)
class Fuzzed:
    """What the bodies of one vendor came to."""

    vendor: str
    bodies: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    slow: int = 0
    slowest_seconds: float = 0.0
    warm_mib: float = 0.0
    end_mib: float = 0.0

    @property
    def is_bad(self) -> bool:
        """Whether something failed or was slow."""
        return bool(self.failures or self.slow)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=20_000, help="for each vendor")
    parser.add_argument("--vendors", nargs="+", choices=sorted(HELPDESKS), default=sorted(HELPDESKS))
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    fuzzed = []
    for vendor in options.vendors:
        fuzzed.append(fuzz(vendor, bodies=options.bodies, seeded=options.seed))
        print(f"{vendor}: {fuzzed[-1].bodies:,} bodies sent", file=sys.stderr, flush=True)
    if options.json:
        print(json.dumps([asdict(one) for one in fuzzed]))
    else:
        show(fuzzed)
    sys.exit(any(one.is_bad for one in fuzzed))


def fuzz(vendor: str, *, bodies: int, seeded: int) -> Fuzzed:
    told = Fuzzed(vendor)
    with tempfile.TemporaryDirectory(prefix="fuzz-") as folder, Intaking.of(vendor, Path(folder)) as intaking:
        drawn, drawing = Path(folder) / "bodies", WebhookBodies(intaking.helpdesk)
        draw(drawing, drawn, bodies=bodies, seeded=seeded)
        for body in read(drawn):
            # Only now: a signature holds for minutes.
            note(told, intaking, drawing.signed(body))
            if told.bodies == bodies // WARM_UP_SHARE:
                told.warm_mib = resident_mib()
        told.end_mib = resident_mib()
    return told


def draw(drawing: WebhookBodies, path: Path, *, bodies: int, seeded: int) -> None:
    with path.open("wb") as file:

        @seed(seeded)
        @settings(
            max_examples=bodies,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(drawing.strategy())
        def write(signed: Signed) -> None:
            pickle.dump(signed.body, file)

        write()


def read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file, suppress(EOFError):
        while True:
            yield pickle.load(file)


def note(told: Fuzzed, intaking: Intaking, signed: Signed) -> None:
    told.bodies += 1
    try:
        status, seconds = intaking.send(signed)
        if seconds >= LONGEST_SECONDS:
            # On a busy machine the first time may be another's fault.
            status, seconds = intaking.send(signed)
    except Exception as error:
        told.statuses["raised"] = told.statuses.get("raised", 0) + 1
        told.failures.append(f"{error!r:.200} for {signed.body[:SHOWN_BYTES]!r}")
        return
    told.statuses[str(status)] = told.statuses.get(str(status), 0) + 1
    told.slow += seconds >= LONGEST_SECONDS
    told.slowest_seconds = max(told.slowest_seconds, round(seconds, 3))
    if status >= 500:
        told.failures.append(f"{status} for {signed.body[:SHOWN_BYTES]!r}")


def resident_mib() -> float:
    gc.collect()
    with suppress(AttributeError):  # only glibc keeps what was freed, and only it can be asked for it
        ctypes.CDLL(None).malloc_trim(0)
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return round(pages * 4096 / 2**20, 1)


def show(fuzzed: list[Fuzzed]) -> None:
    print("| vendor | bodies | statuses | 5xx | over 1 s | slowest | memory warm | at the end |")
    print("|---|---|---|---|---|---|---|---|")
    for one in fuzzed:
        statuses = ", ".join(f"{status}: {count:,}" for status, count in sorted(one.statuses.items()))
        print(
            f"| {one.vendor} | {one.bodies:,} | {statuses} | {len(one.failures)} | {one.slow} "
            f"| {one.slowest_seconds:.3f} s | {one.warm_mib} MiB | {one.end_mib} MiB |"
        )
    for one in fuzzed:
        for failure in one.failures[:10]:
            print(f"{one.vendor}: {failure}")


if __name__ == "__main__":
    main()
