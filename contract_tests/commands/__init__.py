"""What the commands of `contract-tests` do, a module each; their options are in `cli/`.

What several need is in `options` (what the options of a target mean) and `outcome` (progress, exit
codes).
"""
