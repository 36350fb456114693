"""The domain: what devices send, which of it is valid, who may touch what. Pure: no I/O, no clock, no randomness."""
