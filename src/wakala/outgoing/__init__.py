"""Floor 2: the one HTTP client. What leaves, leaves here.

A request is never sent twice by itself, not on a reused connection either: for an STK push that would be a second
prompt on a customer's phone. No redirects, no decompression, no proxies from the environment, no cookies; caps on head,
body and time. The address is judged at the moment of connecting, so neither names, odd spellings nor a DNS answer that
changes can get around it.

A call passes `client` (the door), `message` (our bytes), `pool` (a kept connection, or `dialling` a new one past the
`guard`, under `tls` terms where the system's trust is not the measure), `connection` (the socket) and `answer` (their
bytes). `message`, `answer` and `guard` are pure.
"""

from wakala.outgoing.answer import READ_LIMIT_BYTES
from wakala.outgoing.client import TOO_LATE, NoReply, Outgoing, Reply
from wakala.outgoing.dialling import resolve
from wakala.outgoing.guard import refusal
from wakala.outgoing.looking import Look, Stage, TlsSeen
from wakala.outgoing.tls import TlsTerms

__all__ = [
    "READ_LIMIT_BYTES",
    "TOO_LATE",
    "Look",
    "NoReply",
    "Outgoing",
    "Reply",
    "Stage",
    "TlsSeen",
    "TlsTerms",
    "refusal",
    "resolve",
]
