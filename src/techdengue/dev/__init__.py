"""The development environment: real servers from pip-installed binaries, started and stopped together."""
