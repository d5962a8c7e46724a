"""The positions tree: its nodes, figures, columns and Qt model; `ui.panels.positions` shows it."""
