"""What a tuning found, in the forms that others take: pure conversions of what is on record."""
