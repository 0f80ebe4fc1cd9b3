"""Which fault strikes whom, when, for how long: drawn from the seed before anything starts, so that it can be repeated.

What follows from a plan in real time is not repeated exactly: processes, disks and sockets keep their own time.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

KILL, KILL_AT_START, STOP_AT_ONCE, STOP = "kill", "kill while starting", "stop at once", "stop in order"
KILLS = frozenset({KILL, KILL_AT_START, STOP_AT_ONCE, STOP})
FREEZE, RESTART, MOOD, MPESA, CABLE = "freeze", "restart", "mood", "M-Pesa", "cable"
"""``RESTART`` ends a process in order and starts it again; ``MOOD`` is how a merchant answers for a while."""

CUTS = ("refuse", "cut", "hang", "slow", "half-close", "lose answers", "vanish")
"""What befalls a line between two processes; see `processes.links`."""

UNPLUGGED, SILENT, DEAF, MUTE = "unplugged", "silent", "deaf", "mute"
PULLS = (UNPLUGGED, SILENT, DEAF, MUTE)
"""What befalls a gateway's cable, where there are such (`processes.islands`): its plug is out, so it knows at once and
nobody else does; all that is sent vanishes and nobody knows; what is sent to it vanishes; what it sends does."""

MOODS = ("slow", "errors", "babble", "never")

# A kill every 1.7 s makes 350 in ten minutes: fifty above the 300 that are promised.
KILL_EVERY_S = (0.6, 2.8)
CUT_EVERY_S = (1.5, 4.5)
PULL_EVERY_S = (2.5, 6.5)
FREEZE_EVERY_S = (4.0, 8.0)
MOOD_EVERY_S = (3.0, 7.0)
MPESA_EVERY_S = (1.0, 3.0)
RESTART_EVERY_S = (30.0, 60.0)

SERVES_S = (0.2, 2.5)  # at least; where a victim starts slowly and kills have queued up, each still meets a living one
SHORT_S, LONG_S = (0.2, 3.5), (6.0, 9.0)  # a long freeze outlives every lease, so that somebody else takes the work
LONG_CHANCE = 0.15
AT_START_CHANCE, STOP_CHANCE = 0.1, 0.25

# What M-Pesa itself does wrong. Left out: what makes M-Pesa lie about money (contradicts, other_amount, does_not_exist,
# duplicate_id), for then nobody could say which side of the books is right; those have tests of their own.
MPESA_FAULTS: tuple[tuple[str, str], ...] = (
    *(("stk_callback", name) for name in ("lost", "late", "doubled", "reordered", "malformed")),
    *(("c2b_confirmation", name) for name in ("lost", "late", "doubled", "reordered")),
    *(("b2c_result", name) for name in ("lost", "late", "doubled", "malformed")),
    *(("stk_push", name) for name in ("error_before_prompt", "error_after_prompt", "hang_before_prompt")),
    *(("stk_push", name) for name in ("hang_after_prompt", "callback_first", "slow", "spike_arrest", "answer_lost")),
    *(("b2c", name) for name in ("busy", "error_before", "error_after", "hang_before", "hang_after", "result_first")),
    *(("token", name) for name in ("error_500", "error_503", "slow", "hang")),
    *(("stk_query", name) for name in ("error_500", "slow", "hang")),
    ("transaction_status_result", "lost"),
    ("pull_query", "internal_error"),
)


@dataclass(frozen=True, slots=True, order=True)
class Fault:
    """One thing that goes wrong ``at_s`` seconds after the load began, and how long it lasts."""

    at_s: float
    kind: str
    target: str
    lasts_s: float = 0.0
    detail: str = ""

    @property
    def is_kill(self) -> bool:
        """True where a process ends in the middle of its work, most of them without having been asked."""
        return self.kind in KILLS


@dataclass(frozen=True, slots=True)
class Cast:
    """Who can be struck, by name. There is no database process where the store is a file, nor a cable on loopback."""

    gateways: tuple[str, ...]
    merchants: tuple[str, ...]
    links: tuple[str, ...]
    simulator: str
    database: str = ""
    cables: tuple[str, ...] = ()


def draw(seed: int, seconds: float, cast: Cast) -> list[Fault]:
    """All faults of a run in the order of time. A longer run of the same seed begins as a shorter one does."""
    streams: tuple[tuple[str, tuple[float, float], Callable[[Random, float], Fault]], ...] = (
        ("kills", KILL_EVERY_S, lambda random, at_s: _kill(random, at_s, cast)),
        ("freezes", FREEZE_EVERY_S, lambda random, at_s: _freeze(random, at_s, cast)),
        ("cuts", CUT_EVERY_S, lambda random, at_s: _cut(random, at_s, cast.links)),
        ("moods", MOOD_EVERY_S, lambda random, at_s: _mood(random, at_s, cast.merchants)),
        ("mpesa", MPESA_EVERY_S, _mpesa),
        ("cables", PULL_EVERY_S, lambda random, at_s: _pull(random, at_s, cast.cables)),
        ("restarts", RESTART_EVERY_S, lambda _, at_s: Fault(at_s, RESTART, cast.simulator)),
    )
    faults = [
        make(random, at_s)
        for name, every_s, make in streams
        if name != "cables" or cast.cables
        for random in [Random(f"{seed} {name}")]
        for at_s in _moments(random, every_s, seconds)
    ]
    return sorted(faults)


def _moments(random: Random, every_s: tuple[float, float], until_s: float) -> Iterator[float]:
    at_s = random.uniform(*every_s)
    while at_s < until_s:
        yield round(at_s, 3)
        at_s += random.uniform(*every_s)


def _kill(random: Random, at_s: float, cast: Cast) -> Fault:
    """``lasts_s`` is how long the victim is left to serve before. Now and then one dies again while it starts.

    A gateway is told to stop, now and then, as it is when a new version is put in its place. M-Pesa's server is left
    to start: before it serves, it has nothing to lose.
    """
    groups = ((cast.gateways, 5), (cast.merchants, 10), ((cast.database,), 2), ((cast.simulator,), 2))
    target = _weighted(random, groups)
    kind, chance = KILL, random.random()
    if target == cast.database:
        kind = random.choice((KILL, KILL, STOP_AT_ONCE))
    elif target in {*cast.gateways, *cast.merchants} and chance < AT_START_CHANCE:
        kind = KILL_AT_START
    elif target in cast.gateways and chance < AT_START_CHANCE + STOP_CHANCE:
        kind = STOP
    return Fault(at_s, kind, target, round(random.uniform(*SERVES_S), 3))


def _freeze(random: Random, at_s: float, cast: Cast) -> Fault:
    target = _weighted(random, ((cast.gateways, 6), (cast.merchants, 3), ((cast.simulator,), 3), ((cast.database,), 2)))
    is_long = target in cast.gateways and random.random() < LONG_CHANCE
    return Fault(at_s, FREEZE, target, round(random.uniform(*(LONG_S if is_long else SHORT_S)), 3))


def _cut(random: Random, at_s: float, links: Sequence[str]) -> Fault:
    return Fault(at_s, random.choice(CUTS), random.choice(links), round(random.uniform(*SHORT_S), 3))


def _pull(random: Random, at_s: float, cables: Sequence[str]) -> Fault:
    """Some outlast every lease, and all that the kernel sends again comes late besides."""
    lasts_s = random.uniform(*(LONG_S if random.random() < LONG_CHANCE else SHORT_S))
    return Fault(at_s, CABLE, random.choice(cables), round(lasts_s, 3), random.choice(PULLS))


def _mood(random: Random, at_s: float, merchants: Sequence[str]) -> Fault:
    return Fault(at_s, MOOD, random.choice(merchants), round(random.uniform(1.0, 6.0), 3), random.choice(MOODS))


def _mpesa(random: Random, at_s: float) -> Fault:
    kind, name = random.choice(MPESA_FAULTS)
    return Fault(at_s, MPESA, kind, round(random.uniform(0.5, 5.0), 3), name)


def _weighted(random: Random, groups: Sequence[tuple[tuple[str, ...], int]]) -> str:
    there = [(names, weight) for names, weight in groups if any(names)]
    (names,) = random.choices([names for names, _ in there], [weight for _, weight in there])
    return random.choice(names)
