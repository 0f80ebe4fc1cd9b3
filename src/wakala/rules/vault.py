"""Secrets at rest: AES-256-GCM, a data key for each owner wrapped by the key from the key file.

Sealed text reads ``v1.<key id>.<nonce>.<ciphertext>``; the associated data names table, column and row, so a sealed
secret cannot be moved to another place. Randomness is an argument. Sub-keys are HKDF-SHA256 with a purpose label.
"""

import base64
import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from wakala.errors import ConfigurationError

KEY_LENGTH_BYTES = 32
NONCE_LENGTH_BYTES = 12
SEAL_LENGTH_BYTES = KEY_LENGTH_BYTES + NONCE_LENGTH_BYTES  # the randomness that `new_data_key` needs
_VERSION = "v1"


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The content of the key file. Everything else that is secret hangs on it."""

    value: bytes

    @property
    def id(self) -> str:
        """Eight hex digits that tell which key sealed something, without telling the key."""
        return hashlib.sha256(b"wakala key id\0" + self.value).hexdigest()[:8]

    def derive(self, purpose: str) -> bytes:
        """A sub-key for one purpose."""
        kdf = HKDF(algorithm=SHA256(), length=KEY_LENGTH_BYTES, salt=None, info=f"wakala {purpose}".encode())
        return kdf.derive(self.value)


def new_data_key(master: MasterKey, owner: str, randomness: bytes) -> str:
    """A fresh data key for ``owner``, wrapped by the master key. Needs `SEAL_LENGTH_BYTES` of randomness."""
    key, nonce = randomness[:KEY_LENGTH_BYTES], randomness[KEY_LENGTH_BYTES:SEAL_LENGTH_BYTES]
    return _seal(master.derive("wrap"), master.id, key, f"data_key/{owner}", nonce)


def seal(master: MasterKey, data_key: str, owner: str, field: str, secret: str, *, nonce: bytes) -> str:
    """``secret`` as it may lie in the database. ``field`` is ``table.column``."""
    return _seal(_unwrap(master, data_key, owner), master.id, secret.encode(), f"{field}/{owner}", nonce)


def unseal(master: MasterKey, data_key: str, owner: str, field: str, sealed: str) -> str:
    """The secret again; `ConfigurationError` where the key file is not the one that sealed it."""
    return _open(_unwrap(master, data_key, owner), master.id, sealed, f"{field}/{owner}").decode()


def require_its_key(master: MasterKey, data_keys: Iterable[str]) -> None:
    """`ConfigurationError` where the key file opens none of what is there: it belongs to another database."""
    sealed_by = sorted({data_key.split(".")[1] for data_key in data_keys})
    if sealed_by and master.id not in sealed_by:
        raise ConfigurationError(_of_another(sealed_by[0], master.id))


def _of_another(sealed_by: str, key_id: str) -> str:
    return (
        f"The database was sealed with key {sealed_by}, the key file holds {key_id}: put the one that belongs to the "
        "database in its place."
    )


def _unwrap(master: MasterKey, data_key: str, owner: str) -> bytes:
    return _open(master.derive("wrap"), master.id, data_key, f"data_key/{owner}")


def _seal(key: bytes, key_id: str, secret: bytes, place: str, nonce: bytes) -> str:
    sealed = AESGCM(key).encrypt(nonce, secret, f"{place}/{key_id}/{_VERSION}".encode())
    return ".".join((_VERSION, key_id, base64.b64encode(nonce).decode(), base64.b64encode(sealed).decode()))


def _open(key: bytes, key_id: str, sealed: str, place: str) -> bytes:
    version, sealed_by, nonce, ciphertext = sealed.split(".")
    if sealed_by != key_id:
        raise ConfigurationError(_of_another(sealed_by, key_id))
    try:
        associated = f"{place}/{key_id}/{version}".encode()
        return AESGCM(key).decrypt(base64.b64decode(nonce), base64.b64decode(ciphertext), associated)
    except InvalidTag:
        raise ConfigurationError("A stored secret was altered or moved; restore it from a backup.") from None
