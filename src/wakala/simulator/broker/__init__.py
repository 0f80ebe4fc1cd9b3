"""The same world through M-Pesa's older door: SOAP with XML in CDATA, over mutual TLS (broker.md)."""
