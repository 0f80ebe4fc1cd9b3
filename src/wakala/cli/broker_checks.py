"""What `wakala doctor` and `wakala credentials` look at where a shortcode goes by the Broker: certificate and proof."""

import datetime as dt

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from wakala.rules.sides import BrokerAccess

SOON = dt.timedelta(days=30)  # Safaricom takes days to sign a new one


def certificate_faults(access: BrokerAccess, now: dt.datetime) -> tuple[list[str], list[str]]:
    """What is wrong with our client certificate, and what will be soon; each one sentence."""
    if not access.is_by_tls:
        return [], ["The Broker is reached by plain HTTP; to go live it wants HTTPS with certificates at both ends."]
    if not (access.certificate and access.key):
        return ["There is no client certificate: run `wakala shortcode broker` with --certificate and --key."], []
    try:
        chain = x509.load_pem_x509_certificates(access.certificate.encode())
        key = load_pem_private_key(access.key.encode(), None)
        authorities = x509.load_pem_x509_certificates(access.authority.encode()) if access.authority else []
    except (ValueError, TypeError):
        return ["Certificate, key or authority are no PEM that can be read: give the files again."], []
    own = chain[0]
    wrong, soon = [], []
    spelled = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    if own.public_key().public_bytes(*spelled) != key.public_key().public_bytes(*spelled):
        wrong.append("The key does not belong to the client certificate: give the pair that belongs together.")
    if own.not_valid_after_utc <= now:
        wrong.append(f"The client certificate expired on {own.not_valid_after_utc:%Y-%m-%d}: have a new one signed.")
    elif own.not_valid_after_utc - now < SOON:
        soon.append(f"The client certificate expires on {own.not_valid_after_utc:%Y-%m-%d}: have a new one signed now.")
    if own.not_valid_before_utc > now:
        wrong.append(f"The client certificate is valid from {own.not_valid_before_utc:%Y-%m-%d} only.")
    if authorities and not any(_signed(own, issuer) for issuer in (*chain[1:], *authorities)):
        soon.append("The client certificate was not signed by the authority that is trusted here; the Broker may mind.")
    return wrong, soon


def _signed(certificate: x509.Certificate, issuer: x509.Certificate) -> bool:
    try:
        certificate.verify_directly_issued_by(issuer)
    except (ValueError, TypeError, InvalidSignature):
        return False
    return True
