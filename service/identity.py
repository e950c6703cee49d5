"""Users are kept under a keyed hash of their id: the database alone does not tell who they are.

The secret can be changed: a service that is given others beside its own finds users under those, too, and moves them to
its own as they come. See docs/privacy.md for the procedure.
"""

import hmac
import os
import secrets
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from service.database.installation import claim, replace
from service.database.sessions import WriteSession
from service.errors import OperatorError
from service.settings import Settings

SECRET_FILE = "user_key.secret"  # noqa: S105 - the name of the file, not the secret
OTHER_SECRETS_FILE = "user_key.secret.previous"
"""Secrets of earlier times, one a line, as they stood in the secret's own file."""
FINGERPRINT = "user_key_fingerprint"
LEFT = "user_key_fingerprints_left"
"""Fingerprints of the secrets that a rotation has led away from, newest last."""
SECRET_BYTES = 32
KEY_ID_CHARACTERS = 16


class UserKeySecretError(OperatorError):
    """The secret cannot be used; the message says what to do."""


@dataclass(frozen=True, slots=True)
class UserKeys:
    """Under which keys a user may be held in one domain.

    Attributes:
        domain: of the user.
        present: the key under the service's own secret; what is written is written under it.
        key_id: tells by which secret that is.
        others: the keys under the other secrets that the service was given; none outside a rotation.
    """

    domain: str
    present: bytes
    key_id: str
    others: tuple[bytes, ...] = ()

    @property
    def all(self) -> tuple[bytes, ...]:
        """Every key, the present one first."""
        return (self.present, *self.others)


def user_key(secret: bytes, domain: str, user_id: str) -> bytes:
    """The key under which a user's data are kept in one domain: 32 bytes, HMAC-SHA256.

    The domain's length goes first, so that no two pairs of domain and id give the same message. One user has unrelated
    keys in two domains.
    """
    name = domain.encode()
    return hmac.digest(secret, len(name).to_bytes(4, "big") + name + user_id.encode(), sha256)


def user_keys(secret: bytes, others: Sequence[bytes], domain: str, user_id: str) -> UserKeys:
    """Every key under which the user may be held in the domain."""
    return UserKeys(
        domain=domain,
        present=user_key(secret, domain, user_id),
        key_id=key_id(secret),
        others=tuple(user_key(other, domain, user_id) for other in others),
    )


def key_id(secret: bytes) -> str:
    """What stands beside a user's key to tell by which secret it was made: the fingerprint's first 64 bits."""
    return fingerprint(secret)[:KEY_ID_CHARACTERS]


def fingerprint(secret: bytes) -> str:
    """Tells secrets apart without giving them away."""
    # Longer than any length prefix of user_key's could announce, so that this is nobody's key.
    return hmac.digest(secret, b"\xff\xff\xff\xffswerve user-key fingerprint", sha256).hex()


def load_secret(settings: Settings) -> bytes:
    """The secret of the settings, else of the data folder's file, which is made at first start (mode 0600).

    Raises:
        UserKeySecretError: the file cannot be read, made or used.
    """
    if settings.user_key_secret is not None:
        return settings.user_key_secret.get_secret_value().encode()
    path = settings.data_dir / SECRET_FILE
    try:
        if not path.exists():
            _make_secret_file(path)
        secret = _read_secrets(path)
    except OSError as error:
        raise UserKeySecretError(f"cannot keep the user-key secret in {path}: {error.strerror}") from error
    if len(secret) != 1:
        raise UserKeySecretError(f"{path} does not hold one secret; restore it, or set SWERVE_USER_KEY_SECRET")
    return secret[0]


def load_other_secrets(settings: Settings) -> tuple[bytes, ...]:
    """The secrets beside the service's own: those of the settings, then those of the data folder's file.

    Raises:
        UserKeySecretError: the file cannot be read or used.
    """
    given = [secret.get_secret_value().encode() for secret in settings.user_key_previous_secrets]
    path = settings.data_dir / OTHER_SECRETS_FILE
    try:
        filed = _read_secrets(path)
    except FileNotFoundError:
        filed = []
    except OSError as error:
        raise UserKeySecretError(f"cannot read {path}: {error.strerror}") from error
    return tuple(dict.fromkeys(given + filed))


async def check_secret(session: WriteSession, secret: bytes, others: Sequence[bytes] = ()) -> None:
    """Bind a new database to this secret; refuse one that is bound to a secret we do not have.

    Where the database's secret is among the others, this is a rotation: the database is bound to the new secret from
    now on, and a service with the old one alone is refused. A secret that was left so is not bound to again: a replica
    that has not been switched yet may start again in the midst of the rotation.

    Raises:
        UserKeySecretError: under this secret every known user would be a stranger.
    """
    ours, held = fingerprint(secret), await claim(session, FINGERPRINT, fingerprint(secret))
    if hmac.compare_digest(held, ours):
        return
    left = (await claim(session, LEFT, "")).split()
    if not any(hmac.compare_digest(held, fingerprint(other)) for other in others):
        raise UserKeySecretError(_refusal(rotated=ours in left))
    if ours not in left:
        await replace(session, FINGERPRINT, ours)
        await replace(session, LEFT, " ".join([*left, held]))


def _refusal(*, rotated: bool) -> str:
    if rotated:
        return (
            "the user-key secret was changed since this one was in use. Set SWERVE_USER_KEY_SECRET to the new value, "
            "and keep the old one in SWERVE_USER_KEY_PREVIOUS_SECRETS until `swerve user-keys` says that nobody is "
            "left under it"
        )
    return (
        "the user-key secret is not the one that this database was made with, so no stored user would be found. "
        f"Set SWERVE_USER_KEY_SECRET to the same value on every replica, or copy the first one's {SECRET_FILE} "
        "into the data folder. To change the secret on purpose, keep the one before in "
        "SWERVE_USER_KEY_PREVIOUS_SECRETS"
    )


def _read_secrets(path: Path) -> list[bytes]:
    """The secrets in a file, one a line in hexadecimal.

    Raises:
        OSError: it cannot be read.
        UserKeySecretError: a line is not a secret.
    """
    found = []
    for line in path.read_text(encoding="ascii", errors="replace").split():
        try:
            secret = bytes.fromhex(line)
        except ValueError as error:
            raise UserKeySecretError(
                f"{path} does not hold a secret; restore it, or set SWERVE_USER_KEY_SECRET"
            ) from error
        if len(secret) != SECRET_BYTES:
            raise UserKeySecretError(f"{path} holds {len(secret)} bytes instead of {SECRET_BYTES}; restore it")
        found.append(secret)
    return found


def _make_secret_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, unfinished = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # made with mode 0600
    try:
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(SECRET_BYTES) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)  # unlike a rename, never replaces the secret of a service that started with us
    except FileExistsError:
        pass
    finally:
        Path(unfinished).unlink()
