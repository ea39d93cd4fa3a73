"""The helpdesks that the service listens and writes to: one interface, one file per vendor."""
