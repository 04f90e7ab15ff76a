"""An embedded server with the users of `deploy/redis/users.acl`: each process of a service connects in its own role.

Who looks in from outside is the default user, who may do everything here. What the others are refused stands in the
server's `ACL LOG`.
"""

from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import redis

from worker.embedded import EmbeddedServer

USERS = Path(__file__).parent.parent / "deploy" / "redis" / "users.acl"
ROLES = ("producer", "worker", "consumer", "page")
_ANYBODY = "user default on nopass allkeys allchannels +@all"


class RoleServer(EmbeddedServer):
    """One Valkey server; `url` is that of whoever looks in, `url_as` that of a role."""

    def __init__(self, folder: Path, *, config: Mapping[str, str]) -> None:
        super().__init__(folder, config={**config, "aclfile": str(folder.absolute() / "users.acl")})

    def start(self) -> None:
        """Write the users' file, start the server and wait until it answers."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "users.acl").write_text(users_for_tests())
        super().start()

    def url_as(self, role: str, database: int = 0) -> str:
        """Give the URL of a database for one role."""
        return f"unix://{credentials(role)}{quote(str(self.socket))}?db={database}"

    def broker_as(self, role: str, database: int = 1) -> str:
        """Give kombu's URL of a database for one role."""
        return f"redis+socket://{credentials(role)}{self.socket}?virtual_host={database}"

    def refusals(self) -> list[str]:
        """Tell what the server has refused to its users since it was asked last."""
        with redis.Redis(unix_socket_path=str(self.socket)) as client:
            told = [
                f"{row['count']} x {row['username']}: {row['reason']} {row['object']} ({row['context']})"
                for row in client.acl_log()
            ]
            client.acl_log_reset()
        return told


def credentials(role: str) -> str:
    """Give user and password of a role as they stand in a URL, with the @ that ends them."""
    return f"{role}:{_password(role)}@"


def users_for_tests() -> str:
    """Give the shipped users with passwords that tests know, and a default user who may do everything."""
    lines = []
    for line in USERS.read_text().splitlines():
        name = line.split()[1]
        digest = sha256(_password(name).encode()).hexdigest()
        lines.append(_ANYBODY if name == "default" else line.replace(f"#{name.upper()} ", f"#{digest} "))
    return "\n".join(lines) + "\n"


def _password(role: str) -> str:
    return f"password-of-{role}"
