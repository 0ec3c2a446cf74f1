"""The five steps of a run, one a file: `table`, `search`, `train`, `export`, `report`; `pipeline` goes through them.

A step is a function of the run and of what the step before made, which gives what it made; it knows whether that is in
the run's folder already. The other files are what steps are made of: `objective`, `rewards`, `supernet_search` and
`land` of the search, `reference_nets` and `net_training` of the training, `net_export` of the export. May import all
wings before it.
"""
