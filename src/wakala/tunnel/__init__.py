"""`wakala listen`: notifications of an app at a gateway anywhere, brought to a program on this machine.

A gateway cannot call a laptop, so the laptop asks. Nothing here knows the gateway but by its API.
"""
