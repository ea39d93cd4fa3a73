"""What the service remembers, behind one interface; the only door to SQL."""
