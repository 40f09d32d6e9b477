"""How a process of the daemon runs: forked, connected to its supervisor, and restarted without loss."""
