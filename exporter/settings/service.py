"""The options of the service, each a field of the settings."""

from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Annotated

from exporter.settings import kinds
from exporter.settings.option import ALL, SERVICE, Command, Option
from exporter.settings.values import BudgetSize, ListenAddress, Secret


@dataclass(frozen=True, slots=True)
class FollowingSettings:
    """Which connections are followed, and how often the list and their timelines are looked at."""

    connection_ids: Annotated[
        tuple[str, ...],
        Option(
            "--connection",
            "Follow this connection; repeatable. Without it, every connection that the list shows.",
            kinds.text("ID"),
            yaml="connections",
            repeatable=True,
        ),
    ]
    domain: Annotated[
        str | None,
        Option("--discovery.domain", "Only connections of this domain.", kinds.text("DOMAIN")),
    ]
    profile_name: Annotated[
        str | None,
        Option("--discovery.profile", "Only connections of this profile.", kinds.text("NAME")),
    ]
    poll_interval_seconds: Annotated[
        float,
        Option(
            "--discovery.poll-interval",
            "Time between two looks at the list of connections.",
            kinds.duration(minimum_seconds=1),
            SERVICE,
            "15s",
            # The simulated API has requests to spare, and whoever watches a demo should not wait.
            defaults=MappingProxyType({Command.DEMO: "2s"}),
        ),
    ]
    timeline_interval_seconds: Annotated[
        float,
        Option(
            "--timeline.interval",
            "How often each connection's timeline is read when nothing hints at news in it.",
            kinds.duration(minimum_seconds=1),
            SERVICE,
            "5m",
            defaults=MappingProxyType({Command.DEMO: "10s"}),
        ),
    ]


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """Where the API is, what opens it, and how much of it may be used."""

    base_url: Annotated[
        str,
        Option(
            "--kernel.base-url",
            "Where the API is.",
            kinds.ORIGIN,
            default="https://api.onkernel.com",
            env="KERNEL_BASE_URL",
        ),
    ]
    api_key: Annotated[
        Secret | None,
        Option(
            "--kernel.api-key",
            "The API key. Only in the environment, or in the file of --kernel.api-key-file.",
            kinds.SECRET,
            env="KERNEL_API_KEY",
            refused_flag="set KERNEL_API_KEY or --kernel.api-key-file instead; flags are shown in "
            "process lists and configuration files end up in repositories",
        ),
    ]
    api_key_file: Annotated[
        Path | None,
        Option(
            "--kernel.api-key-file",
            "Read the API key from this file; goes before KERNEL_API_KEY. A new key in it is "
            "picked up without a restart.",
            kinds.FILE,
            env="KERNEL_API_KEY_FILE",
        ),
    ]
    allow_insecure: Annotated[
        bool,
        Option(
            "--kernel.allow-insecure",
            "Send the API key over plain http to a host other than this machine.",
            kinds.BOOLEAN,
            default="false",
        ),
    ]
    api_budget: Annotated[
        BudgetSize,
        Option(
            "--api-budget",
            "How much of the organisation's rate limit to use: a share of it, up to all of it, or "
            "a number of requests a minute, of which never more than half of the limit is used. "
            "Opening streams comes first.",
            kinds.BUDGET_SIZE,
            SERVICE,
            "50%",
            yaml="kernel.api_budget",
        ),
    ]


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    """What metrics are labelled with."""

    max_domains: Annotated[
        int,
        Option(
            "--metrics.max-domains",
            "How many domains keep their name as a label; later ones share 'other'.",
            kinds.integer(0, 100_000),
            SERVICE,
            "200",
            aliases=("--max-domains",),
        ),
    ]
    domain_label: Annotated[
        bool,
        Option(
            "--metrics.domain-label",
            "Label metrics with the domain.",
            kinds.BOOLEAN,
            SERVICE,
            "true",
        ),
    ]
    website_error_rules_file: Annotated[
        Path | None,
        Option(
            "--website-errors.rules-file",
            "Classify website errors by this YAML file before the built-in rules.",
            kinds.FILE,
            SERVICE,
        ),
    ]


@dataclass(frozen=True, slots=True)
class WebSettings:
    """What is served where."""

    listen_addresses: Annotated[
        tuple[ListenAddress, ...],
        Option(
            "--web.listen-address",
            "Serve metrics and the status page here; repeatable.",
            kinds.LISTEN_ADDRESS,
            SERVICE,
            ":10464",
            repeatable=True,
        ),
    ]
    telemetry_path: Annotated[
        str,
        Option(
            "--web.telemetry-path",
            "Path under which to serve metrics.",
            kinds.HTTP_PATH,
            SERVICE,
            "/metrics",
        ),
    ]


@dataclass(frozen=True, slots=True)
class LogSettings:
    """What is logged, and how it looks."""

    level: Annotated[
        str,
        Option(
            "--log.level",
            "Leave out what is less important.",
            kinds.choice("debug", "info", "warning", "error"),
            ALL,
            "info",
            defaults=MappingProxyType({Command.DEMO: "warning"}),
        ),
    ]
    format: Annotated[
        str,
        Option("--log.format", "How lines look.", kinds.choice("logfmt", "json"), ALL, "logfmt"),
    ]
