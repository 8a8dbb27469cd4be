"""The sections of a report, each a function from a `reports.context.Context` to blocks."""
