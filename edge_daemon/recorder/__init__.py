"""The recorder: owns the store of what happened, and keeps clips and stills of events."""
