"""M-Pesa's older SOAP and XML interface, in front of the same world: the same phones, accounts and receipts.

It has a listener of its own with mutual TLS. Nothing here is shared with the gateway, so that both cannot be wrong in
the same way.
"""
