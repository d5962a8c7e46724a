"""Schema, migrations, the one writer, journal, snapshots, audit trail. Imports models only."""
