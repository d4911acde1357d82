"""Every number that the report's text may cite, by what it is of."""
