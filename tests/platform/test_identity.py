import stat
from pathlib import Path

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from service.database import migrate
from service.database.sessions import write_sessions
from service.identity import SECRET_FILE, UserKeySecretError, check_secret, fingerprint, load_secret, user_key
from service.settings import Settings

SECRET = b"0123456789abcdef"


def test_keys_are_stable_and_keep_domains_and_secrets_apart() -> None:
    key = user_key(SECRET, "shop", "u-42")
    # As `printf "\0\0\0\4shopu-42" | openssl dgst -sha256 -hmac 0123456789abcdef` says.
    assert key.hex() == "403fc74ff682a1170e0c68c01a759a6713680dab8335140a2da7408e91c57d8c"
    others = {
        user_key(SECRET, "news", "u-42"),
        user_key(SECRET, "shop", "u-43"),
        user_key(SECRET, "shopu", "-42"),
        user_key(b"another secret..", "shop", "u-42"),
        bytes.fromhex(fingerprint(SECRET)),
    }
    assert len(others) == 5
    assert key not in others


def test_the_secret_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    secret = load_secret(settings)
    assert len(secret) == 32
    assert load_secret(settings) == secret
    assert stat.S_IMODE((settings.data_dir / SECRET_FILE).stat().st_mode) == 0o600
    assert [path.name for path in settings.data_dir.iterdir()] == [SECRET_FILE]


def test_two_first_starts_at_once_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(data_dir=tmp_path)
    first = load_secret(settings)
    exists = iter([False, True])
    monkeypatch.setattr(Path, "exists", lambda _: next(exists))  # the second looked before the first had written
    assert load_secret(settings) == first


def test_the_settings_secret_goes_before_the_file(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, user_key_secret=SECRET.decode())
    assert load_secret(settings) == SECRET
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", ["", "not hex", "abcd"])
def test_a_damaged_file_is_refused_and_not_replaced(tmp_path: Path, content: str) -> None:
    (tmp_path / SECRET_FILE).write_text(content)
    with pytest.raises(UserKeySecretError, match=SECRET_FILE):
        load_secret(Settings(data_dir=tmp_path))
    assert (tmp_path / SECRET_FILE).read_text() == content


@pytest.mark.anyio
async def test_another_secret_is_refused(engine: AsyncEngine) -> None:
    await migrate.upgrade(engine)
    sessions = write_sessions(engine)
    for _ in range(2):
        async with sessions.begin() as session:
            await check_secret(session, SECRET)
    with pytest.raises(UserKeySecretError, match="Set SWERVE_USER_KEY_SECRET to the same value on every replica"):
        async with sessions.begin() as session:
            await check_secret(session, b"another secret..")
