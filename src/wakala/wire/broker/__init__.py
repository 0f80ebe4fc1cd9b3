"""M-Pesa's XML side, the Broker: SOAP 1.1 around a second XML document in text (broker.md 3); pure.

No SOAP library: there are seven message shapes, all of them fixed, and the services' own WSDLs describe the inner
document as a mere string. What is needed of XML is one writer (`soap`) and one safe reader (`wire.safe_xml`).
"""
