"""How much load, and how quickly things are tried again: a gateway's timings, shortened so that it recovers in time.

A gateway as delivered looks for what was lost over half an hour and notifies for three days; a run has minutes.
"""

from dataclasses import dataclass

ANSWER_LIMIT_S = 2.0
SCHEDULE_S = (1, 2, 3, 5, 7, 10, 13, 16, 20, 25, 30, 36, 42, 50, 60, 75, 90, 110, 130, 150)
# Dense, and longer than any run: nothing may be given up, for every merchant is well in the end.
DELIVERY_SCHEDULE_S = (0.2, 0.4, 0.8, 1.5, 2.5, *((4.0,) * 400))


@dataclass(frozen=True, slots=True)
class Pace:
    """Payments asked for in a second by kind, and when an open one is given up, in seconds after it was sent.

    That has to be long beside the outages of a run, as half an hour is beside those of a business: a payout whose
    gateway was down for most of its schedule is given up, and rightly so.
    """

    pushes_per_s: float = 7.0
    payouts_per_s: float = 1.5
    collections_per_s: float = 1.5
    expire_s: float = 180.0

    @property
    def per_s(self) -> float:
        """All of them together."""
        return self.pushes_per_s + self.payouts_per_s + self.collections_per_s

    def settings(self) -> dict[str, str]:
        """What a gateway is told, by environment."""
        asks_s = [second for second in SCHEDULE_S if second < self.expire_s]
        return {
            "daraja__answer_limit_s": str(ANSWER_LIMIT_S),
            "deliveries__answer_limit_s": str(ANSWER_LIMIT_S),
            "deliveries__schedule_s": ",".join(map(str, DELIVERY_SCHEDULE_S)),
            "deliveries__lease_s": "6",
            "finisher__schedule_s": ",".join(map(str, asks_s)),
            "finisher__expire_s": str(self.expire_s),
            "finisher__hold_limit_s": "15",
            "finisher__send_lease_s": "5",  # two calls of two seconds, token and push, end well within it
            "finisher__confirmation_wait_s": "8",
            "finisher__poll_s": "0.2",
            "pull__interval_s": "2",
            "pull__overlap_s": "30",
            "pull__settle_s": "3",
            "pull__poll_s": "1",
            "server__graceful_stop_s": "5",
        }


# Of the simulator: no phone is waited for longer than an open payment is asked about.
RULES = {
    "prompt_life_seconds": 8.0,
    "unreachable_after_seconds": 4.0,
    "hang_seconds": 4.0,
    "result_after_min_seconds": 0.1,
    "result_after_max_seconds": 2.0,
}
OUTCOMES = {"pay": 80.0, "cancel": 8.0, "wrong-pin": 4.0, "not-enough": 4.0, "ignore": 4.0}
THINKS_MS = 300
