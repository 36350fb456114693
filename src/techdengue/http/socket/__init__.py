"""`GET /api/sync/ws`: one device's WebSocket. Operations up, answers and other devices' changes down.

messages      what is said, both ways
connection    one device: what it says is understood here, and what ends it
incoming      its operations, on their way to disk frame by frame
outgoing      changes, as far as its credit goes
outlet        everything that is sent, one message after the other
close_codes   with what number each problem closes it

What time brings to all of them is seen to by `http.keeper`.
"""
