"""Every setting, with its unit, default and range; read once at the start of a process and passed down.

`docs/settings.md` lists the same; a test compares the two. A bad value stops the start with its name.
"""

from ipaddress import IPv4Network, IPv6Network
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from producer.names import Names
from producer.sentinels import is_sentinel_url, parse_sentinel_url
from producer.urls import default_broker_url, named_servers
from worker.errors import ConfigurationError

PREFIX = "LOOKALIKE_"


def _default_cache_dir() -> Path:
    return Path("~/.cache/lookalike").expanduser()


def _default_state_dir() -> Path:
    return Path("~/.local/state/lookalike").expanduser()


class Settings(BaseSettings):
    """The settings of one process. The environment variable of a field is `LOOKALIKE_` and its name in capitals."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", env_ignore_empty=True)

    redis_url: SecretStr = Field(
        SecretStr("redis://localhost:6379/0"),
        description="The server that holds streams and archive, or its sentinels",
    )
    broker_url: SecretStr | None = Field(
        None, description="Celery's broker for wake-ups; by default the same server, next database number"
    )
    archive: str = Field("default", description="Name of the archive: 1 to 40 of a-z, 0-9 and -")
    state_dir: Path = Field(
        default_factory=_default_state_dir,
        description="Folder of the notes on who decodes what, and of known archives; must outlive a container",
    )
    cache_dir: Path = Field(
        default_factory=_default_cache_dir,
        description="Folder of the index's files, shared by all workers of a machine",
    )

    server_binary: Path | None = Field(
        None,
        description="Program of the server that `up` and `demo` start; by default the packaged or an installed one",
    )

    concurrency: int = Field(2, ge=1, le=256, description="Child processes of a worker")
    max_distance: int = Field(
        10, ge=0, le=16, description="Bits, inclusive: hashes this near are look-alikes"
    )
    window: int = Field(512, ge=8, le=4096, description="Images in flight in one child")
    window_bytes: int = Field(
        64 * 2**20,
        ge=2**20,
        description="Bytes of arrived, unhashed downloads in one child; beyond, one reads on",
    )
    lease: float = Field(
        30.0, ge=1, le=3600, description="Seconds after which an entry nobody renews is taken over"
    )
    linger: float = Field(
        0.5, ge=0, le=60, description="Seconds that an idle drain waits for more before it returns"
    )
    images_per_child: int = Field(
        20_000, ge=1, description="Images after which a child is replaced by a fresh one"
    )
    decode_timeout: float = Field(
        20.0,
        ge=0.1,
        le=3600,
        description="Seconds for decoding and hashing one image; a child gives it a quarter, a trial apart all",
    )
    child_memory: int = Field(
        2**30, ge=2**27, description="Bytes of private memory that one child may allocate (RLIMIT_DATA)"
    )

    connect_timeout: float = Field(10.0, gt=0, le=600, description="Seconds to connect")
    read_timeout: float = Field(10.0, gt=0, le=600, description="Seconds without a byte")
    download_timeout: float = Field(
        30.0, gt=0, le=3600, description="Seconds for one download in all, redirects included"
    )
    max_bytes: int = Field(20 * 2**20, ge=1024, description="Bytes of one body")
    max_pixels: int = Field(50_000_000, ge=1, description="Pixels of one bitmap, width times height")
    remember_hashes: int = Field(
        4096,
        ge=0,
        le=1_000_000,
        description="Images whose identical bytes one child does not decode again; 0 for none",
    )
    max_redirects: int = Field(5, ge=0, le=30, description="Redirects that one download may follow")
    host_concurrency: int = Field(
        32, ge=1, le=1024, description="Downloads at a time from one host and child"
    )
    host_rate: float = Field(
        0.0,
        ge=0,
        le=10_000,
        description="Downloads a second from one host, all workers together; 0 for no limit",
    )
    file_roots: Annotated[tuple[Path, ...], NoDecode] = Field(
        (), description="Folders, separated by `:`, under which file: URLs are read; none by default"
    )
    allow_networks: Annotated[tuple[IPv4Network | IPv6Network, ...], NoDecode] = Field(
        (), description="Networks, separated by commas, that may be asked although they are not public"
    )
    user_agent: str = Field(
        "lookalike/0.1 (the operator has not said who asks)",
        description="Who asks, and how to reach them: sent with every download",
    )

    retry_for: float = Field(
        86_400, ge=0, description="Seconds after the first attempt in which an image is tried again"
    )
    retry_base: float = Field(
        2.0, gt=0, description="Seconds: upper bound of the first wait, doubled by each attempt"
    )
    retry_cap: float = Field(
        900.0, gt=0, description="Seconds: upper bound of any wait (full jitter below it)"
    )
    alerts_keep: int = Field(100_000, ge=1, description="Alerts kept in the stream")
    failures_keep: int = Field(1_000_000, ge=1, description="Failures kept in the stream")
    trust_phash: bool = Field(
        default=False,
        description="Take the phash that a producer sends along instead of downloading the image",
    )
    thumbnails: str = Field(
        "",
        description="Where small pictures of 256 px go: file:///folder, s3://bucket/prefix (extra `s3`), or another "
        "URL that fsspec knows; none by default",
    )
    web_host: str = Field("127.0.0.1", description="Address on which the page and the API listen")
    web_port: int = Field(
        8077, ge=0, le=65535, description="Port of the page and the API; 0 takes a free one"
    )
    web_names: Annotated[tuple[str, ...], NoDecode] = Field(
        (),
        description="Names, separated by commas, under which browsers may reach the page; by default localhost",
    )
    api_tokens_file: Path | None = Field(
        None,
        description="File of tokens, each line a scope (read, write, admin) and a token; needed beyond loopback",
    )
    lane_limit: int = Field(
        1_000_000, ge=1, description="Entries waiting in a lane from which the API answers 429"
    )
    log_level: str = Field(
        "INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$", description="Least level that is logged"
    )

    @field_validator("file_roots", mode="before")
    @classmethod
    def _split_paths(cls, value: object) -> object:
        return tuple(filter(None, value.split(":"))) if isinstance(value, str) else value

    @field_validator("allow_networks", mode="before")
    @classmethod
    def _split_networks(cls, value: object) -> object:
        return (
            tuple(part.strip() for part in value.split(",") if part.strip())
            if isinstance(value, str)
            else value
        )

    @field_validator("web_names", mode="before")
    @classmethod
    def _split_names(cls, value: object) -> object:
        return tuple(filter(None, value.lower().split(","))) if isinstance(value, str) else value

    @field_validator("archive")
    @classmethod
    def _check_archive(cls, value: str) -> str:
        return Names(value).archive

    @field_validator("redis_url")
    @classmethod
    def _check_redis_url(cls, value: SecretStr) -> SecretStr:
        url = value.get_secret_value()
        if is_sentinel_url(url):
            parse_sentinel_url(url)
            return value
        try:
            named_servers(url)
            default_broker_url(url)
        except ValueError:
            raise ValueError("cannot be read: use redis://[user:password@]host:port/number") from None
        return value

    @field_validator("broker_url")
    @classmethod
    def _check_broker_url(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None and is_sentinel_url(value.get_secret_value()):
            parse_sentinel_url(value.get_secret_value())
        return value

    @model_validator(mode="after")
    def _check_bounds(self) -> Self:
        if self.retry_cap < self.retry_base:
            raise ValueError("LOOKALIKE_RETRY_CAP is below LOOKALIKE_RETRY_BASE")
        return self

    @property
    def broker(self) -> str:
        """The URL of Celery's broker, in kombu's form."""
        if self.broker_url is not None:
            return self.broker_url.get_secret_value()
        return default_broker_url(self.redis_url.get_secret_value())


def load_settings(**overrides: object) -> Settings:
    """Read the settings from the environment; `overrides` come from a command line.

    Raises:
        ConfigurationError: A value is out of its range; the message names the variable, never a secret's value.
    """
    given = {name: value for name, value in overrides.items() if value is not None}
    try:
        return Settings(**given)  # type: ignore[arg-type]  # pydantic checks them
    except ValidationError as error:
        told = []
        for problem in error.errors(include_input=False, include_url=False):
            name = "".join(f"{PREFIX}{part}".upper() + ": " for part in problem["loc"][:1])
            told.append(name + problem["msg"].removeprefix("Value error, "))
        raise ConfigurationError("; ".join(told)) from None
