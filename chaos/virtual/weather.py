"""What goes wrong, and how often: drawn from the seed before anything happens, and over when the calm begins."""

from dataclasses import dataclass, fields, replace
from random import Random

from virtual.core import FREE, Prices

RARE, SOME, OFTEN = 0.02, 0.1, 0.3
LONG_REST_S = 86_400.0  # of a worker that has nothing to do in a run
LEAPS_S = (60.0, -60.0, -3_600.0)  # an hour ahead, all questions to M-Pesa are due at once, in the midst of a storm
LEASE_S = 180.0  # of a notification
STAND_S = 400.0  # longer than any lease


@dataclass(slots=True)
class Weather:
    """Chances from 0 to 1, each for one call, one commit or one payment; and how many times the gateway dies."""

    # on the way between any two
    refused: float = 0  # no connection: not a byte left
    lost_before: float = 0  # it never arrives, and nobody says so
    cut_before: float = 0  # the connection breaks before it arrives
    lost_after: float = 0  # it arrives; the answer does not
    cut_after: float = 0
    slow: float = 0  # the answer comes late, often too late
    doubled: float = 0  # it arrives twice (never a command to M-Pesa: no network does that)
    # M-Pesa
    token_refused: float = 0
    turned_away: float = 0  # too busy: surely not taken
    broke_before: float = 0  # a 500 that says nothing, before the command was taken
    broke_after: float = 0  # the same, after it was
    hasty: float = 0  # the customer is faster than M-Pesa's answer
    callback_lost: float = 0
    callback_late: float = 0
    callback_doubled: float = 0
    query_broke: float = 0
    query_lies: float = 0  # a query says the contrary of what happens
    timed_out_in_queue: float = 0  # M-Pesa says that it gave up, and carries it out all the same
    # merchants
    merchant_unwell: float = 0
    # the store
    commit_fails: float = 0
    commit_slow: float = 0
    word_lost: float = 0  # committed, and an error says that it is not (a connection that breaks at COMMIT)
    dies_before_commit: float = 0
    dies_after_commit: float = 0
    # the gateway
    dies_at_await: float = 0


