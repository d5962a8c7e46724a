"""The table of the session's orders; `ui.panels.working_orders` shows it."""
