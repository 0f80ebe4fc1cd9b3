"""M-Pesa in a box: Daraja's HTTP face, phones with a PIN prompt, and faults on demand.

The simulator is the other side of the gateway, so it shares no code with it but HTTP itself (`wakala.reception`): both
cannot then be wrong about M-Pesa in the same way. It is useful alone to anyone who writes for M-Pesa. Money, people and
shortcodes in it are pretended.
"""
