"""The feed: whoever waits hears of every commit that concerns it, soon, and cheaply."""