@dataclass(frozen=True, slots=True)
class Rests:
    """How long workers rest, in seconds; who has no name here has nothing to do in a run.

    Longer than in life, where they look several times a second: a look that finds nothing costs a run as much as one
    that does, and what is due is late by these seconds, no more.
    """

    courier: float = 7.0
    finisher: float = 7.0
    directory: float = 20.0
    shelter: float = 40.0
    standing: float = 60.0
    puller: float = LONG_REST_S
    timekeeper: float = LONG_REST_S  # at its start, and else only where a clock leaps


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: its length, its size, its weather."""

    seed: int
    nodes: int
    storm_s: float
    payments: int
    is_registered: bool  # C2B confirmations come for pushes, too
    is_heard: bool  # by a caller of Daraja's paths, who is told of each of them besides
    refusal: str  # one merchant never takes anything and answers so; "" where there is none
    schedule_s: tuple[float, ...]
    weather: Weather
    hop_s: float = 0.02  # a usual way across the internet, one direction; each call draws up to twice that
    prices: Prices = FREE
    rests: Rests = Rests()
    is_hurried: bool = False  # gateways are told to stop, twice
    is_listed: bool = False  # the gateway may read M-Pesa's list of what was paid (Pull)
    is_uniform: bool = False  # a shop with one price: pushes of a few customers that M-Pesa's words cannot tell apart
    differs: float = 0.0  # how often M-Pesa's callback of a push comes a second time with other contents
    validation: str = ""  # what is registered for customers about whom nobody answers; "" where nobody is asked
    is_forgetful: bool = False  # what is a minute old and over is forgotten meanwhile
    is_varied: bool = False  # money goes out by transfers and reversals too
    is_looked_after: bool = False  # owners pause, move and replay meanwhile
    is_read: bool = False  # somebody comes for notifications by cursor
    stand_s: float = 0.0  # a gateway stands still for so long at most, as a machine that is paused
    leap_s: float = 0.0  # the clock of one gateway is that much ahead (or behind) for a part of the storm


SHORT_SCHEDULE_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0)
LONG_SCHEDULE_S = (5.0, 30.0, 120.0, 600.0, 1800.0, 7200.0, 18000.0, 36000.0, 50400.0, 72000.0, 86400.0)


def plan(seed: int) -> Plan:
    """The plan of a seed. Each fault is absent in half of the runs, so that rare ones are also met alone."""
    chance = Random(f"{seed} plan")
    weather = Weather()
    for field in fields(Weather):
        setattr(weather, field.name, chance.choice((0, 0, 0, RARE, SOME, OFTEN)))
    for field_name, most in (("dies_before_commit", 0.02), ("dies_after_commit", 0.02), ("dies_at_await", 0.9)):
        setattr(weather, field_name, chance.choice((0, most / 3, most)))
    weather.merchant_unwell = chance.choice((0, SOME, OFTEN))  # the likeliest of all faults, in life as well
    weather.callback_late = chance.choice((0, SOME, OFTEN))  # then a query tells it first, and a merchant is told twice
    weather.word_lost = min(weather.word_lost, SOME)
    drawn = Plan(
        seed=seed,
        nodes=2 if chance.random() < 0.3 else 1,
        storm_s=chance.choice((60, 200, 400)),
        payments=chance.randint(4, 12),
        is_registered=(is_registered := chance.random() < 0.5),
        is_heard=is_registered and Random(f"{seed} heard").random() < 0.5,  # a die that changes no other
        refusal=chance.choice(("410", "500")) if chance.random() < 0.1 else "",
        schedule_s=LONG_SCHEDULE_S if chance.random() < 0.1 else SHORT_SCHEDULE_S,
        weather=weather,
    )
    drawn = replace(drawn, is_hurried=Random(f"{seed} hurry").random() < SOME)
    if Random(f"{seed} readers").random() < SOME:
        drawn = replace(drawn, is_read=True, rests=replace(drawn.rests, timekeeper=5.0))
    if drawn.is_registered and Random(f"{seed} asked").random() < 2 * SOME:
        drawn = replace(drawn, validation=("Completed", "Cancelled")[seed % 2])
    if Random(f"{seed} otherwise").random() < SOME:
        drawn = replace(drawn, differs=OFTEN)
    drawn = replace(drawn, is_varied=Random(f"{seed} ways out").random() < SOME)
    if Random(f"{seed} list").random() < SOME / 2:
        drawn = replace(drawn, is_listed=True, rests=replace(drawn.rests, puller=15.0))
    if Random(f"{seed} one price").random() < SOME:
        drawn = replace(drawn, is_uniform=True, differs=0.0)
        weather.query_lies = 0  # who is told that the one has failed may think that it was the other who paid
    if Random(f"{seed} leap").random() < SOME:  # a die that changes no other
        return _with_a_leap(drawn)
    if Random(f"{seed} stand").random() < SOME:
        return replace(drawn, stand_s=STAND_S)
    if Random(f"{seed} owners").random() < SOME:  # whoever stood still might do in the end what was asked long before
        refusal = "" if drawn.refusal == "410" else drawn.refusal  # what is to finish at an old URL that is gone, ends
        return replace(drawn, is_looked_after=True, refusal=refusal, rests=replace(drawn.rests, directory=1.0))
    is_forgetful = not drawn.is_read and Random(f"{seed} forgetful").random() < SOME  # or readers would miss it
    return replace(drawn, is_forgetful=is_forgetful)


def _with_a_leap(drawn: Plan) -> Plan:
    """The clock of the one gateway leaps: those of several have to agree within a lease.

    C2B confirmations do not come, for they are given to pushes by their time, which may be ten seconds off.
    """
    leap_s = Random(f"{drawn.seed} how far").choice(LEAPS_S)
    rests = replace(drawn.rests, timekeeper=5.0)
    unheard = replace(drawn, is_registered=False, is_heard=False, is_listed=False, validation="", is_read=True)
    return replace(unheard, nodes=1, leap_s=leap_s, rests=rests)
