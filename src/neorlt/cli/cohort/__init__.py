"""Commands of ``neorlt cohort``; without a command's name, the table is analysed."""
