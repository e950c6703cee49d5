import pytest

from service.settings import DEFAULT_BEHAVIOR_WEIGHTS, SettingsError, load_settings


@pytest.mark.parametrize(
    ("variable", "value", "says"),
    [
        ("SWERVE_PORT", "abc", "SWERVE_PORT: "),
        ("SWERVE_PORT", "65536", "SWERVE_PORT: "),
        ("SWERVE_WINDOW_THRESHOLD", "nan", "SWERVE_WINDOW_THRESHOLD: "),
        ("SWERVE_HALF_LIFE_DAYS", "0", "SWERVE_HALF_LIFE_DAYS: "),
        ("SWERVE_ENCODER_CAPACITY_TEXTS", "500", "SWERVE_ENCODER_CAPACITY_TEXTS must be at least 1000"),
        ("SWERVE_BEHAVIOR_WEIGHTS", "{broken", "SWERVE_BEHAVIOR_WEIGHTS: must be JSON"),
        ("SWERVE_BEHAVIOR_WEIGHTS", '{"view": -1}', "SWERVE_BEHAVIOR_WEIGHTS[view]: "),
        ("SWERVE_RATE_LIMIT", "many", "SWERVE_RATE_LIMIT: must be a number of requests and a time"),
        ("SWERVE_KEY_CACHE_SECONDS", "-1", "SWERVE_KEY_CACHE_SECONDS: "),
        ("SWERVE_CORS_ORIGINS", "*", "SWERVE_CORS_ORIGINS: must name each origin in full"),
        ("SWERVE_CORS_ORIGINS", "https://a.example/", "SWERVE_CORS_ORIGINS: must name each origin in full"),
        ("SWERVE_USER_KEY_SECRET", "tooshort", "SWERVE_USER_KEY_SECRET: must have at least 16"),
        (
            "SWERVE_USER_KEY_PREVIOUS_SECRETS",
            "tooshort,a-longer-secret",
            "SWERVE_USER_KEY_PREVIOUS_SECRETS: each",
        ),
        ("SWERVE_USER_KEY_PREVIOUS_SECRETS", '["tooshort', "SWERVE_USER_KEY_PREVIOUS_SECRETS: begins as a JSON list"),
        ("SWERVE_RETENTION_DAYS_USERS", "0", "SWERVE_RETENTION_DAYS_USERS: "),
        ("SWERVE_RETENTION_EVERY_HOURS", "-1", "SWERVE_RETENTION_EVERY_HOURS: "),
        ("DATABASE_URL", "mysql://u:hunter2@h/d", "DATABASE_URL: must begin with postgresql://"),
        ("SWERVE_LOG_LEVEL", "loud", "SWERVE_LOG_LEVEL: "),
        ("SWERVE_LOG_FORMAT", "xml", "SWERVE_LOG_FORMAT: "),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "hunter2:4318", "OTEL_EXPORTER_OTLP_ENDPOINT: must begin with http://"),
        ("SWERVE_OTLP_TRACES_ENDPOINT", "hunter2", "SWERVE_OTLP_TRACES_ENDPOINT: must begin with http://"),
        ("SWERVE_DATABASE_URL", "postgresql://u:hunter2@h", "SWERVE_DATABASE_URL: names no database"),
        ("DATABASE_URL", "postgresql://u:hun:ter2@h:x/d", "DATABASE_URL: has a port that is not a number"),
    ],
)
def test_a_bad_setting_is_named_on_one_line_and_its_value_kept_secret(
    monkeypatch: pytest.MonkeyPatch, variable: str, value: str, says: str
) -> None:
    monkeypatch.setenv(variable, value)
    with pytest.raises(SettingsError) as caught:
        load_settings()
    message = str(caught.value)
    assert message.startswith(says)
    assert "\n" not in message
    for secret in ("hunter2", "hun:ter2", "tooshort"):
        assert secret not in message


def test_database_url_is_read_with_and_without_the_prefix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgres://u:p@h/plain")
    found = load_settings().database_url
    assert found is not None
    assert found.get_secret_value() == "postgres://u:p@h/plain"
    assert "p@h" not in repr(load_settings())
    monkeypatch.setenv("SWERVE_DATABASE_URL", "postgres://u:p@h/prefixed")
    prefixed = load_settings().database_url
    assert prefixed is not None
    assert prefixed.get_secret_value() == "postgres://u:p@h/prefixed"


def test_an_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    assert load_settings().database_url is None


def test_behavior_weights_extend_the_defaults(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWERVE_BEHAVIOR_WEIGHTS", '{"add_to_cart": 1.5, "view": 0.2}')
    assert load_settings().behavior_weights == DEFAULT_BEHAVIOR_WEIGHTS | {"add_to_cart": 1.5, "view": 0.2}
    assert DEFAULT_BEHAVIOR_WEIGHTS["view"] == 1.0
    assert DEFAULT_BEHAVIOR_WEIGHTS["dislike"] == 0.0


def test_what_is_given_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWERVE_PORT", "1234")
    assert load_settings(port=4321).port == 4321


def test_origins_are_written_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWERVE_CORS_ORIGINS", "https://shop.example, http://localhost:3000")
    assert load_settings().cors_origins == ("https://shop.example", "http://localhost:3000")


def test_a_level_is_read_in_capitals_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWERVE_LOG_LEVEL", "WARNING")
    monkeypatch.setenv("SWERVE_LOG_FORMAT", "JSON")
    assert (load_settings().log_level, load_settings().log_format) == ("warning", "json")


def test_opentelemetrys_own_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://other:4318")
    assert load_settings().otlp_endpoint == "http://other:4318"
    monkeypatch.setenv("SWERVE_OTLP_ENDPOINT", "http://ours:4318")
    assert load_settings().otlp_endpoint == "http://ours:4318"


@pytest.mark.parametrize(
    "given", ["an-earlier-secret,an-even-earlier-one", '["an-earlier-secret", "an-even-earlier-one"]']
)
def test_earlier_secrets_are_a_list(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    assert load_settings().user_key_previous_secrets == ()
    monkeypatch.setenv("SWERVE_USER_KEY_PREVIOUS_SECRETS", given)
    settings = load_settings()
    secrets = [secret.get_secret_value() for secret in settings.user_key_previous_secrets]
    assert secrets == ["an-earlier-secret", "an-even-earlier-one"]
    assert "earlier" not in repr(settings)


def test_tombstones_outlive_events(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWERVE_RETENTION_DAYS_TOMBSTONES", "30")
    assert load_settings().retention_days_tombstones == 30
    monkeypatch.setenv("SWERVE_RETENTION_DAYS_EVENTS", "31")
    with pytest.raises(SettingsError, match="must be at least SWERVE_RETENTION_DAYS_EVENTS"):
        load_settings()


def test_a_user_who_is_removed_does_not_come_back_to_a_new_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SWERVE_RETENTION_DAYS_USERS", "29")
    assert load_settings().retention_days_users == 29
    monkeypatch.setenv("SWERVE_PRIVACY_EPSILON", "8")
    with pytest.raises(SettingsError, match="must be at least SWERVE_PRIVACY_PERIOD_DAYS"):
        load_settings()
