"""The daemon, and what people would use instead, on one machine in turn."""
