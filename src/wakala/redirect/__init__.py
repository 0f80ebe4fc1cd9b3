"""A CONNECT proxy for SDKs whose host is fixed: Daraja's two hosts are answered from here, everything else is refused.

`authority` makes the certificates of this machine, `messages` reads and writes HTTP/1.1, `proxy` listens, `environment`
says what a program must be told so that it comes this way.
"""

SANDBOX_HOST = "sandbox.safaricom.co.ke"
LIVE_HOST = "api.safaricom.co.ke"
"""The two hosts of Daraja (daraja.md 1)."""
