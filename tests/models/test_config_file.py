"""Saving settings keeps what the user wrote, and never leaves a file the desk cannot read."""

from __future__ import annotations

from pathlib import Path

import pytest

from models.config import load_config
from models.config_file import save_settings
from models.errors import InvalidInput, KnownError

DEFAULTS = Path(__file__).resolve().parents[2] / "assets" / "defaults.toml"


def test_a_new_file_holds_only_what_was_changed(tmp_path: Path) -> None:
    file = tmp_path / "new" / "optiondesk.toml"
    config = save_settings(DEFAULTS, file, {"broker": {"name": "ibkr"}, "ibkr": {"port": 4002, "accounts": ("DU1",)}})
    assert (config.broker.name, config.ibkr.port, config.ibkr.accounts) == ("ibkr", 4002, ("DU1",))
    assert load_config(DEFAULTS, file) == config
    assert "[risk" not in file.read_text("utf-8")
    assert [path.name for path in file.parent.iterdir()] == ["optiondesk.toml"]


def test_comments_and_other_keys_of_the_user_stay(tmp_path: Path) -> None:
    file = tmp_path / "optiondesk.toml"
    file.write_text('# mine\n[carry]\nrate = 0.05 # high\n\n[ibkr]\nport = 7496\nmode = "live"\n', "utf-8")
    save_settings(DEFAULTS, file, {"ibkr": {"port": 4001}})
    assert file.read_text("utf-8") == '# mine\n[carry]\nrate = 0.05 # high\n\n[ibkr]\nport = 4001\nmode = "live"\n'


def test_a_value_that_does_not_fit_is_refused_and_the_file_stays(tmp_path: Path) -> None:
    file = tmp_path / "optiondesk.toml"
    file.write_text("[ibkr]\nport = 7496\n", "utf-8")
    with pytest.raises(InvalidInput, match=r"optiondesk\.toml: ibkr\.port"):
        save_settings(DEFAULTS, file, {"ibkr": {"port": 70_000}})
    assert file.read_text("utf-8") == "[ibkr]\nport = 7496\n"
    assert [path.name for path in tmp_path.iterdir()] == ["optiondesk.toml"]


def test_a_file_that_is_no_toml_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "optiondesk.toml"
    file.write_text("[ibkr\n", "utf-8")
    with pytest.raises(InvalidInput, match="not valid TOML"):
        save_settings(DEFAULTS, file, {"ibkr": {"port": 4001}})
    assert file.read_text("utf-8") == "[ibkr\n"


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("", "utf-8")
    with pytest.raises(KnownError, match=r"could not be written|cannot be read"):
        save_settings(DEFAULTS, blocked / "optiondesk.toml", {"ibkr": {"port": 4001}})
