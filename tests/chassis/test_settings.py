"""Settings refuse what cannot work, all faults at once."""

from __future__ import annotations

import pytest
from pydantic import ValidationError
from pydantic_settings import SettingsConfigDict

from chassis.settings import ServiceSettings, SettingsInvalid, from_environment


class ReaderSettings(ServiceSettings):
    """A service's own."""

    model_config = SettingsConfigDict(extra="forbid", frozen=True, env_prefix="READER_")


GOOD = {"READER_DATABASE_URL": "postgresql://x", "READER_BUS_URL": "postgresql://y"}


def read(monkeypatch, **environment):
    for name, value in (GOOD | environment).items():
        monkeypatch.setenv(name, value)
    return from_environment(ReaderSettings)


def test_settings_come_from_the_environment(monkeypatch):
    settings = read(monkeypatch, READER_ZONE="Asia/Shanghai", READER_CURRENCY="CNY")
    assert (settings.zone_info.key, settings.currency, settings.bus) == ("Asia/Shanghai", "CNY", "postgres")


def test_every_fault_is_told_at_once_by_the_name_of_its_variable(monkeypatch):
    broken = {"READER_ZONE": "Middle/Earth", "READER_CURRENCY": "usd", "READER_BUS": "rabbit", "READER_PORT": "x"}
    for name, value in (GOOD | broken).items():
        monkeypatch.setenv(name, value)
    with pytest.raises(SettingsInvalid) as caught:
        from_environment(ReaderSettings)
    lines = dict(line.split(": ", 1) for line in str(caught.value).splitlines())
    assert set(lines) == set(broken)
    assert "Middle/Earth" in lines["READER_ZONE"]


def test_what_is_missing_is_named(monkeypatch):
    for name in GOOD:
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SettingsInvalid) as caught:
        from_environment(ReaderSettings)
    assert {line.split(":")[0] for line in str(caught.value).splitlines()} == set(GOOD)


def test_settings_do_not_change_afterwards(monkeypatch):
    with pytest.raises(ValidationError, match="frozen"):
        read(monkeypatch).port = 1
