"""What the daemon is to reach, measured on this machine."""
