"""From an arriving ticket to a recorded answer: loads a bundle and serves it. Never imports `training`."""
