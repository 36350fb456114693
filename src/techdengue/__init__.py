"""TechDengue: an event-sourced sync server for field work without a network."""
