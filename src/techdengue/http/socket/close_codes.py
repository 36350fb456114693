"""How a socket ends: the close codes of the problems."""

from typing import Final

CLOSE_CODES: Final = {
    "malformed_frame": 4400,
    "invalid_parameter": 4400,
    "invalid_cursor": 4400,
    "invalid_device_id": 4400,
    "token_required": 4401,
    "invalid_token": 4401,
    "token_expired": 4401,
    "forbidden_role": 4403,
    "device_taken": 4403,
    "token_mismatch": 4403,
    "device_silent": 4408,
    "reader_too_slow": 4413,
    "window_exceeded": 4429,
    "body_too_large": 1009,
    "unavailable": 1013,
    "internal_error": 1011,
    "server_stopping": 1001,
}
"""By the code of the problem, which is the close's reason too."""
