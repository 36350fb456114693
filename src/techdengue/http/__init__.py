"""The HTTP room: bytes to structs and back, who may call what, and nothing else.

    app                 `build_app`: every endpoint bound to its address, its role and its media types
    services, ports     what it is built from
    edge                the outermost ring: request ids, metrics, the access log, unexpected failures
    call, body, batch   one request, read strictly; media, problems: its answer
    auth, issuer_keys   bearer tokens; local_tokens: those for development; roles: who may call what
    sync, reading, operational, page        the endpoints; openapi describes them
    stream, lines, answer_lines             a log that streams in
    upgrade, socket                         a device's WebSocket; keeper: time, tokens and owners of all that stays open
    postgres_readers    the readers' port over PostgreSQL; projection_lag: what `/metrics` asks of it

Nothing is imported here: whoever needs a token must not pay for the web framework.
"""
