"""What commands make: one file a command, each gives the JSON document and writes the folder.

:mod:`neorlt.cli` speaks for them; :mod:`neorlt.jobs.registry` lists them.
"""
