"""What each state means, in a sentence: the docs are drawn from this."""

from wakala.rules.payment import State

MEANING: dict[State, str] = {
    State.RECEIVED: "Durable here; not one byte has gone to M-Pesa.",
    State.HELD: "Known not to have reached M-Pesa; waits for a stated reason and is tried again.",
    State.SENDING: "The intent is on disk; from here a byte may have left, so it is never sent a second time.",
    State.PENDING: "M-Pesa took it; the customer has the prompt, the outcome is still to come.",
    State.UNKNOWN: "Sent, but nobody can say what became of it; it is asked about, never resent.",
    State.SUCCEEDED: "Money moved, with evidence.",
    State.FAILED: "No money moved, with evidence, or it never left this gateway.",
    State.EXPIRED: "The last question on the schedule brought no evidence either way; the reason is recorded.",
}
