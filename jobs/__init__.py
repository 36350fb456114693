"""Background work on arq: schedules, pushes, reports, cleaning. Nothing runs here yet."""
