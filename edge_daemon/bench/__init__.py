"""What this machine can do: measured in a minute, and predicted from that."""
