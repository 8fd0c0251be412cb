"""Makes the passwords of compose's servers: `python -m asgi_app.passwords FOLDER`."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from asgi_app.env import kept_secret

# The files' names are known to docker-compose.yml.
NAMES = ("mysql", "mysql_root", "redis")
ADDRESSES = {
    "database_url": "mysql://campaigns:{mysql}@mysql:3306/campaigns",
    "redis_url": "redis://:{redis}@redis:6379/0",
}


def main(folder: Path) -> int:
    """Makes what is missing, and tells how to sign in."""
    is_first = not (folder / NAMES[0]).exists()
    made = {name: kept_secret(folder, name, size=24) for name in NAMES}
    for name, address in ADDRESSES.items():
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_text(address.format(**made), encoding="utf-8")
    for name in (*NAMES, *ADDRESSES):
        # Each server reads its own as a user of its own; nobody else mounts the folder.
        (folder / name).chmod(0o444)
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")
    from django.conf import settings

    try:
        users: dict[str, str] = settings.BASIC_AUTH_USERS
    except ImproperlyConfigured as exc:
        print(f"error: {exc}", file=sys.stderr)
        return 2
    print(_how_to_sign_in(users, settings.BASIC_AUTH_IS_GENERATED, is_first))
    return 0


def _how_to_sign_in(
    users: Mapping[str, str], is_generated: bool, is_first: bool
) -> str:
    """In a line: the password once, then where it can be read."""
    names = ", ".join(users)
    if not is_generated:
        return f"Sign in as {names}, with the password in BASIC_AUTH_USERS"
    if is_first:
        return f"Sign in as {names} with the password {users[names]}"
    kept = "docker compose exec web cat var/secrets/BASIC_AUTH_PASSWORD"
    return f"Sign in as {names}; the password was shown at the first start: {kept}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
