"""What goes wrong in logins, and what they ask for."""

from typing import Final

from dashboards.boards.promql import FLOW_TYPE, per_minute
from dashboards.boards.spec import PER_MINUTE, POINT, Panel, Query, Shape

FAILURES: Final = "managed_auth_flow_failures_total"

ERRORS: Final = (
    Panel(
        "Website errors, by category",
        Shape.BARS,
        PER_MINUTE,
        "Error messages that websites showed, a minute, by what they are about.",
        (
            Query(
                f"{per_minute('category', 'managed_auth_website_errors_total')} > 0", "{{category}}"
            ),
        ),
        empty="no website showed an error",
        interval=POINT,
    ),
    Panel(
        "Failures, by error code",
        Shape.BARS,
        PER_MINUTE,
        "Flows that failed or expired, a minute, by Kernel's error code.",
        (
            Query(
                f"{per_minute('error_code', FAILURES, FLOW_TYPE)} > 0",
                "{{error_code}}",
                exemplar=True,
            ),
        ),
        empty="no login failed",
        interval=POINT,
    ),
    Panel(
        "Failures, by the last step",
        Shape.BARS,
        PER_MINUTE,
        "Flows that failed or expired, a minute, by the last step that was seen.",
        (Query(f"{per_minute('last_step', FAILURES, FLOW_TYPE)} > 0", "{{last_step}}"),),
        empty="no login failed",
        interval=POINT,
    ),
    Panel(
        "Requests for input, by kind",
        Shape.BARS,
        PER_MINUTE,
        "Times that flows asked somebody for something, a minute.",
        (Query(per_minute("kind", "managed_auth_input_requests_total"), "{{kind}}"),),
        width=12,
        interval=POINT,
    ),
    Panel(
        "Asked again, by kind",
        Shape.BARS,
        PER_MINUTE,
        "Requests for what had been asked for before in the flow, a minute: what was typed did not "
        "do.",
        (
            Query(
                per_minute("kind", "managed_auth_input_requests_total", 'retry="true"'), "{{kind}}"
            ),
        ),
        width=12,
        interval=POINT,
    ),
)
