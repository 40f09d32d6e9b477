"""Running a process of the daemon: forked, connected to its supervisor, and restarted without loss."""
