"""The commands, by what people do with them. Each imports what it needs when it runs, so that `--help` is fast."""
