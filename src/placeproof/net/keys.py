"""Keys of providers: where they are found, and how they are kept out of all that is written."""

import os
import re
import threading
from collections.abc import Iterable

from placeproof.errors import KeyMissingError

VARIABLES = {"mapillary": "MAPILLARY_TOKEN", "google": "GOOGLE_MAPS_API_KEY"}
SERVICE = "placeproof"  # the entry of the system keyring; its user name is the provider's name
MASKED = "•••"


def find_key(provider: str) -> str:
    """The user's key of a provider: from the environment, else from the system keyring.

    Args:
        provider: "mapillary" or "google".

    Raises:
        KeyMissingError: If there is none, or it holds what no key holds.
    """
    variable = VARIABLES[provider]
    key = (os.environ.get(variable) or _from_keyring(provider) or "").strip()
    if not key:
        raise KeyMissingError(
            f"{provider} needs a key: set the environment variable {variable}, "
            f"or run 'pip install keyring' and 'keyring set {SERVICE} {provider}'"
        )
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise KeyMissingError(
            f"the key of {provider} holds a space or a character that no key has; "
            f"copy it again into {variable} or the keyring"
        )
    return key


def _from_keyring(provider: str) -> str | None:
    try:
        import keyring
        from keyring.errors import KeyringError
    except ImportError:  # an optional package
        return None
    try:
        return keyring.get_password(SERVICE, provider)
    except KeyringError:  # locked, or this machine has none
        return None


def mask(text: str, keys: Iterable[str]) -> str:
    """The text with every key in it replaced, also where it is percent-encoded, once or often."""
    return Mask(keys)(text)


class Mask:
    """Replaces keys in texts; keys may be added at any time, from any thread."""

    def __init__(self, keys: Iterable[str] = ()) -> None:
        self._lock = threading.Lock()
        self._keys: set[str] = set()
        self._pattern: re.Pattern[str] | None = None
        self.add(keys)

    def __repr__(self) -> str:
        return f"Mask({len(self._keys)} keys)"

    def add(self, keys: Iterable[str]) -> None:
        """Has these masked from now on, too; empty ones are ignored."""
        with self._lock:
            self._keys.update(key for key in keys if key)
            longest_first = sorted(self._keys, key=lambda key: (-len(key), key))
            patterns = ["".join(map(_character, key)) for key in longest_first]
            self._pattern = re.compile("|".join(patterns)) if patterns else None

    def __call__(self, text: str) -> str:
        """The text with every key in it replaced."""
        return text if self._pattern is None else self._pattern.sub(MASKED, text)


def _character(character: str) -> str:
    """A pattern of a character as it is, or as an address writes it: ``%7C``, ``%257c``."""
    encoded = "".join(f"%(?:25)*{byte:02x}" for byte in character.encode("utf-8", "replace"))
    return f"(?:{re.escape(character)}|(?i:{encoded}))"
