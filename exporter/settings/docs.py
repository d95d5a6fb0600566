"""docs/configuration.md, written from the table of options."""

from collections.abc import Iterator

from exporter.settings import kinds
from exporter.settings.option import Command, Option
from exporter.settings.table import CONFIG_FILE, ROWS, TITLES

# What the OpenTelemetry SDK itself reads; see its "Environment Variable Specification" and
# "OpenTelemetry Protocol Exporter" documents.
OTEL_VARIABLES = (
    ("OTEL_EXPORTER_OTLP_ENDPOINT", "where to send traces; without it, none are sent"),
    ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/protobuf, or grpc with the extra of that name"),
    ("OTEL_EXPORTER_OTLP_HEADERS", "headers of each export, such as a token"),
    ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip or none"),
    ("OTEL_TRACES_SAMPLER", "which flows become traces"),
    ("OTEL_RESOURCE_ATTRIBUTES", "what describes this exporter in every span"),
    ("OTEL_SERVICE_NAME", "the service name of the spans"),
)

_HEAD = """\
# Configuration
<!-- Written from exporter/settings by `make generate`; a test compares. -->

Every option is a flag, an environment variable and a key of the YAML file that `--config.file`
names. A flag goes before the variable, the variable before the file, the file before the default.
An unknown key or a bad value ends the start with exit status 2 and one line that names the file,
the line and the mend, before any socket opens.

- Durations are a number with a unit: `500ms`, `15s`, `2m`, `1h30m`.
- A repeatable option takes several flags, a list in the file, or a comma-separated variable.
- The API key is never a flag and never in the file: set `KERNEL_API_KEY`, or write it to the file
  of `--kernel.api-key-file`.
"""

_EXAMPLE = """
## Example

```yaml
discovery:
  domain: bank.example
  poll_interval: 10s
kernel:
  api_key_file: /run/secrets/kernel-api-key
web:
  listen_address: [":10464"]
log:
  format: json
```

The file may also hold what another command reads: one file for all is fine.

## Traces

Traces are set up by the variables of the OpenTelemetry SDK. The most useful:

"""


def default_text(option: Option) -> str:
    """The default, and where a command has its own."""
    shown = [option.default] if option.default is not None else []
    shown += [f"{default} for {command}" for command, default in option.defaults.items()]
    return ", ".join(shown)


def flag_text(option: Option) -> str:
    """The flag with what it takes; a switch with its opposite."""
    if option.kind is kinds.BOOLEAN:
        return f"{option.flag}, --no-{option.flag.removeprefix('--')}"
    return f"{', '.join((option.flag, *option.aliases))} {option.kind.metavar}"


def _row(option: Option) -> str:
    refused = option.refused_flag is not None
    flag = "none" if refused else f"`{flag_text(option)}`".replace("|", "\\|")
    key = "none" if refused or option is CONFIG_FILE else f"`{option.yaml_key}`"
    default = f"`{text}`" if (text := default_text(option)) else ""
    commands = ", ".join(f"`{name}`" for name in Command if name in option.commands)
    cells = (flag, f"`{option.environment}`", key, default, commands, option.help)
    return f"| {' | '.join(cells)} |"


def _lines() -> Iterator[str]:
    header = (
        "| flag | environment variable | key in the file | default | commands | meaning |\n"
        "|---|---|---|---|---|---|"
    )
    yield _HEAD
    yield header
    yield _row(CONFIG_FILE)
    for section, title in TITLES.items():
        yield f"\n## {title}\n"
        yield header
        yield from (_row(row.option) for row in ROWS if row.section == section)
    yield _EXAMPLE + "| variable | meaning |\n|---|---|"
    yield from (f"| `{name}` | {meaning} |" for name, meaning in OTEL_VARIABLES)


def render_docs() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"
