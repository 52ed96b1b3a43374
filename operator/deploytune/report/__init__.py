"""What people read of a tuning: its progress, and its answer. Pure but for the terminal."""
