"""Our recipes and their rivals on the same public tickets: sets, methods, cells, figures."""
