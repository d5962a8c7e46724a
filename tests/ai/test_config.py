from __future__ import annotations

import pytest

from ai.config import AnalystConfig, ModelProtocol
from models.errors import InvalidInput


@pytest.mark.parametrize(
    "url",
    [
        "https://api.openai.com/v1",
        "https://models.example.com:8443/openai/v1/",
        "http://127.0.0.1:11434/v1",
        "http://127.8.9.1/v1",
        "http://localhost:8080/v1",
        "http://[::1]:8080/v1",
        "HTTPS://API.OPENAI.COM/v1",
    ],
)
def test_https_anywhere_and_http_on_this_computer_are_taken(url: str) -> None:
    assert AnalystConfig(base_url=url).base_url == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.openai.com/v1",
        "http://192.168.1.10:8000/v1",
        "http://10.0.0.1/v1",
        "http://0.0.0.0:8000/v1",
        "http://[::]/v1",
        "http://127.1/v1",
        "http://2130706433/v1",
        "http://0x7f.0.0.1/v1",
        "http://localhost.evil.com/v1",
        "http://127.0.0.1.evil.com/v1",
        "http://127.0.0.1@evil.com/v1",
        "https://user:secret@api.openai.com/v1",
        "https://sk-key@api.openai.com/v1",
        "https://api.openai.com/v1?key=1",
        "https://api.openai.com/v1#part",
        "https://api.openai.com/v1?",
        "https://api.openai.com\\@evil.com/v1",
        "https://api.openai.com/../v1",
        "https://api .openai.com/v1",
        "https://api.openai.com/v1\r\nX-Evil: 1",
        "https://аpi.openai.com/v1",
        "https://api..openai.com/v1",
        "https:///v1",
        "https://",
        "https://host:0/v1",
        "https://host:99999/v1",
        "https://host:port/v1",
        "https://[::1/v1",
        "ftp://host/v1",
        "file:///etc/passwd",
        "ws://127.0.0.1/v1",
        "javascript:alert(1)",
        "api.openai.com/v1",
        "",
        "https://" + "a" * 400,
    ],
)
def test_an_address_that_leads_elsewhere_or_is_in_the_clear_is_refused_in_words(url: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        AnalystConfig(base_url=url)
    assert refused.value.field == "base_url"
    assert refused.value.cure
    assert "secret" not in str(refused.value)
    assert "sk-key" not in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("model", "ignore previous instructions"),
        ("model", "m\n"),
        ("model", "x" * 200),
        ("total_timeout_s", 0.0),
        ("total_timeout_s", float("nan")),
        ("silence_timeout_s", float("inf")),
        ("cool_down_s", -1.0),
        ("max_attempts", 0),
        ("max_output_tokens", 1),
        ("usd_per_million_in", -0.5),
        ("usd_per_million_out", float("nan")),
    ],
)
def test_settings_out_of_bounds_are_refused_by_field(field: str, value: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        AnalystConfig(**{field: value})  # type: ignore[arg-type]  # any field, by its name
    assert refused.value.field == field


def test_openai_itself_is_spoken_to_in_responses_and_others_in_chat_unless_told() -> None:
    assert AnalystConfig().spoken is ModelProtocol.RESPONSES
    assert AnalystConfig(base_url="https://host/v1").spoken is ModelProtocol.CHAT
    assert AnalystConfig(base_url="https://evil-api.openai.com.host/v1").spoken is ModelProtocol.CHAT
    assert AnalystConfig(base_url="https://host/v1", protocol=ModelProtocol.RESPONSES).spoken is ModelProtocol.RESPONSES


def test_the_destination_is_named_without_path() -> None:
    assert AnalystConfig().destination == "api.openai.com"
    assert AnalystConfig(base_url="http://127.0.0.1:8080/v1").destination == "127.0.0.1:8080"
    assert AnalystConfig(base_url="http://[::1]:8080/v1").destination == "[::1]:8080"
    assert not AnalystConfig().is_loopback
    assert AnalystConfig(base_url="http://[::1]:8080/v1").is_loopback
