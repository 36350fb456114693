"""The development environment: real servers from pip-installed binaries, started and stopped together.

    environment     `run_dev`: what is started, in which order, and what is shown
    supervisor      keeps what was started running, and stops it in reverse order
    program         a `techdengue` command as a supervised process
    state           dev.lock and dev.json: who runs here, where, and what to clear away after a crash
    demo            the demo territory
    greeting        what is shown once all is ready
    postgres, valkey, seaweedfs, database        the servers; the tests use them too
    child, processes, ports, sockets, private_files, unprivileged, health        the machine below

Nothing is imported here: whoever needs a server of the lower half must not pay for the web framework of the upper.
"""
