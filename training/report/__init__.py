"""The report of an evaluation: one HTML file with tables, plots and rank lists, for any browser."""
