"""Users are kept under a keyed hash of their id: the database alone does not tell who they are."""

import hmac
import os
import secrets
import tempfile
from hashlib import sha256
from pathlib import Path

from service.database.installation import claim
from service.database.sessions import WriteSession
from service.settings import Settings

SECRET_FILE = "user_key.secret"  # noqa: S105 - the name of the file, not the secret
FINGERPRINT = "user_key_fingerprint"
SECRET_BYTES = 32


class UserKeySecretError(Exception):
    """The secret cannot be used; the message says what to do."""


def user_key(secret: bytes, domain: str, user_id: str) -> bytes:
    """The key under which a user's data are kept in one domain: 32 bytes, HMAC-SHA256.

    The domain's length goes first, so that no two pairs of domain and id give the same message. One user has unrelated
    keys in two domains.
    """
    name = domain.encode()
    return hmac.digest(secret, len(name).to_bytes(4, "big") + name + user_id.encode(), sha256)


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
        secret = bytes.fromhex(path.read_text(encoding="ascii").strip())
    except OSError as error:
        raise UserKeySecretError(f"cannot keep the user-key secret in {path}: {error.strerror}") from error
    except ValueError as error:
        raise UserKeySecretError(f"{path} does not hold a secret; restore it, or set SWERVE_USER_KEY_SECRET") from error
    if len(secret) != SECRET_BYTES:
        raise UserKeySecretError(f"{path} holds {len(secret)} bytes instead of {SECRET_BYTES}; restore it")
    return secret


async def check_secret(session: WriteSession, secret: bytes) -> None:
    """Bind a new database to this secret; refuse one that is bound to another.

    Raises:
        UserKeySecretError: under this secret every known user would be a stranger.
    """
    ours = fingerprint(secret)
    if not hmac.compare_digest(await claim(session, FINGERPRINT, ours), ours):
        raise UserKeySecretError(
            "the user-key secret is not the one that this database was made with, so no stored user would be found. "
            f"Set SWERVE_USER_KEY_SECRET to the same value on every replica, or copy the first one's {SECRET_FILE} "
            "into the data folder"
        )


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
