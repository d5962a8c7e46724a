"""Writes the user's settings file: what the user wrote himself, comments included, stays as it is."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError

from models.config import DeskConfig, load_config
from models.errors import InvalidInput, KnownError


def save_settings(defaults: Path, user_file: Path, changes: Mapping[str, Mapping[str, Any]]) -> DeskConfig:
    """Lays `changes` (section, key, value) over the user's file and returns the settings that it makes.

    The whole file is checked before the old one is replaced, in one step. Raises InvalidInput naming the key that does
    not fit, KnownError when the file cannot be written; the old file is then as it was.
    """
    try:
        text = user_file.read_text(encoding="utf-8") if user_file.exists() else ""
        document = tomlkit.parse(text)
    except (TOMLKitError, UnicodeDecodeError) as error:
        raise InvalidInput("file", f"{user_file} is not valid TOML: {error}.", cure="Correct it by hand.") from error
    except OSError as error:
        raise KnownError(f"{user_file} cannot be read: {error.strerror}.", cure="Check its permissions.") from error
    for section, values in changes.items():
        table = document.get(section)
        if table is None:
            table = document[section] = tomlkit.table()
        for key, value in values.items():
            table[key] = list(value) if isinstance(value, tuple) else value
    return _replace(defaults, user_file, tomlkit.dumps(document))


def _replace(defaults: Path, user_file: Path, text: str) -> DeskConfig:
    try:
        user_file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=user_file.parent, prefix=user_file.name, suffix=".new")
        written = Path(name)
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            config = _checked(defaults, written, user_file)
            written.replace(user_file)
        finally:
            written.unlink(missing_ok=True)
    except OSError as error:
        raise KnownError(
            f"The settings could not be written to {user_file}: {error.strerror}.",
            cure="Check the folder's permissions and free space.",
        ) from error
    return config


def _checked(defaults: Path, written: Path, user_file: Path) -> DeskConfig:
    try:
        return load_config(defaults, written)
    except InvalidInput as error:
        raise InvalidInput(error.field, error.what.replace(str(written), str(user_file))) from error
