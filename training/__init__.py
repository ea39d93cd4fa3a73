"""From a history of tickets to a registered model: reads files, produces a bundle; never imports `serving`."""
