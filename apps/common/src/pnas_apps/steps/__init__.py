"""The steps of a run, one a file: `table`, `search`, `train`, `compare`, `export`, `report`; `pipeline` goes there.

A step is a function of the run and of what the step before made, which gives what it made; it knows whether that is in
the run's folder already. The other files are what steps are made of: `objective`, `rewards`, `supernet_search` and
`land` of the search, `net_training` of the training, `contenders` and `hand_made_nets` of the comparison, `net_export`
of the export. `dry_run` says before what all of it takes. May import all wings before it.
"""
